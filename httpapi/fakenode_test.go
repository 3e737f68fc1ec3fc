package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/openapicheck"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// fakeNode answers what a test tells it to. Left alone it grants everything.
type fakeNode struct {
	do      func(context.Context, lease.Command) (raftnode.Outcome, error)
	acquire func(context.Context, lease.Command, time.Duration) (raftnode.Outcome, error)
	query   func(context.Context, lease.Query, raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error)
	confirm func(context.Context) error
	status  raftnode.Status
	remove  func(ctx context.Context, id string) error

	hold      func(context.Context, lease.Command, time.Duration) (httpapi.Holding, raftnode.Outcome, error)
	subscribe func(context.Context, *raftnode.EventID, raftnode.Filter) (httpapi.Subscription, error)
	keeps     []raftnode.Keeping
	leads     string        // the election that a candidate of this sidecar leads
	ending    chan struct{} // nil: never
	after     uint64        // of the last QueryChange
	waited    time.Duration // of the last call that may wait

	mu       sync.Mutex
	commands []lease.Command
}

var _ httpapi.Node = (*fakeNode)(nil)

func newFakeNode() *fakeNode {
	n1 := raftnode.Member{ID: "id-1", Name: "n1", Address: "127.0.0.1:5626", Role: raftnode.Voter, Zone: "a", Healthy: true, Version: "1.0.0"}
	n2 := raftnode.Member{ID: "id-2", Name: "n2", Role: raftnode.Voter, LastContact: -1}
	return &fakeNode{status: raftnode.Status{
		ID: "id-1", Name: "n1", Role: raftnode.Voter, ClusterID: "c-1", Members: []raftnode.Member{n1, n2}, Leader: &n1, IsLeader: true,
		Term: 3, CommitIndex: 913, AppliedIndex: 912, HealthyVoters: 1, FailureTolerance: 0, FeatureLevel: 1, Ready: true,
	}}
}

func (n *fakeNode) record(c lease.Command) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.commands = append(n.commands, c)
}

func (n *fakeNode) last(t *testing.T) lease.Command {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.commands) == 0 {
		t.Fatal("no command reached the node")
	}
	return n.commands[len(n.commands)-1]
}

func (n *fakeNode) proposed() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.commands)
}

func (n *fakeNode) Do(ctx context.Context, c lease.Command) (raftnode.Outcome, error) {
	n.record(c)
	if n.do != nil {
		return n.do(ctx, c)
	}
	return granted(c), nil
}

func (n *fakeNode) Acquire(ctx context.Context, c lease.Command, wait time.Duration) (raftnode.Outcome, error) {
	n.record(c)
	switch {
	case n.acquire != nil:
		return n.acquire(ctx, c, wait)
	case n.do != nil:
		return n.do(ctx, c)
	}
	return granted(c), nil
}

func (n *fakeNode) Query(ctx context.Context, q lease.Query, c raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error) {
	if n.query != nil {
		return n.query(ctx, q, c)
	}
	a := lease.Answer{Index: 913}
	switch q.Kind {
	case lease.QueryName:
		a.Info = &lease.Info{Space: q.Space, Name: q.Name}
	case lease.QueryLease:
		a.Lease = &lease.LeaseInfo{Explicit: true, Owner: "web-0", TTL: 15 * time.Second, Remaining: time.Second}
	}
	return a, raftnode.ReadInfo{Index: 913, Staleness: 7 * time.Millisecond}, nil
}

func (n *fakeNode) QueryChange(ctx context.Context, q lease.Query, c raftnode.Consistency, after uint64, wait time.Duration) (lease.Answer, raftnode.ReadInfo, error) {
	n.after, n.waited = after, wait
	return n.Query(ctx, q, c)
}

func (n *fakeNode) RenewUntilChange(ctx context.Context, c lease.Command, wait time.Duration) (raftnode.Outcome, error) {
	n.waited = wait
	return n.Do(ctx, c)
}

func (n *fakeNode) Hold(ctx context.Context, c lease.Command, wait time.Duration) (httpapi.Holding, raftnode.Outcome, error) {
	n.record(c)
	n.mu.Lock()
	n.waited = wait
	n.mu.Unlock()
	if n.hold != nil {
		return n.hold(ctx, c, wait)
	}
	return nil, raftnode.Outcome{Result: lease.Result{Code: lease.LockHeld, Index: 913}}, nil
}

func (n *fakeNode) Subscribe(ctx context.Context, after *raftnode.EventID, f raftnode.Filter) (httpapi.Subscription, error) {
	if n.subscribe == nil {
		return nil, &raftnode.Error{Code: raftnode.NotReady, Detail: "not caught up"}
	}
	return n.subscribe(ctx, after, f)
}

func (n *fakeNode) Leads(election string) (lease.Token, time.Duration, bool) {
	if election != n.leads {
		return 0, 0, false
	}
	return 1763846400000042, 14960 * time.Millisecond, true
}

func (n *fakeNode) Keeps() []raftnode.Keeping { return n.keeps }

func (n *fakeNode) Ending() <-chan struct{} { return n.ending }

func (n *fakeNode) Status() raftnode.Status { return n.status }

func (n *fakeNode) RemoveMember(ctx context.Context, id string) error {
	if n.remove != nil {
		return n.remove(ctx, id)
	}
	return raftnode.ErrNoSuchMember
}

func (n *fakeNode) MinTTL() time.Duration { return time.Second }

func (n *fakeNode) Confirm(ctx context.Context) error {
	if n.confirm != nil {
		return n.confirm(ctx)
	}
	return nil
}

// granted is the outcome of a command that did what it was for.
func granted(c lease.Command) raftnode.Outcome {
	r := lease.Result{Index: 913, Lease: c.Lease, Owner: c.Owner, TTL: c.TTL, Limit: c.Limit, Value: c.Value, Metadata: c.Metadata}
	switch c.Op {
	case lease.OpAcquire:
		r.Created, r.Standing, r.Token = true, lease.Holding, 1763846400000042
	case lease.OpRenew:
		r.Standing, r.Token, r.Owner, r.TTL, r.Limit = lease.Holding, 1763846400000042, "web-0", 15*time.Second, 1
	case lease.OpCreateLease:
		r.Created = true
	case lease.OpRenewLease:
		r.Owner, r.TTL = "web-0", 15*time.Second
	}
	return raftnode.Outcome{Result: r, ValidFor: r.TTL - 40*time.Millisecond}
}

var checker = sync.OnceValues(func() (*openapicheck.Checker, error) { return openapicheck.New(httpapi.OpenAPI()) })

func check(t testing.TB) *openapicheck.Checker {
	t.Helper()
	c, err := checker()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve runs the API on a real listener, with the server that the program uses.
func serve(t testing.TB, c httpapi.Config) (addr string) {
	t.Helper()
	return serveHandler(t, httpapi.New(c).Handler())
}

func serveHandler(t testing.TB, h http.Handler) string {
	t.Helper()
	l, err := httpapi.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := httpapi.NewServer(h, nil)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return l.Addr().String()
}

// ask sends one request to a handler without a network and holds the answer against the description.
func ask(t testing.TB, h http.Handler, r *http.Request) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	if r.Method == http.MethodHead {
		resp.Body = http.NoBody // as net/http does; the recorder does not
	}
	check(t).Validate(t, r, resp)
	return resp
}

// quietNode keeps no record, for measuring.
type quietNode struct{ *fakeNode }

func (n *quietNode) Do(_ context.Context, c lease.Command) (raftnode.Outcome, error) {
	return granted(c), nil
}
