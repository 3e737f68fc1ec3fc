package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// sidecar is a fake one for tests in fake time: it answers nothing by itself, each request is handed to the test. It
// listens on pipes in memory.
type sidecar struct {
	t      *testing.T
	calls  chan *call
	conns  chan net.Conn
	closed chan struct{}
	down   atomic.Bool // dials fail
	server *http.Server

	mu   sync.Mutex
	open []*call
}

func newSidecar(t *testing.T) *sidecar {
	s := &sidecar{t: t, calls: make(chan *call, 100), conns: make(chan net.Conn), closed: make(chan struct{})}
	s.server = &http.Server{Handler: s}
	go func() { _ = s.server.Serve(s) }()
	t.Cleanup(func() {
		_ = s.server.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range s.open {
			c.finish()
		}
	})
	return s
}

// Accept, Close and Addr make it a listener.
func (s *sidecar) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}
func (s *sidecar) Close() error   { close(s.closed); return nil }
func (s *sidecar) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

var errRefused = errors.New("connection refused by the test")

func (s *sidecar) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if s.down.Load() {
		return nil, errRefused
	}
	here, there := net.Pipe()
	select {
	case s.conns <- there:
		return here, nil
	case <-s.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// client makes a client whose connections lead here.
func (s *sidecar) client(options ...Option) *Client {
	s.t.Helper()
	transport := newTransport("localhost", "", nil)
	transport.DialContext = s.dial
	c, err := New("http://localhost", append([]Option{WithTransport(transport)}, options...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.CloseIdleConnections)
	return c
}

func (s *sidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	c := &call{s: s, w: w, r: r, form: form, query: r.URL.Query(), lease: r.Header.Get(leaseHeader), what: r.Method + " " + r.URL.Path, ops: make(chan func())}
	s.mu.Lock()
	s.open = append(s.open, c)
	s.mu.Unlock()
	s.calls <- c
	for op := range c.ops {
		op()
	}
	if c.broken {
		panic(http.ErrAbortHandler)
	}
}

// next is the next request; what is its method and path.
func (s *sidecar) next(what string) *call {
	s.t.Helper()
	select {
	case c := <-s.calls:
		if c.what != what {
			s.t.Fatalf("asked %s, want %s", c.what, what)
		}
		return c
	case <-time.After(time.Hour):
		s.t.Fatalf("nobody asked %s", what)
		return nil
	}
}

// quiet fails if anything is asked that the test has not taken.
func (s *sidecar) quiet() {
	s.t.Helper()
	synctest.Wait()
	select {
	case c := <-s.calls:
		s.t.Fatalf("asked %s, want nothing", c.what)
	default:
	}
}

// call is one request.
type call struct {
	s           *sidecar
	what        string
	lease       string
	form, query url.Values
	w           http.ResponseWriter
	r           *http.Request
	ops         chan func()
	once        sync.Once
	broken      bool
}

// do runs f in the handler.
func (c *call) do(f func()) {
	done := make(chan struct{})
	c.ops <- func() { f(); close(done) }
	<-done
}

func (c *call) finish() { c.once.Do(func() { close(c.ops) }) }

// answer ends the request with a JSON answer.
func (c *call) answer(status int, body string, header ...string) {
	c.do(func() {
		h := c.w.Header()
		h.Set("Content-Type", "application/json")
		if status >= 300 {
			h.Set("Content-Type", "application/problem+json")
		}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		c.w.WriteHeader(status)
		_, _ = io.WriteString(c.w, body+"\n")
	})
	c.finish()
}

// refuse ends the request with a problem document; more are further members.
func (c *call) refuse(status int, code string, more ...string) {
	members := append([]string{fmt.Sprintf(`"code":%q,"title":"a title","detail":"a detail","status":%d`, code, status)}, more...)
	c.answer(status, "{"+strings.Join(members, ",")+"}")
}

// say sends lines of a stream.
func (c *call) say(lines ...string) {
	c.do(func() { c.say0(strings.Join(lines, "\n") + "\n") })
	synctest.Wait()
}

// say0 sends text as it is, in the handler.
func (c *call) say0(text string) {
	c.w.Header().Set("Content-Type", "application/x-ndjson")
	_, _ = io.WriteString(c.w, text)
	_ = http.NewResponseController(c.w).Flush()
}

// abort breaks the connection.
func (c *call) abort() {
	c.broken = true
	c.finish()
	synctest.Wait()
}

// gone says whether the client has hung up.
func (c *call) gone() bool {
	synctest.Wait()
	return c.r.Context().Err() != nil
}

func (c *call) held(token, validFor int) {
	c.say(fmt.Sprintf(`{"event":"held","lease":%q,"token":%d,"ttl_ms":15000,"valid_for_ms":%d}`, c.lease, token, validFor))
}

func (c *call) alive(validFor int) {
	c.say(fmt.Sprintf(`{"event":"alive","valid_for_ms":%d}`, validFor))
}

func (c *call) queued(position int) {
	c.say(fmt.Sprintf(`{"event":"queued","position":%d,"lease":%q}`, position, c.lease))
}

// grant is the answer to an acquire or a renewal.
func (c *call) grant(status, token, validFor int) {
	c.answer(status, fmt.Sprintf(`{"name":"nightly","state":"held","lease":%q,"owner":"me","token":%d,"limit":1,"ttl_ms":15000,"valid_for_ms":%d}`, c.lease, token, validFor))
}

// released is the answer to a release.
func (c *call) released() { c.answer(200, `{"name":"nightly","state":"released"}`) }

// holding takes a lock with token 7 and 15 s, and returns its first stream.
func (s *sidecar) holding(ctx context.Context, c *Client, o HoldOptions) (*Hold, *call) {
	s.t.Helper()
	type result struct {
		h   *Hold
		err error
	}
	got := make(chan result, 1)
	go func() {
		h, err := c.Hold(ctx, "nightly", o)
		got <- result{h, err}
	}()
	stream := s.next("POST /v1/locks/nightly/hold")
	stream.held(7, 15000)
	r := <-got
	if r.err != nil {
		s.t.Fatal(r.err)
	}
	return r.h, stream
}

// letGo releases a hold that a test is done with.
func (s *sidecar) letGo(h *Hold) {
	s.t.Helper()
	done := make(chan error, 1)
	go func() { done <- h.Release(context.Background()) }()
	s.next("DELETE /v1/locks/nightly").released()
	if err := <-done; err != nil {
		s.t.Errorf("release: %v", err)
	}
}

// wantLost checks with what a hold's context has ended.
func wantLost(t *testing.T, ctx context.Context, want LostError) {
	t.Helper()
	synctest.Wait()
	var lost *LostError
	if !errors.As(context.Cause(ctx), &lost) {
		t.Fatalf("the context's cause is %v, want a loss", context.Cause(ctx))
	}
	want.Kind, want.Name = KindLock, "nightly"
	if *lost != want {
		t.Fatalf("%+v, want %+v", *lost, want)
	}
	if !errors.Is(lost, ErrLost) {
		t.Error("it does not match ErrLost")
	}
}

func wantAlive(t *testing.T, ctx context.Context) {
	t.Helper()
	synctest.Wait()
	if ctx.Err() != nil {
		t.Fatalf("the context has ended: %v", context.Cause(ctx))
	}
}

// in runs a test in fake time. What goes on in the background has a minute to end; what does not is a leak, which
// synctest reports as a deadlock.
func in(t *testing.T, f func(t *testing.T, s *sidecar)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, newSidecar(t))
		time.Sleep(time.Minute)
	})
}
