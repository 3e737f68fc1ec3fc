package httpapi_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/testca"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// secureServer serves an API over TLS.
type secureServer struct {
	addr string
	cert *httpapi.Certificate
	ca   *testca.CA
	log  *safeBuffer
}

func serveSecure(t *testing.T, c httpapi.Config) *secureServer {
	t.Helper()
	s := &secureServer{ca: testca.New(t), log: &safeBuffer{}}
	var err error
	if s.cert, err = httpapi.NewCertificate(s.ca.Server(t)); err != nil {
		t.Fatal(err)
	}
	l, err := httpapi.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server, done := httpapi.NewServer(httpapi.New(c).Handler(), log), make(chan struct{})
	go func() { defer close(done); _ = server.Serve(s.cert.Secure(l, log)) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	s.addr = l.Addr().String()
	return s
}

// config is a client's, at a version of TLS.
func (s *secureServer) config(version uint16) *tls.Config {
	return &tls.Config{RootCAs: s.ca.Pool(), ServerName: "localhost", MinVersion: version, MaxVersion: version}
}

// openSecure is open over TLS.
func (s *secureServer) open(t *testing.T, version uint16, raw string) *streamClient {
	t.Helper()
	conn, err := tls.Dial("tcp", s.addr, s.config(version))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "POST"})
	if err != nil {
		t.Fatal(err)
	}
	return &streamClient{t, conn, resp, bufio.NewReader(resp.Body)}
}

var versions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

func tcpOf(c net.Conn) *net.TCPConn { return c.(*tls.Conn).NetConn().(*net.TCPConn) }

// closings are the ways in which a client ends a connection. All are its own close.
var closings = map[string]func(net.Conn) error{
	"in order":         net.Conn.Close,
	"killed":           func(c net.Conn) error { return tcpOf(c).Close() }, // the kernel closes, and TLS says nothing
	"killed and reset": func(c net.Conn) error { _ = tcpOf(c).SetLinger(0); return tcpOf(c).Close() },
	"only in TLS":      func(c net.Conn) error { return c.(*tls.Conn).CloseWrite() },
	"its half":         func(c net.Conn) error { return tcpOf(c).CloseWrite() },
}

// TestClientsCloseIsSeenAtOnceThroughTLS (P21): a crashed application on a live machine is noticed in milliseconds.
func TestClientsCloseIsSeenAtOnceThroughTLS(t *testing.T) {
	for name, version := range versions {
		for how, end := range closings {
			t.Run(name+", "+how, func(t *testing.T) {
				h := newFakeHold(holding)
				server := serveSecure(t, httpapi.Config{Node: holdNode(h)})
				s := server.open(t, version, post("/v1/locks/a/hold"))
				s.want(`{"event":"held","lease":"` + chosen + `","token":17,"ttl_ms":15000,"valid_for_ms":14960}`)
				begin := time.Now()
				if err := end(s.conn); err != nil {
					t.Fatal(err)
				}
				if got := receive(t, h.ended); got != "by client, told true, latest true" {
					t.Errorf("ended %s", got)
				}
				if took := time.Since(begin); took > time.Second {
					t.Errorf("noticed after %s", took)
				}
			})
		}
	}
}

// TestRequestThatItsClientHasLeftStandsForItselfAloneThroughTLS: what TLS says at a close lies in the socket before its end.
func TestRequestThatItsClientHasLeftStandsForItselfAloneThroughTLS(t *testing.T) {
	for name, version := range versions {
		for _, how := range []string{"in order", "killed", "killed and reset"} {
			t.Run(name+", "+how, func(t *testing.T) {
				h, node := newFakeHold(holding), newFakeNode()
				arrived, goOn := make(chan struct{}), make(chan struct{})
				node.hold = func(context.Context, lease.Command, time.Duration) (httpapi.Holding, raftnode.Outcome, error) {
					close(arrived)
					<-goOn
					return h, raftnode.Outcome{Result: lease.Result{Index: 913, TTL: 15 * time.Second}}, nil
				}
				server := serveSecure(t, httpapi.Config{Node: node})
				conn, err := tls.Dial("tcp", server.addr, server.config(version))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(conn, post("/v1/locks/a/hold")); err != nil {
					t.Fatal(err)
				}
				receive(t, arrived)
				if err := closings[how](conn); err != nil {
					t.Fatal(err)
				}
				close(goOn)
				if got := receive(t, h.ended); got != "by client, told false, latest false" {
					t.Errorf("ended %s", got)
				}
			})
		}
	}
}

// dying are connections that a test can have time out, as to a machine that has vanished.
type dying struct {
	net.Listener
	conns chan *dyingConn
}

func (l dying) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	one := &dyingConn{Conn: c}
	l.conns <- one
	return one, nil
}

type dyingConn struct {
	net.Conn
	dead atomic.Bool
}

func (c *dyingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.dead.Load() {
		return 0, &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}
	}
	return n, err
}

// TestClientThatCannotBeReachedHasNotClosedThroughTLS: it may be alive, and act on the last deadline that it heard.
func TestClientThatCannotBeReachedHasNotClosedThroughTLS(t *testing.T) {
	ca := testca.New(t)
	cert, err := httpapi.NewCertificate(ca.Server(t))
	if err != nil {
		t.Fatal(err)
	}
	bare, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h, l := newFakeHold(holding), dying{bare, make(chan *dyingConn, 1)}
	server := httpapi.NewServer(httpapi.New(httpapi.Config{Node: holdNode(h)}).Handler(), nil)
	go func() { _ = server.Serve(cert.Secure(httpapi.Watch(l), nil)) }()
	defer server.Close()
	s := (&secureServer{addr: bare.Addr().String(), ca: ca}).open(t, tls.VersionTLS13, post("/v1/locks/a/hold"))
	s.line()
	c := <-l.conns
	c.dead.Store(true)
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil { // wakes who reads
		t.Fatal(err)
	}
	if got := receive(t, h.ended); got != "by sidecar, told true, latest true" {
		t.Errorf("ended %s", got)
	}
}

func TestStreamThatTheSidecarEndsReleasesNothingThroughTLS(t *testing.T) {
	h := newFakeHold(holding)
	s := serveSecure(t, httpapi.Config{Node: holdNode(h)}).open(t, tls.VersionTLS13, post("/v1/locks/a/hold"))
	s.line()
	h.become(func(s *raftnode.HoldState) { s.Closing = true })
	if got := receive(t, h.ended); got != "by sidecar, told true, latest true" {
		t.Errorf("ended %s", got)
	}
}

// TestSlowReaderIsClosedAndKeepsWhatItHoldsThroughTLS reads nothing while frames come without end.
func TestSlowReaderIsClosedAndKeepsWhatItHoldsThroughTLS(t *testing.T) {
	t.Parallel()
	h := newFakeHold(waiting)
	s := serveSecure(t, httpapi.Config{Node: holdNode(h)}).open(t, tls.VersionTLS13, post("/v1/locks/a/hold"))
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			h.become(func(s *raftnode.HoldState) { s.Position++ })
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	if got := receive(t, h.ended); got != "by sidecar, told false, latest true" {
		t.Errorf("ended %s", got)
	}
	tcpOf(s.conn).Close()
}

func TestOnlyNewTLSAndOnlyHTTP1AreSpoken(t *testing.T) {
	server := serveSecure(t, httpapi.Config{Node: newFakeNode()})
	dial := func(change func(*tls.Config)) (tls.ConnectionState, error) {
		c := server.config(0)
		change(c)
		conn, err := tls.Dial("tcp", server.addr, c)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer conn.Close()
		return conn.ConnectionState(), nil
	}
	for name, version := range versions {
		if state, err := dial(func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version }); err != nil || state.Version != version {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := dial(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if state, err := dial(func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }); err != nil || state.NegotiatedProtocol != "http/1.1" {
		t.Errorf("the protocol is %q: %v", state.NegotiatedProtocol, err)
	}
	if _, err := dial(func(c *tls.Config) { c.NextProtos = []string{"h2"} }); err == nil {
		t.Error("HTTP/2 is spoken: closing a connection would no more mean one hold")
	}
	if _, err := dial(func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }); err == nil {
		t.Error("a client believed a certificate that nobody vouches for")
	}
	if !strings.Contains(server.log.String(), "a TLS handshake failed") {
		t.Errorf("failed handshakes are not logged: %s", server.log)
	}
}

func TestPlainHTTPIsToldToSpeakTLS(t *testing.T) {
	server := serveSecure(t, httpapi.Config{Node: newFakeNode()})
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"} {
		conn, err := net.Dial("tcp", server.addr)
		if err != nil {
			t.Fatal(err)
		}
		r := formRequest(method, "/v1/locks/a", "")
		if err := r.Write(conn); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), formRequest("GET", "/v1/locks/a", ""))
		if err != nil {
			t.Fatal(method, err)
		}
		check(t).Validate(t, formRequest("GET", "/v1/cluster", ""), withIndex(resp))
		var d document
		if err := json.NewDecoder(resp.Body).Decode(&d); err != nil || resp.StatusCode != 400 || d.Code != "invalid_request" || !strings.Contains(d.Detail, "https://") {
			t.Errorf("%s: %d %+v %v", method, resp.StatusCode, d, err)
		}
		conn.Close()
	}
	conn, err := net.Dial("tcp", server.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "\x00\x01 neither this nor that"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if got, _ := io.ReadAll(conn); strings.Contains(string(got), "HTTP") {
		t.Errorf("nonsense is answered: %q", got)
	}
}

// TestHandshakeThatIsNotMadeIsGivenUp within the time for headers.
func TestHandshakeThatIsNotMadeIsGivenUp(t *testing.T) {
	t.Parallel()
	server := serveSecure(t, httpapi.Config{Node: newFakeNode()})
	conn, err := net.Dial("tcp", server.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{22, 3, 1, 2, 0}); err != nil { // the head of a record, and nothing behind it
		t.Fatal(err)
	}
	begin := time.Now()
	_ = conn.SetReadDeadline(begin.Add(4 * httpapi.HeaderTimeout))
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("still open after %s: %v", time.Since(begin), err)
	}
}

// withIndex adds what only a handler knows.
func withIndex(resp *http.Response) *http.Response {
	resp.Header.Set("Sidelock-Index", "1")
	resp.Header.Set("Sidelock-Node", "n1")
	return resp
}

func TestIndexShowsTheWayThatWorksHere(t *testing.T) {
	server := serveSecure(t, httpapi.Config{Node: newFakeNode(), Keys: ringOf(t, "keys: [{name: a, key: 0123456789abcdef0123456789abcdef, verbs: [read], prefixes: ['*']}]")})
	s := server.open(t, tls.VersionTLS13, "GET / HTTP/1.1\r\nHost: localhost:5625\r\n\r\n")
	var page struct{ Try string }
	if err := json.NewDecoder(s.in).Decode(&page); err != nil || page.Try != "curl -d ttl=15s -H 'Authorization: Bearer KEY' https://localhost:5625/v1/locks/my-lock" {
		t.Errorf("%q %v", page.Try, err)
	}
}
