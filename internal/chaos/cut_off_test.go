package chaos_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// health asks a node again and again whether a candidate of its own leads.
type health struct {
	mu      sync.Mutex
	answers []chaos.Answer
	stop    context.CancelFunc
	over    sync.WaitGroup
}

func watchHealth(t *testing.T, n *chaos.Node, election string) *health {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	h := &health{stop: cancel}
	h.over.Go(func() {
		for ctx.Err() == nil {
			a := n.Get("/health/leader/" + election)
			h.mu.Lock()
			h.answers = append(h.answers, a)
			h.mu.Unlock()
			pause(ctx, 10*time.Millisecond)
		}
	})
	t.Cleanup(h.end)
	return h
}

func (h *health) end() {
	h.stop()
	h.over.Wait()
}

// wantNone checks that nothing that was answered of an election lets anybody think that the old leader leads when the next one does.
func (h *health) wantNone(t *testing.T, election string, from time.Time) {
	t.Helper()
	pause(t.Context(), 200*time.Millisecond) // it is asked a little longer
	h.end()
	yes, no := 0, 0
	for _, a := range h.answers {
		switch {
		case a.Status == http.StatusServiceUnavailable && a.Body.Code == "not_leading":
			no++
		case a.Status != http.StatusOK:
			t.Errorf("%s", a)
		case a.Sent.Add(time.Duration(a.Body.ValidFor) * time.Millisecond).After(from): // or sent after that
			t.Errorf("%s: asked %s before another led: %s", election, from.Sub(a.Sent), a)
		default:
			yes++
		}
	}
	if yes == 0 || no == 0 {
		t.Errorf("%s: the leader's health was told %d times and refused %d times: the test has seen too little", election, yes, no)
	}
}

// TestCutOffSidecarTellsItsHoldersBeforeOthersAreGranted cuts a sidecar off with a holder and an election's leader. They hear that they
// are in jeopardy, and that it is over, and only then others are granted, though nobody could tell the sidecar.
func TestCutOffSidecarTellsItsHoldersBeforeOthersAreGranted(t *testing.T) {
	t.Parallel()
	eachRole(t, ofThreeLinked, func(t *testing.T, g *chaos.Group, cut *chaos.Node) {
		const ttl = 3 * time.Second
		other, third := g.Others(cut)[0], g.Others(cut)[1]
		hold := cut.Hold("/v1/locks/job", "ttl", ttl.String(), "owner", "old", "lease", ownLease(1)).Begun(t)
		lead := cut.Hold("/v1/elections/chief", "ttl", ttl.String(), "owner", "old", "lease", ownLease(2)).Begun(t)
		held, led := hold.Await(10*time.Second, "held"), lead.Await(10*time.Second, "leading")
		waiting := other.Hold("/v1/locks/job", "ttl", "60s", "owner", "new").Begun(t)
		standby := third.Hold("/v1/elections/chief", "ttl", "60s", "owner", "new").Begun(t)
		waiting.Await(10*time.Second, "queued")
		standby.Await(10*time.Second, "standby")
		healthy, healthyToo := watchHealth(t, cut, "chief"), watchHealth(t, cut, "deputy")
		hold.Await(10*time.Second, "alive") // a renewal that was acknowledged
		lead.Await(10*time.Second, "alive")
		// And one that is led by requests alone.
		requests := cut.Post("/v1/elections/deputy", "ttl", ttl.String(), "owner", "old").Want(t, 201).Body
		standbyToo := third.Hold("/v1/elections/deputy", "ttl", "60s", "owner", "new").Begun(t)
		standbyToo.Await(10*time.Second, "standby")
		cut.Put("/v1/elections/deputy", "lease", requests.Lease).Want(t, 200)
		chaos.Until(t, 10*time.Second, "its health to be told", func() error {
			if a := cut.Get("/health/leader/deputy"); a.Status != 200 {
				return fmt.Errorf("%s", a)
			}
			return nil
		})

		g.Links.Isolate(cut.Name)
		next, leads := waiting.Await(ttl+2*lateBy, "held"), standby.Await(ttl+2*lateBy, "leading")
		leadsToo := standbyToo.Await(ttl+2*lateBy, "leading")
		wantRising(t, held.Token, next.Token)
		wantRising(t, led.Token, leads.Token)
		healthy.wantNone(t, "chief", leads.At)
		healthyToo.wantNone(t, "deputy", leadsToo.At)
		for what, c := range map[string]struct {
			old     *chaos.Stream
			granted time.Time
		}{"lock": {hold, next.At}, "election": {lead, leads.At}} {
			frames, err := c.old.Ended(ttl)
			chaos.WantEOF(t, err)
			wantWarning(t, what, frames, c.granted)
		}

		// The end is known everywhere when the links are whole again.
		g.Links.HealAll()
		chaos.Until(t, 15*time.Second, "the old holder to learn of it", func() error {
			if a := cut.Hold("/v1/locks/job", "lease", ownLease(1), "ttl", ttl.String(), "owner", "old"); a.Status != 410 {
				a.Close()
				return fmt.Errorf("%s", a.Answer)
			}
			return nil
		})
		cut.Get("/health/leader/chief").Want(t, 503, "not_leading")
		wantHolder(t, cut, "job", "new", next.Token)
	})
}

// wantWarning checks what a holder that could not be renewed was told, before another was granted.
func wantWarning(t *testing.T, what string, frames []chaos.Frame, granted time.Time) {
	t.Helper()
	if !has(frames, "jeopardy") {
		t.Errorf("%s: no jeopardy was told: %v", what, frames)
	}
	for _, f := range frames {
		if f.Event == "jeopardy" && f.Reason == "" {
			t.Errorf("%s: jeopardy without a reason: %s", what, f)
		}
	}
	told := lastDeadline(frames)
	wantAfterDeadline(t, what, told, granted)
	if len(frames) == 0 || frames[len(frames)-1].Event != "lost" {
		t.Errorf("%s: the end was not told: %v", what, frames)
		return
	}
	const promptly = 500 * time.Millisecond
	if lost := frames[len(frames)-1]; lost.At.Sub(told).Abs() > promptly {
		t.Errorf("%s: that it is lost was told %s after the last deadline", what, lost.At.Sub(told))
	}
}

// TestPausedSidecarTellsItsHoldersNothingStaleWhenItWakes stops a sidecar until others hold what was held through it. The first thing it
// says on waking is that this is over.
func TestPausedSidecarTellsItsHoldersNothingStaleWhenItWakes(t *testing.T) {
	t.Parallel()
	eachRole(t, ofThree, func(t *testing.T, g *chaos.Group, paused *chaos.Node) {
		const ttl = 1500 * time.Millisecond
		other := g.Others(paused)[0]
		hold := paused.Hold("/v1/locks/job", "ttl", ttl.String(), "owner", "old").Begun(t)
		lead := paused.Hold("/v1/elections/chief", "ttl", ttl.String(), "owner", "old").Begun(t)
		long := paused.Hold("/v1/locks/long", "ttl", "10m", "owner", "old").Begun(t)
		held, led, kept := hold.Await(10*time.Second, "held"), lead.Await(10*time.Second, "leading"), long.Await(10*time.Second, "held")
		waiting := other.Hold("/v1/locks/job", "ttl", "60s", "owner", "new").Begun(t)
		standby := other.Hold("/v1/elections/chief", "ttl", "60s", "owner", "new").Begun(t)
		waiting.Await(10*time.Second, "queued")
		standby.Await(10*time.Second, "standby")
		// And one that is led by requests alone.
		paused.Post("/v1/elections/deputy", "ttl", ttl.String(), "owner", "old").Want(t, 201)
		standbyToo := other.Hold("/v1/elections/deputy", "ttl", "60s", "owner", "new").Begun(t)
		(<-paused.AskOnceSent("GET", "/health/leader/chief")).Want(t, 200)

		paused.Pause()
		next, leads := waiting.Await(ttl+2*lateBy, "held"), standby.Await(ttl+2*lateBy, "leading")
		wantAfterDeadline(t, "lock", lastDeadline(append([]chaos.Frame{held}, hold.Drain()...)), next.At)
		wantAfterDeadline(t, "election", lastDeadline(append([]chaos.Frame{led}, lead.Drain()...)), leads.At)
		standbyToo.Await(ttl+2*lateBy, "leading")
		long.Drain()
		var asked []<-chan chaos.Answer
		for range 4 {
			asked = append(asked, paused.AskOnceSent("GET", "/health/leader/chief"), paused.AskOnceSent("GET", "/health/leader/deputy"))
		}
		paused.Resume()
		for what, s := range map[string]*chaos.Stream{"lock": hold, "election": lead} {
			first, err := s.Next(15 * time.Second)
			if err != nil || first.Event != "lost" || first.Reason != "expired" {
				t.Errorf("%s: the first thing told on waking: %s %v", what, first, err)
			}
			if rest, err := s.Ended(10 * time.Second); len(rest) > 0 {
				t.Errorf("%s: told after that: %v %v", what, rest, err)
			}
		}
		for _, a := range asked {
			(<-a).Want(t, 503, "not_leading")
		}
		// What was not lost goes on.
		for {
			f := long.Await(20*time.Second, "alive", "jeopardy", "lost")
			if f.Event != "alive" {
				t.Fatalf("a hold of ten minutes after a pause of seconds: %s", f)
			}
			if f.ValidFor > 9*60_000 {
				break
			}
		}
		wantHolder(t, paused, "long", "old", kept.Token)
		wantHolder(t, paused, "job", "new", next.Token)
	})
}
