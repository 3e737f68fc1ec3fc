package trust

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestMuchPassesBothWaysAtOnce: a snapshot, say.
func TestMuchPassesBothWaysAtOnce(t *testing.T) {
	a, b := startNode(t, "a", bySecret(t, oldSecret)), startNode(t, "b", bySecret(t, oldSecret))
	c := a.mustDial(b)
	c.SetDeadline(time.Now().Add(3 * patience))
	sent, got := make([]byte, 8<<20), make([]byte, 8<<20)
	rand.Read(sent)
	failed := make(chan error, 1)
	go func() { _, err := c.Write(sent); failed <- err }()
	_, err := io.ReadFull(c, got)
	must(t, err)
	must(t, <-failed)
	if !bytes.Equal(sent, got) {
		t.Fatal("other bytes came back")
	}
}

// TestCloseDoesNotWaitForAPeerThatHangs: over a pipe, every byte of a farewell would wait for the other side to read it.
func TestCloseDoesNotWaitForAPeerThatHangs(t *testing.T) {
	s := bySecret(t, oldSecret)
	left, right := net.Pipe()
	accepted := make(chan net.Conn, 1)
	go func() { c, _ := s.Server(t.Context(), right); accepted <- c }()
	c, err := s.Client(t.Context(), left, "right")
	must(t, err)
	<-accepted // and never reads
	began := time.Now()
	must(t, c.Close())
	if took := time.Since(began); took > time.Second {
		t.Fatalf("took %v", took)
	}
}

// TestHandshakeEndsWithItsContext, also where the connection has no deadline of its own; and a handshake that is done does not.
func TestHandshakeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := derive([]string{oldSecret})
		must(t, err)
		tr := &Trust{}
		tr.inForce.Store(s)
		for name, shake := range map[string]func(context.Context, net.Conn) (net.Conn, error){
			"server": tr.Server,
			"client": func(ctx context.Context, c net.Conn) (net.Conn, error) { return tr.Client(ctx, c, "other") },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			left, right := net.Pipe()
			go io.Copy(io.Discard, right)
			began := time.Now()
			_, err := shake(ctx, left)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "in time") || time.Since(began) != time.Second {
				t.Errorf("%s: after %v: %v", name, time.Since(began), err)
			}
			cancel()
			left.Close()
		}
		ctx, cancel := context.WithCancel(t.Context())
		left, right := net.Pipe()
		go func() {
			if c, err := tr.Server(ctx, right); err == nil {
				io.Copy(c, c)
			}
		}()
		c, err := tr.Client(ctx, left, "other")
		must(t, err)
		synctest.Wait() // the server's handshake ends after the client's
		cancel()
		must(t, ping(c))
		c.Close()
	})
}

func TestNothingReadableTravels(t *testing.T) {
	s := bySecret(t, oldSecret)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	b := startNode(t, "recognizable-name", s)
	seen := make(chan []byte, 1)
	go func() { // a relay that listens in
		from, err := l.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", b.addr())
		if err != nil {
			return
		}
		var heard bytes.Buffer
		go func() { io.Copy(to, from); to.(*net.TCPConn).CloseWrite() }()
		io.Copy(io.MultiWriter(from, &heard), to)
		seen <- heard.Bytes()
	}()
	a := startNode(t, "a", s)
	c, err := a.dialAt(b, l.Addr().String())
	must(t, err)
	c.Close()
	heard := <-seen
	if len(heard) < 500 || bytes.Contains(heard, []byte("ping")) || bytes.Contains(heard, []byte("recognizable")) {
		t.Fatalf("%d bytes: %q", len(heard), heard)
	}
}
