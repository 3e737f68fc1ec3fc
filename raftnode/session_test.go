package raftnode

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// P9: a command that comes again, also late, has no effect of its own.
func TestDelayedDuplicateHasNoEffect(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for _, h := range w.hosts {
			n := h.up()
			ctx := within(20 * time.Second)
			c := lockCommand("l", h.name, 30*time.Second, 1)
			id, err := n.session.begin(ctx, n.openSession)
			if err != nil {
				t.Fatal(err)
			}
			c.Identity = id
			first, err := n.carryOnce(ctx, &c)
			if err != nil || first.Standing != lease.Holding {
				t.Fatalf("%+v %v", first, err)
			}
			again, err := n.carryOnce(ctx, &c)
			if err != nil || again.Index != first.Index || again.Token != first.Token {
				t.Errorf("doubled: %+v, at first %+v", again, first)
			}
			w.transfer()
			w.ready()
			again, err = n.carryOnce(ctx, &c)
			if err != nil || again.Index != first.Index || again.Remaining != first.Remaining {
				t.Errorf("doubled at the next leader: %+v %v", again, err)
			}
			n.session.end(id)
			w.mustRelease(h, "l", h.name)
			w.mustRelease(h, "l", h.name) // tells that the answers before have been had
			late, err := n.carryOnce(ctx, &c)
			if err != nil || late.Code != lease.StaleCommand {
				t.Errorf("a late duplicate: %+v %v", late, err)
			}
			if info := w.look("l"); info.HolderCount != 0 {
				t.Error("a late duplicate took the lock")
			}
		}
	})
}

// P9: a retry with the same lease, through another sidecar, after an answer that was lost, has one effect.
func TestRetryAfterAnUnknownOutcomeHasOneEffect(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for i, who := range []string{"a", "b", "c", "d"} {
			l, f := w.leader(), w.follower()
			w.mustHold(f, lockCommand("warm"+who, "warm"+who, time.Minute, 9)) // a session is there
			w.net.Cut(l.name, f.name)                                          // the answer is lost
			out, err := f.up().Acquire(within(600*time.Millisecond), lockCommand("l", who, time.Minute, uint64(2*i)), 0)
			w.net.HealAll()
			if codeOf(err) != OutcomeUnknown {
				t.Fatalf("without an answer: %+v %v", out, err)
			}
			w.ready()
			if out := w.mustHold(w.hosts[i%3], lockCommand("l", who, time.Minute, uint64(2*i+1))); out.Created {
				t.Error("the first attempt had no effect, so this tells nothing")
			}
			w.mustRelease(f, "l", who)
		}
		grants := 0
		for _, e := range w.ledger.replay(nil).events {
			if e.Kind == lease.EventGranted && e.Name == "l" {
				grants++
			}
		}
		if grants != 4 {
			t.Errorf("%d grants to 4 callers", grants)
		}
	})
}

func TestUnknownSessionIsOpenedAgain(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for _, h := range w.hosts {
			n := h.up()
			w.mustHold(h, lockCommand("l", h.name, time.Minute, 1))
			n.session.mu.Lock()
			before := n.session.id
			n.session.id = 1 << 40 // as if the group had forgotten it
			n.session.mu.Unlock()
			w.mustRelease(h, "l", h.name)
			if n.session.id == before || n.session.id == 1<<40 {
				t.Errorf("%s goes on in session %d", h.name, n.session.id)
			}
		}
	})
}

// A sidecar that said nothing for long finds its session gone, and its caller hears nothing of that.
func TestSidecarThatWasSilentForLongGoesOn(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		l, f := w.leader(), w.follower()
		w.mustHold(f, lockCommand("a", "before", time.Hour, 1))
		w.mustHold(l, lockCommand("b", "busy", 30*time.Second, 1))
		before := f.up().session.id
		for range 13 { // ticks, for the cluster's time to pass
			w.sleep(5 * time.Second)
			w.mustRenew(l, "b", "busy")
		}
		w.mustHold(f, lockCommand("c", "after", time.Minute, 1))
		if f.up().session.id == before {
			t.Error("the session outlived its time")
		}
	})
}

func TestSessionTellsTheLowestOpenCommand(t *testing.T) {
	opened := 0
	open := func(context.Context) (lease.SessionID, error) {
		opened++
		return lease.SessionID(opened), nil
	}
	var s session
	next := func() lease.Identity {
		t.Helper()
		id, err := s.begin(t.Context(), open)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	a, b, c := next(), next(), next()
	want := func(got lease.Identity, seq, low uint64) {
		t.Helper()
		if got.Seq != seq || got.Low != low {
			t.Errorf("seq %d low %d, want %d %d", got.Seq, got.Low, seq, low)
		}
	}
	want(a, 1, 1)
	want(c, 3, 1)
	s.end(b)
	want(next(), 4, 1) // the first is still open
	s.end(a)
	want(next(), 5, 3)
	s.end(c)
	s.end(c)
	want(next(), 6, 4)
	s.lost(a.Session)
	fresh := next()
	want(fresh, 1, 1)
	s.end(b) // of the session before
	s.lost(a.Session)
	want(next(), 2, 1)
	if opened != 2 {
		t.Errorf("%d sessions were opened", opened)
	}
}

func TestSessionIsOpenedByOneForAll(t *testing.T) {
	var s session
	release := make(chan struct{})
	opened := 0
	open := func(context.Context) (lease.SessionID, error) {
		opened++
		<-release
		if opened == 1 {
			return 0, errors.New("nobody leads")
		}
		return 7, nil
	}
	errs := make(chan error, 20)
	for range 20 {
		go func() {
			_, err := s.begin(t.Context(), open)
			errs <- err
		}()
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for s.busy() == nil {
	}
	if _, err := s.begin(gone, open); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone still waits: %v", err)
	}
	close(release)
	failed := 0
	for range 20 {
		if <-errs != nil {
			failed++
		}
	}
	if failed != 1 || opened != 2 {
		t.Errorf("%d of 20 failed, %d tried to open", failed, opened)
	}
}

func (s *session) busy() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opening
}
