package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// fakeSub delivers what a test gives it, and then nothing.
type fakeSub struct{ deliveries chan raftnode.Delivery }

var _ httpapi.Subscription = fakeSub{}

func (s fakeSub) Next(ctx context.Context) (raftnode.Delivery, error) {
	select {
	case d, ok := <-s.deliveries:
		if !ok {
			return d, raftnode.ErrTooSlow
		}
		return d, nil
	case <-ctx.Done():
		return raftnode.Delivery{}, ctx.Err()
	}
}

func (fakeSub) Position() raftnode.EventID { return raftnode.EventID{Index: 930} }
func (fakeSub) Index() uint64              { return 928 }
func (fakeSub) Age() time.Duration         { return 7 * time.Millisecond }
func (fakeSub) Close()                     {}

// subscribed is a node whose subscribers get these deliveries and are then cut off as too slow.
func subscribed(deliveries ...raftnode.Delivery) *fakeNode {
	n := newFakeNode()
	n.subscribe = func(context.Context, *raftnode.EventID, raftnode.Filter) (httpapi.Subscription, error) {
		s := fakeSub{make(chan raftnode.Delivery, len(deliveries))}
		for _, d := range deliveries {
			s.deliveries <- d
		}
		close(s.deliveries)
		return s, nil
	}
	return n
}

// stateOf is a state in which so many locks are held, one of them with a queue, and one election is led.
func stateOf(t *testing.T, locks int) *lease.Snapshot {
	t.Helper()
	s, settings := lease.New(), lease.DefaultSettings()
	commands := []lease.Command{{Op: lease.OpBootstrap, Token: 1000, Settings: &settings}, {Op: lease.OpOpenSession, Node: "n1"}}
	seq := uint64(0)
	add := func(c lease.Command) {
		seq++
		c.Identity, c.Op, c.TTL, c.Limit = lease.Identity{Session: 1, Seq: seq}, lease.OpAcquire, time.Minute, 1
		c.Owner, c.Lease = "web-0", lease.ID(fmt.Sprintf("lease-of-a-test-%08d", seq))
		commands = append(commands, c)
	}
	for i := range locks {
		add(lease.Command{Space: lease.Locks, Name: fmt.Sprintf("lock-%05d", i)})
	}
	add(lease.Command{Space: lease.Locks, Name: "lock-00000", Wait: true})
	add(lease.Command{Space: lease.Elections, Name: "boss", Value: "10.0.0.1:80"})
	s.Apply(913, 1, lease.Entry{Term: 1, Now: 1, Commands: commands})
	snap := s.Snapshot()
	return &snap
}

func TestEventStreamBeginsWithTheWholeStateInParts(t *testing.T) {
	const locks = 5000
	state := raftnode.Delivery{State: stateOf(t, locks), ID: raftnode.EventID{Index: 914}}
	s := open(t, serve(t, httpapi.Config{Node: subscribed(state)}), "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	var names []string
	parts, queued, elections := 0, 0, 0
	for {
		line := s.line()
		var f struct {
			Event, ID string
			Index     uint64
			More      bool
			Locks     []struct {
				Name  string
				Queue []json.RawMessage
			}
			Elections []struct{ Leader struct{ Value string } }
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil || f.Event != "state" || f.Index != 913 {
			t.Fatalf("%v: %.200s", err, line)
		}
		if len(line) > 1<<20 {
			t.Errorf("a part of %d bytes", len(line))
		}
		parts++
		for _, l := range f.Locks {
			names, queued = append(names, l.Name), queued+len(l.Queue)
		}
		elections += len(f.Elections)
		if f.More != (f.ID == "") {
			t.Errorf("more %v with the id %q: who comes back before the end must begin anew", f.More, f.ID)
		}
		if !f.More {
			if f.ID != "914.0" || len(f.Elections) != 1 || f.Elections[0].Leader.Value != "10.0.0.1:80" {
				t.Errorf("the last part: %.200s", line)
			}
			break
		}
	}
	if len(names) != locks || !slices.IsSorted(names) || len(slices.Compact(names)) != locks || queued != 1 || elections != 1 || parts < 2 {
		t.Errorf("%d names in %d parts, %d waiters, %d elections", len(names), parts, queued, elections)
	}
}

func TestEventStreamTellsWhatHappened(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC).UnixMicro()
	event := func(ordinal uint32, e lease.Event) raftnode.Happened {
		e.Owner, e.Wall, e.Via, e.Lease = "web-0", at, "n1", chosen
		return raftnode.Happened{Event: e, ID: raftnode.EventID{Index: 915, Ordinal: ordinal}}
	}
	d := raftnode.Delivery{Events: []raftnode.Happened{
		event(1, lease.Event{Kind: lease.EventGranted, Space: lease.Locks, Name: "a", Token: 17, Waited: 1200 * time.Millisecond}),
		event(2, lease.Event{Kind: lease.EventForced, Space: lease.Elections, Name: "b", Token: 16, Value: "v", Why: "stuck"}),
		event(3, lease.Event{Kind: lease.EventExpired, Space: lease.Locks, Name: "c", Token: 15, Late: 30 * time.Millisecond}),
		event(4, lease.Event{Kind: lease.EventLeft, Space: lease.Locks, Name: "a", Reason: lease.Disconnected}),
	}}
	common := func(kind, name string) string {
		return `"kind":"` + kind + `","name":"` + name + `","owner":"web-0","token":`
	}
	const tail = `,"at":"2026-11-24T09:30:00.000Z","via_node":"n1"`
	lines := []string{
		`{"event":"granted","id":"915.1",` + common("lock", "a") + `17` + tail + `,"waited_ms":1200}`,
		`{"event":"forced","id":"915.2",` + common("election", "b") + `16` + tail + `,"value":"v","why":"stuck"}`,
		`{"event":"expired","id":"915.3",` + common("lock", "c") + `15` + tail + `,"late_ms":30}`,
		`{"event":"left","id":"915.4",` + common("lock", "a") + `null` + tail + `,"reason":"disconnected"}`,
	}
	addr := serve(t, httpapi.Config{Node: subscribed(d)})
	s := open(t, addr, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	s.want(lines...)
	if rest, err := io.ReadAll(s.in); err != nil || len(rest) > 0 {
		t.Errorf("one that is too slow is closed, and not %q %v", rest, err)
	}
	s = open(t, addr, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
	for i, line := range lines {
		id := fmt.Sprintf("915.%d", i+1)
		var f struct{ Event string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		s.want("id: "+id, "event: "+f.Event, "data: "+line, "")
	}
}

func TestEventStreamGoesOnWhereItsReaderSays(t *testing.T) {
	for _, c := range []struct {
		target string
		header string
		after  string
		filter raftnode.Filter
	}{
		{"/v1/events", "", "", raftnode.Filter{}},
		{"/v1/events?after=913.2", "", "913.2", raftnode.Filter{}},
		{"/v1/events?after=1.1&kind=lock&prefix=app.", "913.0", "913.0", raftnode.Filter{Space: lease.Locks, Prefix: "app."}}, // as a browser comes back
		{"/v1/events?kind=election", "", "", raftnode.Filter{Space: lease.Elections}},
	} {
		n := subscribed()
		var after *raftnode.EventID
		var filter raftnode.Filter
		inner := n.subscribe
		n.subscribe = func(ctx context.Context, a *raftnode.EventID, f raftnode.Filter) (httpapi.Subscription, error) {
			after, filter = a, f
			return inner(ctx, a, f)
		}
		r := formRequest("GET", c.target, "")
		if c.header != "" {
			r.Header.Set("Last-Event-ID", c.header)
		}
		resp := ask(t, httpapi.New(httpapi.Config{Node: n}).Handler(), r)
		got := ""
		if after != nil {
			got = after.String()
		}
		if resp.StatusCode != 200 || got != c.after || filter != c.filter {
			t.Errorf("%s %s: status %d, after %q, %+v", c.target, c.header, resp.StatusCode, got, filter)
		}
	}
}

func TestEventStreamEndsWithItsSidecar(t *testing.T) {
	n := newFakeNode()
	n.ending = make(chan struct{})
	n.subscribe = func(context.Context, *raftnode.EventID, raftnode.Filter) (httpapi.Subscription, error) {
		return fakeSub{make(chan raftnode.Delivery)}, nil
	}
	s := open(t, serve(t, httpapi.Config{Node: n}), "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	close(n.ending)
	if rest, err := io.ReadAll(s.in); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
}

func TestHeadOfAStreamDoesNotHang(t *testing.T) {
	n := subscribed()
	n.subscribe = func(context.Context, *raftnode.EventID, raftnode.Filter) (httpapi.Subscription, error) {
		return fakeSub{make(chan raftnode.Delivery)}, nil
	}
	if resp := ask(t, httpapi.New(httpapi.Config{Node: n}).Handler(), formRequest(http.MethodHead, "/v1/events", "")); resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestHistoryShowsWhoWhenAndWhy(t *testing.T) {
	n := newFakeNode()
	n.query = func(_ context.Context, q lease.Query, _ raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error) {
		past := []lease.Past{
			{Kind: lease.EventGranted, Owner: "web-0", Token: 17, Via: "n1", Ago: 0, Wall: time.Now().Add(-time.Hour).UnixMicro()},
			{Kind: lease.EventForced, Owner: "web-0", Token: 17, Via: "n1", Ago: time.Second, Held: 59 * time.Second, Quiet: 4 * time.Second, Why: "stuck"},
		}
		if q.Kind != lease.QueryHistory || q.Space != lease.Elections || q.Name != "boss" {
			t.Errorf("asked %+v", q)
		}
		return lease.Answer{Index: 913, Info: &lease.Info{Name: q.Name, Index: 912}, History: past, Notable: past[1:]}, raftnode.ReadInfo{Index: 913}, nil
	}
	resp := ask(t, httpapi.New(httpapi.Config{Node: n}).Handler(), formRequest("GET", "/v1/elections/boss/history", ""))
	body, _ := io.ReadAll(resp.Body)
	var first struct {
		Events []struct {
			Ago int64 `json:"ago_ms"`
		}
	}
	// An hour ago, though cluster time has stood still since.
	if err := json.Unmarshal(body, &first); err != nil || len(first.Events) != 2 || first.Events[0].Ago < 3_600_000 || first.Events[0].Ago > 3_700_000 {
		t.Errorf("%v %s", err, body)
	}
	for _, part := range []string{`"name":"boss"`, `"held_ms":59000,"last_renewed_ago_ms":4000,"why":"stuck"`, `"notable":[{"event":"forced"`, `"index":912`} {
		if !strings.Contains(string(body), part) {
			t.Errorf("%s is not in %s", part, body)
		}
	}
}

func TestForcedReleaseIsForAdministratorsAlone(t *testing.T) {
	n := newFakeNode()
	n.do = func(_ context.Context, c lease.Command) (raftnode.Outcome, error) {
		return raftnode.Outcome{Result: lease.Result{Index: 914, Owner: "web-0", Token: c.Token, Remaining: 8 * time.Second}}, nil
	}
	api := httpapi.New(httpapi.Config{Node: n})
	const body = "token=17&reason=stuck&immediate=true"
	for _, path := range []string{"/v1/locks/a", "/v1/elections/a"} {
		if resp := ask(t, api.Handler(), formRequest("DELETE", path, body)); resp.StatusCode != 403 || n.proposed() != 0 {
			t.Errorf("%s at the front door: status %d", path, resp.StatusCode)
		}
		resp := ask(t, api.AdminHandler(), formRequest("DELETE", path, body))
		got, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 || string(got) != `{"name":"a","state":"forced","owner":"web-0","token":17,"free_in_ms":8000}`+"\n" {
			t.Errorf("%s: status %d %s", path, resp.StatusCode, got)
		}
		if c := n.last(t); c.Op != lease.OpForceRelease || c.Name != "a" || c.Token != 17 || c.Reason != "stuck" || !c.Immediate || c.Lease != "" {
			t.Errorf("%s: %+v", path, c)
		}
		n.mu.Lock()
		n.commands = nil
		n.mu.Unlock()
	}
	// An administrator is a caller like any other, for the rest.
	resp := ask(t, api.AdminHandler(), formRequest("DELETE", "/v1/locks/a", "token=17"))
	if got, _ := io.ReadAll(resp.Body); resp.StatusCode != 400 || !strings.Contains(string(got), `"param":"reason"`) {
		t.Errorf("without a reason: status %d %s", resp.StatusCode, got)
	}
	whatever := formRequest("DELETE", "/v1/locks/a", body)
	whatever.Host = "x"
	if resp := ask(t, api.AdminHandler(), whatever); resp.StatusCode != 200 {
		t.Errorf("with any host, as behind a socket: status %d", resp.StatusCode)
	}
	evil := formRequest("DELETE", "/v1/locks/a", body)
	evil.Header.Set("Origin", "http://evil.example")
	if resp := ask(t, api.AdminHandler(), evil); resp.StatusCode != 403 {
		t.Errorf("from an evil page: status %d", resp.StatusCode)
	}
}

func TestLeaderHealthAsksNobody(t *testing.T) {
	n := newFakeNode()
	n.leads = "boss"
	api := httpapi.New(httpapi.Config{Node: n})
	for name, h := range map[string]http.Handler{"API": api.Handler(), "ops": api.OpsHandler()} {
		for path, want := range map[string]int{"/health/leader/boss": 200, "/health/leader/other": 503} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				if resp := ask(t, h, formRequest(method, path, "")); resp.StatusCode != want {
					t.Errorf("%s: %s %s is %d", name, method, path, resp.StatusCode)
				}
			}
		}
	}
}

func TestLongPollsSayHowLongAndSinceWhen(t *testing.T) {
	n := newFakeNode()
	h := httpapi.New(httpapi.Config{Node: n}).Handler()
	for _, path := range []string{"/v1/locks/a", "/v1/elections/a"} {
		n.after, n.waited = 0, 0
		if resp := ask(t, h, formRequest("GET", path+"?index=912&wait=30s", "")); resp.StatusCode != 200 || n.after != 912 || n.waited != 30*time.Second {
			t.Errorf("%s: status %d, after %d, for %v", path, resp.StatusCode, n.after, n.waited)
		}
	}
	n.waited = 0
	if resp := ask(t, h, formRequest("PUT", "/v1/elections/a", "wait=5s&lease="+chosen)); resp.StatusCode != 200 || n.waited != 5*time.Second {
		t.Errorf("a renewal: status %d, for %v", resp.StatusCode, n.waited)
	}
}
