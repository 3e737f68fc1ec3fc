package trust

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidelock/sidelock/raftnode/peer"
)

func bare(t *testing.T, to *node) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", to.addr())
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestBytesThatAreNotTLSAreRefusedAndNamed(t *testing.T) {
	for name, sent := range map[string]string{
		"noise":            "\x00\xff\x17\x80\x93 whatever this is",
		"http":             "GET /v1/locks HTTP/1.1\r\nHost: x\r\n\r\n",
		"oversize hello":   "\x00\x01\x00\x00{",
		"hello of nothing": "\x00\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			b := startNode(t, "b", bySecret(t, oldSecret))
			c := bare(t, b)
			c.Write([]byte(sent))
			mustEnd(t, c)
			b.log.await(t, "WARN", "the caller does not speak TLS", "is it a sidelock node", "not the API")
		})
	}
}

func TestBrokenHandshakeIsRefused(t *testing.T) {
	b := startNode(t, "b", bySecret(t, oldSecret))
	c := bare(t, b)
	c.Write([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")) // a ClientHello of one byte
	mustEnd(t, c)
	b.log.await(t, "WARN", "the TLS handshake with the caller failed", "set up like this one")
}

func TestCallerThatOnlyTriesThePortIsNamed(t *testing.T) {
	b := startNode(t, "b", bySecret(t, oldSecret))
	bare(t, b).Close()
	b.log.await(t, "closed the connection during the TLS handshake", "only tried the port")
}

// TestStalledHandshakeEndsAtItsDeadline, whether the caller says nothing or half of something, while others get through.
func TestStalledHandshakeEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	s := bySecret(t, oldSecret)
	a, b := startNode(t, "a", s), startNode(t, "b", s)
	began := time.Now()
	silent, half := bare(t, b), bare(t, b)
	half.Write([]byte("\x16\x03\x01\x02\x00\x01\x00"))
	must(t, ping(a.mustDial(b)))
	mustEnd(t, silent)
	mustEnd(t, half)
	if took := time.Since(began); took < peer.HelloTimeout-100*time.Millisecond || took > peer.HelloTimeout+patience/2 {
		t.Errorf("closed after %v, not %v", took, peer.HelloTimeout)
	}
	b.log.await(t, "WARN", "did not finish the TLS handshake in time", "is no sidelock node")
}

// caller is another program's way of calling with TLS.
func callAs(t *testing.T, b *node, change func(*tls.Config)) error {
	t.Helper()
	own := bySecret(t, oldSecret).inForce.Load().own
	cfg := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{own}, NextProtos: []string{protocol}}
	change(cfg)
	c := tls.Client(bare(t, b), cfg)
	c.SetDeadline(time.Now().Add(patience))
	if err := c.Handshake(); err != nil {
		return err
	}
	_, err := c.Read(make([]byte, 1))
	return err
}

func TestOtherProgramsWithTLSAreRefused(t *testing.T) {
	for name, m := range map[string]struct {
		change func(*tls.Config)
		alert  string
		sees   []string
	}{
		"no certificate": {func(c *tls.Config) { c.Certificates = nil }, "certificate required",
			[]string{"didn't provide a certificate", "is it a sidelock node, set up like this one"}},
		"TLS 1.2": {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "protocol version",
			[]string{"unsupported versions", "is it a sidelock node, set up like this one"}},
		"the protocol of another": {func(c *tls.Config) { c.NextProtos = []string{"h2"} }, "no application protocol",
			[]string{"unsupported application protocols", "is it a sidelock node, set up like this one"}},
		"no protocol": {func(c *tls.Config) { c.NextProtos = nil }, "bad certificate",
			[]string{"does not speak the protocol of peers"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := startNode(t, "b", bySecret(t, oldSecret))
			if err := callAs(t, b, m.change); err == nil || !strings.Contains(err.Error(), m.alert) {
				t.Errorf("the caller got %v, not %q", err, m.alert)
			}
			b.log.await(t, append([]string{"WARN"}, m.sees...)...)
		})
	}
	b := startNode(t, "b", bySecret(t, oldSecret))
	if err := callAs(t, b, func(*tls.Config) {}); err != io.EOF && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the control, which differs in nothing, got as far as %v", err)
	}
}

// eofSeen is a connection that tells whether it was read to its end.
type eofSeen struct {
	net.Conn
	seen atomic.Bool
}

func (c *eofSeen) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == io.EOF {
		c.seen.Store(true)
	}
	return n, err
}

// TestRefusedCallerIsHeardOut: a connection that is closed with bytes unread is reset, and some systems and proxies drop the alert
// with it.
func TestRefusedCallerIsHeardOut(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	caller, called := bySecret(t, newSecret, oldSecret), bySecret(t, oldSecret)
	go func() {
		bare, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return
		}
		defer bare.Close()
		if c, err := caller.Client(t.Context(), bare, "called"); err == nil { // it does not know yet
			c.Write(make([]byte, 32<<10))
			bare.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, bare)
		}
	}()
	bare, err := l.Accept()
	must(t, err)
	defer bare.Close()
	c := &eofSeen{Conn: bare}
	if _, err := called.Server(t.Context(), c); err == nil {
		t.Fatal("let in")
	}
	if !c.seen.Load() {
		t.Error("not read to the end")
	}
}

// TestPlacesThatAreNoPeerPortAreNamed: wrong addresses in --join.
func TestPlacesThatAreNoPeerPortAreNamed(t *testing.T) {
	a := startNode(t, "a", bySecret(t, oldSecret))
	probe := func(t *testing.T, addr string, limit time.Duration, want ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		_, _, err := a.port.DialAddr(ctx, peer.KindProbe, addr)
		if err == nil {
			t.Fatal("taken for a peer")
		}
		if gap := missing(err.Error(), append(want, addr)); len(gap) > 0 {
			t.Errorf("no word of %q in: %v", gap, err)
		}
	}
	t.Run("HTTP", func(t *testing.T) {
		s := httptest.NewServer(http.NotFoundHandler())
		defer s.Close()
		probe(t, s.Listener.Addr().String(), patience, "answers in HTTP", "no peer port", "correct --join")
	})
	t.Run("HTTPS", func(t *testing.T) {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
		s.StartTLS()
		defer s.Close()
		probe(t, s.Listener.Addr().String(), patience, "speaks TLS, but not as a sidelock peer port", "correct --join")
	})
	raw := func(serve func(net.Conn)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		t.Cleanup(func() { l.Close() })
		go func() {
			if c, err := l.Accept(); err == nil {
				serve(c)
			}
		}()
		return l.Addr().String()
	}
	t.Run("greets first", func(t *testing.T) {
		probe(t, raw(func(c net.Conn) { c.Write([]byte("220 mail ready\r\n")); io.Copy(io.Discard, c) }), patience, "does not answer in TLS", "is it a sidelock peer port")
	})
	t.Run("closes", func(t *testing.T) {
		probe(t, raw(func(c net.Conn) { io.ReadFull(c, make([]byte, 50)); c.Close() }), patience, "closed the connection during the TLS handshake", "at its limit of connections")
	})
	t.Run("says nothing", func(t *testing.T) {
		began := time.Now()
		probe(t, raw(func(c net.Conn) { io.Copy(io.Discard, c) }), 200*time.Millisecond, "did not finish the TLS handshake in time", "no sidelock peer port")
		if took := time.Since(began); took > patience/2 {
			t.Errorf("only after %v", took)
		}
	})
}

func TestExplainKeepsTheErrorAndSaysWhatItMayMean(t *testing.T) {
	s := bySecret(t, oldSecret)
	if err := s.Explain(nil, "x:1", io.EOF); err == nil || len(missing(err.Error(), []string{"peer x:1", "its log says why", "EOF"})) > 0 {
		t.Errorf("%v", err)
	}
	if err := s.Explain(nil, "x:1", os.ErrDeadlineExceeded); !late(err) || !strings.Contains(err.Error(), "no answer to the hello") {
		t.Errorf("%v", err)
	}
}
