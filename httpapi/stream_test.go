package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// fakeHold stands as a test tells it to.
type fakeHold struct {
	mu      sync.Mutex
	now     raftnode.HoldState
	changed chan struct{}
	ended   chan string
}

var _ httpapi.Holding = (*fakeHold)(nil)

func newFakeHold(now raftnode.HoldState) *fakeHold {
	now.Lease = chosen
	return &fakeHold{now: now, changed: make(chan struct{}, 1), ended: make(chan string, 1)}
}

func (h *fakeHold) Changed() <-chan struct{} { return h.changed }

func (h *fakeHold) State() raftnode.HoldState {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *fakeHold) End(e raftnode.Ending) {
	who := map[bool]string{true: "client", false: "sidecar"}[e.Release]
	h.ended <- fmt.Sprintf("by %s, told %v, latest %v", who, e.Told, e.Latest)
}

func (h *fakeHold) become(change func(*raftnode.HoldState)) {
	h.mu.Lock()
	change(&h.now)
	h.mu.Unlock()
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// holdNode is a node whose every hold is h.
func holdNode(h *fakeHold) *fakeNode {
	n := newFakeNode()
	n.hold = func(ctx context.Context, c lease.Command, _ time.Duration) (httpapi.Holding, raftnode.Outcome, error) {
		return h, raftnode.Outcome{Result: lease.Result{Index: 913, TTL: 15 * time.Second}}, nil
	}
	return n
}

var (
	waiting = raftnode.HoldState{Standing: lease.Waiting, Position: 2, TTL: 15 * time.Second}
	holding = raftnode.HoldState{Standing: lease.Holding, Token: 17, TTL: 15 * time.Second, ValidFor: 14960 * time.Millisecond}
)

// client reads a stream line by line over a real connection.
type streamClient struct {
	t    *testing.T
	conn net.Conn
	resp *http.Response
	in   *bufio.Reader
}

func open(t *testing.T, addr, raw string) *streamClient {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
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
	method, _, _ := strings.Cut(raw, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return &streamClient{t, conn, resp, bufio.NewReader(resp.Body)}
}

func (c *streamClient) line() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatalf("after %q: %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (c *streamClient) want(lines ...string) {
	c.t.Helper()
	for _, want := range lines {
		if got := c.line(); got != want {
			c.t.Fatalf("\n got %s\nwant %s", got, want)
		}
	}
}

func post(path string, headers ...string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

func TestHoldStreamTellsWhereItsClientStands(t *testing.T) {
	for _, c := range []struct{ path, waits, holds string }{{"/v1/locks/a/hold", "queued", "held"}, {"/v1/elections/a/hold", "standby", "leading"}} {
		h, recorded := newFakeHold(waiting), make(recorder, 10)
		s := open(t, serve(t, httpapi.Config{Node: holdNode(h), Recorder: recorded}), post(c.path))
		if s.resp.StatusCode != 200 || s.resp.Header.Get("Content-Type") != "application/x-ndjson" ||
			s.resp.Header.Get("Sidelock-Index") != "913" || s.resp.Header.Get("Sidelock-Node") != "n1" || s.resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %v", s.resp.StatusCode, s.resp.Header)
		}
		s.want(`{"event":"` + c.waits + `","position":2,"lease":"` + chosen + `"}`)
		h.become(func(s *raftnode.HoldState) { s.Position = 1 })
		s.want(`{"event":"` + c.waits + `","position":1,"lease":"` + chosen + `"}`)
		h.become(func(s *raftnode.HoldState) { *s = holding; s.Lease = chosen })
		s.want(`{"event":"` + c.holds + `","lease":"` + chosen + `","token":17,"ttl_ms":15000,"valid_for_ms":14960}`)
		h.become(func(s *raftnode.HoldState) { s.ValidFor = 7499 * time.Millisecond }) // less than half is left
		s.want(`{"event":"jeopardy","valid_for_ms":7499,"reason":"no_quorum"}`)
		h.become(func(s *raftnode.HoldState) { s.Doubt = raftnode.NoLeader }) // nothing new to say
		h.become(func(s *raftnode.HoldState) { s.ValidFor, s.Doubt = 14*time.Second, lease.OK })
		s.want(`{"event":"alive","valid_for_ms":14000}`)
		h.become(func(s *raftnode.HoldState) { s.ValidFor, s.Doubt = 6*time.Second, raftnode.NoLeader })
		s.want(`{"event":"jeopardy","valid_for_ms":6000,"reason":"no_leader"}`)
		h.become(func(s *raftnode.HoldState) { *s = raftnode.HoldState{Lost: "forced", Why: "stuck \"job\""} })
		s.want(`{"event":"lost","reason":"forced","why":"stuck \"job\""}`)
		if rest, err := io.ReadAll(s.in); err != nil || len(rest) > 0 {
			t.Errorf("after the loss: %q %v", rest, err)
		}
		if got := receive(t, h.ended); got != "by client, told true, latest true" {
			t.Errorf("ended %s", got)
		}
		for i := range 2 { // of the frames above: each time that it comes into doubt, and not each time that it is said
			if got := receive(t, recorded); got != "jeopardy" {
				t.Errorf("%d. what is counted: %s", i+1, got)
			}
		}
		if got := receive(t, recorded); !strings.HasSuffix(got, "_hold ok") {
			t.Errorf("counted after two jeopardies: %s", got)
		}
	}
}

// TestHoldStreamIsNeverSilentForLong: a third of a short TTL. (Five seconds are too long to wait for here.)
func TestHoldStreamIsNeverSilentForLong(t *testing.T) {
	h := newFakeHold(raftnode.HoldState{Standing: lease.Holding, Token: 17, TTL: time.Second, ValidFor: 990 * time.Millisecond})
	n := holdNode(h)
	n.hold = func(context.Context, lease.Command, time.Duration) (httpapi.Holding, raftnode.Outcome, error) {
		return h, raftnode.Outcome{Result: lease.Result{Index: 913, TTL: time.Second}}, nil
	}
	s := open(t, serve(t, httpapi.Config{Node: n}), post("/v1/locks/a/hold?ttl=1s"))
	s.line()
	for range 3 {
		begin := time.Now()
		s.want(`{"event":"alive","valid_for_ms":990}`)
		if took := time.Since(begin); took > 900*time.Millisecond {
			t.Errorf("silent for %v", took)
		}
	}
}

func TestServerSentEventsCarryTheSame(t *testing.T) {
	h := newFakeHold(holding)
	s := open(t, serve(t, httpapi.Config{Node: holdNode(h)}), post("/v1/locks/a/hold", "Accept: text/html, text/event-stream;q=0.9"))
	if got := s.resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %s", got)
	}
	s.want("event: held", `data: {"event":"held","lease":"`+chosen+`","token":17,"ttl_ms":15000,"valid_for_ms":14960}`, "")
}

// TestHowAStreamEndsDecidesWhatBecomesOfIt: only a client's own close releases (P21).
func TestHowAStreamEndsDecidesWhatBecomesOfIt(t *testing.T) {
	for _, c := range []struct {
		what  string
		begin raftnode.HoldState
		end   func(*streamClient, *fakeHold)
		want  string
	}{
		{"the client closes", holding, func(s *streamClient, _ *fakeHold) { s.conn.Close() }, "by client, told true, latest true"},
		{"the client is killed with bytes unread", holding, func(s *streamClient, _ *fakeHold) { _ = s.conn.(*net.TCPConn).SetLinger(0); s.conn.Close() }, "by client, told true, latest true"},
		{"the client closes its half", holding, func(s *streamClient, _ *fakeHold) { _ = s.conn.(*net.TCPConn).CloseWrite() }, "by client, told true, latest true"},
		{"the client leaves the line", waiting, func(s *streamClient, _ *fakeHold) { s.conn.Close() }, "by client, told false, latest true"},
		{"a proxy in between closes", holding, func(s *streamClient, _ *fakeHold) { s.conn.Close() }, "by sidecar, told true, latest false"},
		{"the sidecar drains", holding, func(_ *streamClient, h *fakeHold) { h.become(func(s *raftnode.HoldState) { s.Closing = true }) }, "by sidecar, told true, latest true"},
		{"it is lost", waiting, func(_ *streamClient, h *fakeHold) {
			h.become(func(s *raftnode.HoldState) { *s = raftnode.HoldState{Lost: raftnode.WaitOver} })
		}, "by client, told false, latest true"},
	} {
		t.Run(c.what, func(t *testing.T) {
			h := newFakeHold(c.begin)
			var headers []string
			if strings.Contains(c.what, "proxy") {
				headers = []string{"Via: 1.1 somebody"}
			}
			s := open(t, serve(t, httpapi.Config{Node: holdNode(h)}), post("/v1/locks/a/hold", headers...))
			s.line()
			c.end(s, h)
			if got := receive(t, h.ended); got != c.want {
				t.Errorf("ended %s, want %s", got, c.want)
			}
		})
	}
}

// TestRequestThatItsClientHasLeftStandsForItselfAlone: it was read too late, and its client may hold through another sidecar by now.
func TestRequestThatItsClientHasLeftStandsForItselfAlone(t *testing.T) {
	for what, hangUp := range map[string]func(*net.TCPConn) error{
		"closed": (*net.TCPConn).Close,
		"reset":  func(c *net.TCPConn) error { _ = c.SetLinger(0); return c.Close() },
	} {
		t.Run(what, func(t *testing.T) {
			h := newFakeHold(holding)
			n := newFakeNode()
			arrived, goOn := make(chan struct{}), make(chan struct{})
			n.hold = func(context.Context, lease.Command, time.Duration) (httpapi.Holding, raftnode.Outcome, error) {
				close(arrived)
				<-goOn // the sidecar was paused, or cut off
				return h, raftnode.Outcome{Result: lease.Result{Index: 913, TTL: 15 * time.Second}}, nil
			}
			conn, err := net.Dial("tcp", serve(t, httpapi.Config{Node: n}))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, post("/v1/locks/a/hold")); err != nil {
				t.Fatal(err)
			}
			receive(t, arrived)
			if err := hangUp(conn.(*net.TCPConn)); err != nil {
				t.Fatal(err)
			}
			close(goOn)
			if got := receive(t, h.ended); got != "by client, told false, latest false" {
				t.Errorf("ended %s", got)
			}
		})
	}
}

func TestClosedServerReleasesNothing(t *testing.T) {
	for what, watch := range map[string]func(net.Listener) net.Listener{
		"watched": httpapi.Watch, "not watched": func(l net.Listener) net.Listener { return l },
	} {
		t.Run(what, func(t *testing.T) { closeServer(t, watch) })
	}
}

func closeServer(t *testing.T, watch func(net.Listener) net.Listener) {
	h := newFakeHold(holding)
	bare, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := watch(bare)
	server := httpapi.NewServer(httpapi.New(httpapi.Config{Node: holdNode(h)}).Handler(), nil)
	go func() { _ = server.Serve(l) }()
	s := open(t, l.Addr().String(), post("/v1/locks/a/hold"))
	s.line()
	server.Close()
	if got := receive(t, h.ended); got != "by sidecar, told true, latest true" {
		t.Errorf("ended %s", got)
	}
}

// TestStreamIsAnsweredBeforeThereIsAnythingToSay: a client may not wait long for the header.
func TestStreamIsAnsweredBeforeThereIsAnythingToSay(t *testing.T) {
	n := newFakeNode()
	n.subscribe = func(context.Context, *raftnode.EventID, raftnode.Filter) (httpapi.Subscription, error) {
		return fakeSub{make(chan raftnode.Delivery)}, nil
	}
	begin := time.Now()
	open(t, serve(t, httpapi.Config{Node: n}), "GET /v1/events?after=913.1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if took := time.Since(begin); took > httpapi.EventsAliveEvery/2 {
		t.Errorf("answered after %v", took)
	}
}

// TestSlowReaderIsClosedAndKeepsWhatItHolds reads nothing while frames come without end.
func TestSlowReaderIsClosedAndKeepsWhatItHolds(t *testing.T) {
	h := newFakeHold(waiting)
	s := open(t, serve(t, httpapi.Config{Node: holdNode(h)}), post("/v1/locks/a/hold"))
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
	s.conn.Close()
}

func TestRefusedHoldIsAnOrdinaryProblem(t *testing.T) {
	n := newFakeNode() // grants no hold
	h := httpapi.New(httpapi.Config{Node: n}).Handler()
	resp := ask(t, h, formRequest("POST", "/v1/locks/a/hold", "wait=0&ttl=1m"))
	if resp.StatusCode != 423 || n.waited != 0 {
		t.Errorf("status %d, waits %v", resp.StatusCode, n.waited)
	}
	ask(t, h, formRequest("POST", "/v1/locks/a/hold", ""))
	if n.waited >= 0 {
		t.Errorf("waits %v, and without limit by default", n.waited)
	}
	ask(t, h, formRequest("POST", "/v1/elections/a/hold", "wait=3s&value=v"))
	if c := n.last(t); n.waited != 3*time.Second || c.Space != lease.Elections || c.Value != "v" || c.Limit != 1 || c.Attempt == 0 {
		t.Errorf("waits %v: %+v", n.waited, c)
	}
	n.hold = func(context.Context, lease.Command, time.Duration) (httpapi.Holding, raftnode.Outcome, error) {
		return nil, raftnode.Outcome{}, &raftnode.Error{Code: raftnode.OutcomeUnknown, Detail: "cut off"}
	}
	resp = ask(t, h, formRequest("POST", "/v1/locks/a/hold", "lease="+chosen))
	var p struct{ Code, Lease string }
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || resp.StatusCode != 504 || p.Lease != chosen {
		t.Errorf("status %d, %+v %v", resp.StatusCode, p, err)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	h := newFakeHold(holding)
	h.ended = make(chan string, httpapi.MaxStreams+1)
	api := httpapi.New(httpapi.Config{Node: holdNode(h)}).Handler()
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	begun := make(chan struct{}, httpapi.MaxStreams)
	for range httpapi.MaxStreams {
		all.Go(func() {
			w := &tellingWriter{ResponseRecorder: httptest.NewRecorder(), first: begun}
			api.ServeHTTP(w, formRequest("POST", "/v1/locks/a/hold", "").WithContext(ctx))
		})
	}
	for range httpapi.MaxStreams {
		receive(t, begun)
	}
	for _, r := range []*http.Request{formRequest("POST", "/v1/locks/a/hold", ""), formRequest("GET", "/v1/events", "")} {
		if resp := ask(t, api, r); resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: status %d", r.URL.Path, resp.StatusCode)
		}
	}
	stop()
	all.Wait()
	if resp := ask(t, api, formRequest("GET", "/v1/events", "")); resp.StatusCode == 429 {
		t.Error("streams that ended still count")
	}
}

// tellingWriter tells when something was written to it first.
type tellingWriter struct {
	*httptest.ResponseRecorder
	first chan<- struct{}
	once  sync.Once
}

func (w *tellingWriter) Write(b []byte) (int, error) {
	w.once.Do(func() { w.first <- struct{}{} })
	return w.ResponseRecorder.Write(b)
}
