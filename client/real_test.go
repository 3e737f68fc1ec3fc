package client

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// of makes a client of a real sidecar.
func of(t *testing.T, n *chaos.Node, options ...Option) *Client {
	t.Helper()
	c, err := New("http://"+n.API, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func mustHold(t *testing.T, c *Client, name string, o HoldOptions) *Hold {
	t.Helper()
	o.Wait = 30 * time.Second
	h, err := c.Hold(t.Context(), name, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func mustRelease(t *testing.T, h *Hold) {
	t.Helper()
	if err := h.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestHoldOutlivesItsSidecar(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	for name, stop := range map[string]func(*chaos.Node){
		"killed":  (*chaos.Node).Kill,
		"stopped": func(n *chaos.Node) { n.Terminate(); n.Wait() },
	} {
		n := g.Leader()
		lock := "outlives-" + name
		h := mustHold(t, of(t, n), lock, HoldOptions{TTL: 15 * time.Second})
		stop(n)
		n.Start()
		n.AwaitReady()
		chaos.Until(t, 10*time.Second, "the hold to be resumed", func() error {
			if v := h.Valid(); v < 13*time.Second {
				return fmt.Errorf("valid for %s, %v", v, context.Cause(h.Context()))
			}
			return nil
		})
		state, err := of(t, g.Others(n)[0]).GetLock(t.Context(), lock)
		if err != nil || len(state.Holders) != 1 || state.Holders[0].Token != h.Token() {
			t.Errorf("%s: %+v, %v; want token %d", name, state, err, h.Token())
		}
		mustRelease(t, h)
		past, err := of(t, n).History(t.Context(), KindLock, lock)
		if err != nil || len(past.Events) == 0 || past.Events[len(past.Events)-1].Type != "released" {
			t.Errorf("%s: %+v, %v", name, past, err)
		}
	}
}

func TestHoldIsToldWhenItIsForced(t *testing.T) {
	t.Parallel()
	n := chaos.Start(t, 1).Nodes[0]
	c := of(t, n)
	h := mustHold(t, c, "nightly", HoldOptions{TTL: time.Minute, Owner: "web-0"})
	if _, err := c.ForceRelease(t.Context(), KindLock, "nightly", h.Token(), "stuck", false); !errors.Is(err, ErrForbidden) {
		t.Errorf("for anybody: %v", err)
	}
	admin, err := New("unix://" + filepath.Join(n.Dir, "admin.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.CloseIdleConnections()
	if _, err := admin.ForceRelease(t.Context(), KindLock, "nightly", h.Token()+1, "stuck", false); !errors.Is(err, ErrStaleToken) {
		t.Errorf("another token: %v", err)
	}
	forced, err := admin.ForceRelease(t.Context(), KindLock, "nightly", h.Token(), "stuck", false)
	if err != nil || forced.Owner != "web-0" || forced.Token != h.Token() || forced.FreeIn < 50*time.Second {
		t.Fatalf("%+v, %v", forced, err)
	}
	<-h.Context().Done()
	var lost *LostError
	if err := context.Cause(h.Context()); !errors.As(err, &lost) || lost.Reason != Forced || lost.Why != "stuck" {
		t.Errorf("%v", err)
	}
	// Its work may still be stopping.
	if _, err := c.TryLock(t.Context(), "nightly", LockOptions{}); !errors.Is(err, ErrHeld) {
		t.Errorf("somebody else has it already: %v", err)
	}
	if err := h.Release(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("release: %v", err)
	}
	l, err := c.TryLock(t.Context(), "nightly", LockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Unlock(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestHoldsTakeTurns(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	var inside sync.Mutex
	var tokens []uint64
	var all sync.WaitGroup
	for i := range 9 {
		c := of(t, g.Nodes[i%3])
		all.Go(func() {
			h, err := c.Hold(t.Context(), "turns", HoldOptions{TTL: 5 * time.Second})
			if err != nil {
				t.Error(err)
				return
			}
			if !inside.TryLock() {
				t.Error("two at once")
				return
			}
			tokens = append(tokens, h.Token())
			inside.Unlock()
			mustRelease(t, h)
		})
	}
	all.Wait()
	for i := range tokens {
		if i > 0 && tokens[i] <= tokens[i-1] {
			t.Errorf("tokens do not rise: %v", tokens)
		}
	}
	if len(tokens) != 9 {
		t.Errorf("%d turns", len(tokens))
	}
}

// TestHoldIsGivenUpBeforeAnotherMayHaveIt cuts a sidecar off from its majority and lets the rest go on.
func TestHoldIsGivenUpBeforeAnotherMayHaveIt(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	n := g.Others(g.Leader())[0]
	others := g.Others(n)
	jeopardy := make(chan string, 100)
	h := mustHold(t, of(t, n), "cut", HoldOptions{TTL: 4 * time.Second, OnJeopardy: func(_ time.Duration, reason string) { jeopardy <- reason }})
	// The process of the holder's sidecar runs on, without anybody to ask.
	for _, o := range others {
		o.Pause()
	}
	select {
	case <-jeopardy:
	case <-h.Context().Done():
		t.Error("lost without a warning")
	}
	<-h.Context().Done()
	ended := time.Now()
	if err := context.Cause(h.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("%v", err)
	}
	for _, o := range others {
		o.Resume()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	l, err := of(t, others[0]).Lock(ctx, "cut", LockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if time.Now().Before(ended) || l.Token() <= h.Token() {
		t.Errorf("token %d after %d", l.Token(), h.Token())
	}
	if err := h.Release(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("release: %v", err)
	}
}

func TestLeadersFollowEachOther(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := make(chan string, 100)
	observer := of(t, g.Nodes[2])
	var all sync.WaitGroup
	all.Go(func() {
		for e, err := range observer.Observe(ctx, "scheduler") {
			switch {
			case err != nil:
				t.Error(err)
			case e.Leader != nil:
				seen <- e.Leader.Owner + " " + e.Leader.Value
			}
		}
	})
	await := func(want string) {
		for {
			select {
			case got := <-seen:
				if got == want {
					return
				}
			case <-ctx.Done():
				t.Fatalf("nobody saw %q", want)
			}
		}
	}
	first, err := of(t, g.Nodes[0]).Campaign(ctx, "scheduler", "one", CampaignOptions{Owner: "web-0"})
	if err != nil {
		t.Fatal(err)
	}
	await("web-0 one")
	won := make(chan *Leadership)
	standby := make(chan int, 10)
	second := of(t, g.Nodes[1])
	all.Go(func() {
		l, err := second.Campaign(ctx, "scheduler", "two", CampaignOptions{Owner: "web-1", OnStandby: func(p int) { standby <- p }})
		if err != nil {
			t.Error(err)
		}
		won <- l
	})
	if p := <-standby; p != 1 {
		t.Errorf("number %d in line", p)
	}
	if err := first.SetValue(ctx, "changed"); err != nil {
		t.Error(err)
	}
	await("web-0 changed")
	if err := first.Resign(ctx); err != nil {
		t.Error(err)
	}
	l := <-won
	await("web-1 two")
	if l.Token() <= first.Token() {
		t.Errorf("token %d after %d", l.Token(), first.Token())
	}
	if err := l.Resign(ctx); err != nil {
		t.Error(err)
	}
	cancel()
	all.Wait()
}

// TestEventsAreCompleteAcrossARestart follows what happens through a sidecar that is killed in between.
func TestEventsAreCompleteAcrossARestart(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	watched, worker := g.Nodes[0], of(t, g.Nodes[1])
	events := make(chan Event, 100)
	feed := of(t, watched)
	var all sync.WaitGroup
	all.Go(func() {
		for e, err := range feed.Events(ctx, EventsOptions{Kind: KindLock, Prefix: "seen"}) {
			if err != nil {
				t.Error(err)
			}
			events <- e
		}
	})
	next := func() Event {
		select {
		case e := <-events:
			return e
		case <-ctx.Done():
			t.Fatal("no event")
			return Event{}
		}
	}
	if e := next(); e.Type != "state" || e.More || len(e.Locks) != 0 {
		t.Fatalf("%+v", e)
	}
	turn := func(i int) uint64 {
		l, err := worker.TryLock(ctx, fmt.Sprint("seen-", i), LockOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Unlock(ctx); err != nil {
			t.Fatal(err)
		}
		return l.Token()
	}
	want := func(i int, token uint64) {
		for _, what := range []string{"granted", "released", "freed"} {
			e := next()
			if e.Type == "state" {
				t.Fatalf("a new state, though all is remembered: %+v", e)
			}
			if what == "freed" && e.Type != what {
				return
			}
			if e.Type != what || e.Name != fmt.Sprint("seen-", i) || e.Token != token {
				t.Fatalf("%+v, want %s of %d with token %d", e, what, i, token)
			}
			if what == "released" {
				return
			}
		}
	}
	want(0, turn(0))
	watched.Kill()
	token := turn(1)
	watched.Start()
	want(1, token)
	want(2, turn(2))
	cancel()
	all.Wait()
}

func TestReadsOfARealSidecar(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	c := of(t, g.Nodes[0])
	h := mustHold(t, c, "nightly", HoldOptions{Owner: "me", Shared: true, Metadata: map[string]string{"build": "7"}})
	got, err := c.GetLock(t.Context(), "nightly")
	if err != nil || !got.Held || got.Holders[0].Metadata["build"] != "7" || got.Holders[0].Owner != "me" || got.Holders[0].GrantedAt.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	if err := c.CheckToken(t.Context(), "nightly", h.Token()); err != nil {
		t.Error(err)
	}
	if err := c.CheckToken(t.Context(), "nightly", h.Token()+1); !errors.Is(err, ErrStaleToken) {
		t.Errorf("%v", err)
	}
	group, err := c.Cluster(t.Context())
	if err != nil || len(group.Members) != 3 || group.RaftLeader == nil || group.FailureTolerance != 1 {
		t.Errorf("%+v, %v", group, err)
	}
	_, err = c.TryLock(t.Context(), "nightly", LockOptions{TTL: time.Millisecond})
	var refused *Error
	if !errors.As(err, &refused) || refused.Code != "invalid_ttl" || refused.Param != "ttl" {
		t.Errorf("%v", err)
	}
	// Without a majority there are local reads.
	chaos.Until(t, 10*time.Second, "the replica to catch up", func() error {
		if l, err := c.Local().GetLock(t.Context(), "nightly"); err != nil || !l.Held {
			return fmt.Errorf("%+v, %v", l, err)
		}
		return nil
	})
	for _, o := range g.Nodes[1:] {
		o.Kill()
	}
	local, err := c.Local().GetLock(t.Context(), "nightly")
	if err != nil || !local.Held || local.Holders[0].Token != h.Token() {
		t.Errorf("%+v, %v", local, err)
	}
	hasty := of(t, g.Nodes[0], WithRetryFor(0))
	if _, err := hasty.GetLock(t.Context(), "nightly"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := h.Release(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
