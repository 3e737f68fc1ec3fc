package sim

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pair gives a connection between hosts a and b.
func pair(t *testing.T, n *Net) (net.Conn, net.Conn) {
	t.Helper()
	l, err := n.Host("b").Listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	near, err := dialAccepting(t, n, l)
	if err != nil {
		t.Fatal(err)
	}
	return near[0], near[1]
}

func dialAccepting(t *testing.T, n *Net, l net.Listener) ([2]net.Conn, error) {
	t.Helper()
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			accepted <- c
		}
	}()
	c, err := n.Host("a").Dial(t.Context(), l.Addr().String())
	if err != nil {
		return [2]net.Conn{}, err
	}
	return [2]net.Conn{c, <-accepted}, nil
}

func bubble(t *testing.T, f func(*testing.T, *Net)) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		defer n.Close()
		f(t, n)
	})
}

func mustRead(t *testing.T, c net.Conn, want string) {
	t.Helper()
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != want {
		t.Fatalf("read %q, %v; want %q", buf, err, want)
	}
}

func TestBytesAndClosingArriveInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, n *Net) {
		a, b := pair(t, n)
		for _, s := range []string{"one", "two"} {
			if _, err := a.Write([]byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		a.Close()
		mustRead(t, b, "onetwo")
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Fatalf("after a closing: %v", err)
		}
	})
}

func TestDelayedBytesArriveThatMuchLater(t *testing.T) {
	bubble(t, func(t *testing.T, n *Net) {
		a, b := pair(t, n)
		n.Delay("a", "b", 70*time.Millisecond)
		start := time.Now()
		a.Write([]byte("x"))
		mustRead(t, b, "x")
		if d := time.Since(start); d != 70*time.Millisecond {
			t.Fatalf("arrived after %v", d)
		}
		b.Write([]byte("y"))
		mustRead(t, a, "y")
		if d := time.Since(start); d != 70*time.Millisecond {
			t.Fatalf("the other way was delayed: %v", d)
		}
	})
}

func TestCutLinkHoldsBytesAndClosingOneWay(t *testing.T) {
	bubble(t, func(t *testing.T, n *Net) {
		a, b := pair(t, n)
		n.Cut("a", "b")
		a.Write([]byte("late"))
		a.Close()
		b.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := b.Read(make([]byte, 1)); err == nil || !err.(net.Error).Timeout() {
			t.Fatalf("read through a cut: %v", err)
		}
		b.SetReadDeadline(time.Time{})
		n.Heal("a", "b")
		mustRead(t, b, "late")
	})
}

func TestDialIsRefusedOrHangsAsTheFaultSays(t *testing.T) {
	bubble(t, func(t *testing.T, n *Net) {
		start := time.Now()
		if _, err := n.Host("a").Dial(t.Context(), "b:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("nobody listens: %v", err)
		}
		if time.Since(start) != 0 {
			t.Fatal("a refusal took time")
		}
		l, _ := n.Host("b").Listen(":1")
		defer l.Close()
		n.Cut("b", "a")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := n.Host("a").Dial(ctx, "b:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("dial over a cut way back: %v", err)
		}
		n.Heal("b", "a")
		if _, err := dialAccepting(t, n, l); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCrashLeavesHalfOpenConnectionThatRestartResets(t *testing.T) {
	bubble(t, func(t *testing.T, n *Net) {
		a, b := pair(t, n)
		n.Crash("b")
		if _, err := b.Read(make([]byte, 1)); err == nil {
			t.Fatal("the crashed end still reads")
		}
		a.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := a.Read(make([]byte, 1)); err == nil || !err.(net.Error).Timeout() {
			t.Fatalf("the other end was told of the crash: %v", err)
		}
		n.Restart("b")
		a.SetReadDeadline(time.Time{})
		a.Write([]byte("still there?"))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Fatalf("writing to a forgotten connection: %v", err)
		}
		if n.Conns() != 0 {
			t.Fatalf("%d connections left", n.Conns())
		}
	})
}

func TestDropBreaksBothEnds(t *testing.T) {
	bubble(t, func(t *testing.T, n *Net) {
		a, b := pair(t, n)
		n.Drop("b", "a")
		for _, c := range []net.Conn{a, b} {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Fatalf("read: %v", err)
			}
		}
	})
}
