package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/sidelock/sidelock/internal/sim"
)

// TestPlainPortTellsTLSFromGarbage: a caller that speaks TLS is answered in plaintext, which its node knows for what it is, and the
// log of this one says what to do.
func TestPlainPortTellsTLSFromGarbage(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		var log strings.Builder
		b := openPort(t, n, "b", func(c *Config, _ *Identity) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		c, err := n.Host("a").Dial(t.Context(), "b:5626")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		err = tls.Client(c, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(within(t, time.Second))
		e, ok := errors.AsType[tls.RecordHeaderError](err)
		if !ok || !IsPlain(e.RecordHeader[:]) {
			t.Fatalf("not answered in plaintext: %v", err)
		}
		c.Close()
		b.Close()
		for _, want := range []string{"level=WARN", "the caller speaks TLS, and this node does not", "--peer-secret-file"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no %q in the log:\n%s", want, log.String())
			}
		}
	})
}

func TestPlainRefusalIsHeard(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a := openPort(t, n, "a", nil)
		defer a.Close()
		l, err := n.Host("b").Listen(":5626")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() { // reads nothing before it answers, as one that took the hello for a broken handshake
			c, err := l.Accept()
			if err == nil {
				RefusePlainly(c, "cause and remedy")
				c.Close()
			}
		}()
		_, _, err = a.DialAddr(within(t, time.Second), KindProbe, "b:5626")
		if he, ok := errors.AsType[*HelloError](err); !ok || he.Code != CodeCertificate || he.Message != "cause and remedy" {
			t.Fatalf("%v", err)
		}
	})
}

func TestIsPlainKnowsAHelloByItsFirstBytes(t *testing.T) {
	for first, want := range map[string]bool{
		"\x00\x00\x01\x00{\"ver": true, "\x00\x00\x10\x00{": true, "\x00\x00\x10\x01{": false, "\x00\x01\x00\x00{": false, "\x00\x00\x01\x00[": false,
		"\x00\x00\x01\x00": false, "": false, "\x16\x03\x01\x02\x00": false, "GET / HT": false, "HTTP/1.1": false, "\x15\x03\x03\x00\x02": false,
	} {
		if got := IsPlain([]byte(first)); got != want {
			t.Errorf("%q: %v", first, got)
		}
	}
}

// TestPlainHandsOverEveryByte, however the first ones come.
func TestPlainHandsOverEveryByte(t *testing.T) {
	for _, parts := range [][]string{{"abcdef"}, {"a", "b", "c", "def"}, {"ab", "cdef"}, {"a"}, {""}, {"\x16"}, {"\x16\x02"}} {
		synctest.Test(t, func(t *testing.T) {
			left, right := net.Pipe()
			go func() {
				for _, p := range parts {
					left.Write([]byte(p))
				}
				left.Close()
			}()
			c, err := Plain{}.Server(t.Context(), right)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(iotest.OneByteReader(c))
			if want := strings.Join(parts, ""); string(got) != want || err != nil {
				t.Errorf("%q, %v, not %q", got, err, want)
			}
		})
	}
}

// fickle is a Security whose mind a test changes.
type fickle struct {
	Plain
	mu     sync.Mutex
	bad    map[net.Conn]bool // no longer valid
	made   []net.Conn        // by Client and Server, in turn
	change func()
}

func (f *fickle) Server(_ context.Context, c net.Conn) (net.Conn, error) { return f.wrap(c), nil }
func (f *fickle) Client(_ context.Context, c net.Conn, _ string) (net.Conn, error) {
	return f.wrap(c), nil
}
func (f *fickle) OnChange(g func()) { f.change = g }

func (f *fickle) wrap(c net.Conn) net.Conn {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := &begun{Conn: c}
	f.made = append(f.made, w)
	return w
}

func (f *fickle) Valid(c net.Conn) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bad[c] {
		return errors.New("not any more")
	}
	return nil
}

// TestChangeEndsTheConnectionsThatWouldNotBeMadeNow, accepted or dialed, and no other.
func TestChangeEndsTheConnectionsThatWouldNotBeMadeNow(t *testing.T) {
	for _, side := range []string{"a", "b"} {
		t.Run(side, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *sim.Net) {
				secure := map[string]*fickle{"a": {bad: map[net.Conn]bool{}}, "b": {bad: map[net.Conn]bool{}}}
				a := openPort(t, n, "a", func(c *Config, _ *Identity) { c.Security = secure["a"] })
				b := openPort(t, n, "b", func(c *Config, _ *Identity) { c.Security = secure["b"] })
				defer a.Close()
				defer b.Close()
				b.Handle(KindProbe, echo)
				var conns []net.Conn
				for range 3 {
					c, _, err := a.DialAddr(within(t, time.Second), KindProbe, "b:5626")
					if err != nil {
						t.Fatal(err)
					}
					conns = append(conns, c)
				}
				s := secure[side]
				s.bad[s.made[1]] = true
				s.change()
				synctest.Wait()
				for i, c := range conns {
					c.SetDeadline(time.Now().Add(time.Second))
					_, err := c.Write([]byte("x"))
					if err == nil {
						_, err = c.Read(make([]byte, 1))
					}
					if closed := err != nil; closed != (i == 1) {
						t.Errorf("connection %d: %v", i, err)
					}
				}
			})
		})
	}
}
