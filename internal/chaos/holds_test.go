package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// roles are the two kinds of sidecar that may fail: what holds for one must hold for the other.
func roles(g *chaos.Group) map[string]*chaos.Node {
	leader := g.Leader()
	return map[string]*chaos.Node{"Raft leader": leader, "follower": g.Others(leader)[0]}
}

// eachRole runs a test against a group of its own for each role.
func eachRole(t *testing.T, start func(testing.TB) *chaos.Group, test func(*testing.T, *chaos.Group, *chaos.Node)) {
	t.Helper()
	for _, role := range []string{"Raft leader", "follower"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			g := start(t)
			test(t, g, roles(g)[role])
		})
	}
}

func ofThree(t testing.TB) *chaos.Group { t.Helper(); return chaos.Start(t, 3) }

func ofThreeLinked(t testing.TB) *chaos.Group { t.Helper(); return chaos.StartLinked(t, 3) }

// lateBy is how long after the TTL a lease may end when a Raft leader is lost besides: 1 s by contract, the time without a leader, and
// a busy machine.
const lateBy = 6 * time.Second

// wantAfterDeadline checks that a grant came after the last deadline that the former holder was told, and not too late.
func wantAfterDeadline(t *testing.T, what string, told time.Time, granted time.Time) {
	t.Helper()
	switch late := granted.Sub(told); {
	case late < -underWay:
		t.Errorf("%s: granted to another %s before the last deadline that its holder was told", what, -late)
	case late > lateBy:
		t.Errorf("%s: granted to another only %s after the last deadline that its holder was told", what, late)
	}
}

// lastDeadline is the earliest that follows from the last frames that say one: all that came after the last renewal mean the same
// moment, and each was a little under way.
func lastDeadline(frames []chaos.Frame) (last time.Time) {
	for _, f := range frames {
		if f.ValidFor == 0 {
			continue
		}
		if d := f.Deadline(); f.Event != "jeopardy" || last.IsZero() || d.Before(last) {
			last = d
		}
	}
	return last
}

// TestHoldOfAKilledSidecarOutlivesIt kills the sidecar that three clients hold through. One stays away: its lock is free at its TTL. Two
// go on through another sidecar, with their tokens; when one of them closes, its lock is free at once, whether the first sidecar
// is still away or has come back.
func TestHoldOfAKilledSidecarOutlivesIt(t *testing.T) {
	t.Parallel()
	eachRole(t, ofThree, func(t *testing.T, g *chaos.Group, lost *chaos.Node) {
		const ttl = 3 * time.Second
		other, third := g.Others(lost)[0], g.Others(lost)[1]
		type place struct {
			path, lease string
			held        chaos.Frame
			before      []chaos.Frame
			stream      *chaos.Stream
			waiting     *chaos.Stream
		}
		places := map[string]*place{"away": {}, "gone on": {}, "returned": {}}
		i := 0
		for name, p := range places {
			p.path, p.lease = fmt.Sprint("/v1/locks/l", i), ownLease(i)
			i++
			p.stream = lost.Hold(p.path, "ttl", ttl.String(), "owner", name, "lease", p.lease).Begun(t)
			p.held = p.stream.Await(10*time.Second, "held")
			p.waiting = third.Hold(p.path, "ttl", "60s", "owner", "next").Begun(t)
			p.waiting.Await(10*time.Second, "queued")
		}
		lost.Kill()
		for name, p := range places {
			frames, err := p.stream.Ended(5 * time.Second)
			if err == nil || has(frames, "lost") {
				t.Errorf("%s: the stream of a killed sidecar ended with %v after %v", name, err, frames)
			}
			p.before = append([]chaos.Frame{p.held}, frames...)
		}

		resume := func(name string) *chaos.Stream {
			t.Helper()
			p := places[name]
			s := other.Hold(p.path, "ttl", ttl.String(), "owner", name, "lease", p.lease).Begun(t)
			if again := s.Await(10*time.Second, "held"); again.Token != p.held.Token || again.Lease != p.lease {
				t.Fatalf("%s: resumed as %s, held before as %s", name, again, p.held)
			}
			return s
		}
		goneOn, returned := resume("gone on"), resume("returned")
		term, closed := groupTerm(g), time.Now()
		goneOn.Close()
		next := places["away"].waiting.Await(ttl+2*lateBy, "held")
		wantAfterDeadline(t, "nobody resumed it", lastDeadline(places["away"].before), next.At)
		next = places["gone on"].waiting.Await(ttl+2*lateBy, "held")
		wantSoon(t, g, term, closed, next.At, "the grant after a resumed hold was closed, with the first sidecar still away")

		lost.Start()
		lost.AwaitReady()
		lost.Post("/v1/locks/its-first-command", "ttl", "5m").Want(t, 201) // which opens its session, and ends that of its earlier run
		if f := returned.WantOpen().Drain(); has(f, "lost") || has(places["returned"].waiting.Drain(), "held") {
			t.Fatalf("a resumed hold was lost: %v", f)
		}
		wantHolder(t, lost, places["returned"].path[len("/v1/locks/"):], "returned", places["returned"].held.Token)
		term, closed = groupTerm(g), time.Now()
		returned.Close()
		next = places["returned"].waiting.Await(ttl+lateBy, "held")
		wantSoon(t, g, term, closed, next.At, "the grant after a resumed hold was closed")
	})
}

func has(frames []chaos.Frame, event string) bool {
	for _, f := range frames {
		if f.Event == event {
			return true
		}
	}
	return false
}

// TestDrainingSidecarLeavesItsHoldsAlone stops a sidecar in order while a client works under a hold of it.
func TestDrainingSidecarLeavesItsHoldsAlone(t *testing.T) {
	t.Parallel()
	start := func(t testing.TB) *chaos.Group { t.Helper(); return chaos.Start(t, 3, "--drain-timeout", "2s") }
	eachRole(t, start, func(t *testing.T, g *chaos.Group, stops *chaos.Node) {
		const ttl = 8 * time.Second
		path, lease := "/v1/locks/job", ownLease(1)
		other, third := g.Others(stops)[0], g.Others(stops)[1]
		hold := stops.Hold(path, "ttl", ttl.String(), "owner", "worker", "lease", lease).Begun(t)
		held := hold.Await(10*time.Second, "held")
		queued := stops.Hold("/v1/locks/other", "ttl", ttl.String(), "lease", ownLease(2))
		third.Post("/v1/locks/other", "ttl", "5m", "lease", ownLease(3))
		queued.Begun(t)
		waiting := third.Hold(path, "ttl", "60s", "owner", "next").Begun(t)
		waiting.Await(10*time.Second, "queued")

		asked := time.Now()
		stops.Terminate()
		chaos.Until(t, 10*time.Second, "it to say that it is stopping", func() error {
			if a := stops.Hold("/v1/locks/fresh"); a.Status != 503 || a.Body.Code != "draining" {
				a.Close()
				return fmt.Errorf("%s", a.Answer)
			}
			return nil
		})
		frames, err := hold.Ended(15 * time.Second)
		chaos.WantEOF(t, err)
		if took := time.Since(asked); took < 2*time.Second {
			t.Errorf("the stream of a holder ended %s after the sidecar was told to stop, before its drain timeout", took)
		}
		if has(frames, "lost") || has(frames, "jeopardy") {
			t.Errorf("a stopping sidecar alarmed its holder: %v", frames)
		}
		if last := lastDeadline(append([]chaos.Frame{held}, frames...)); !last.After(time.Now()) {
			t.Errorf("the last deadline told had passed %s ago when the stream ended", time.Since(last))
		}
		again := other.Hold(path, "ttl", ttl.String(), "owner", "worker", "lease", lease).Begun(t)
		if f := again.Await(10*time.Second, "held"); f.Token != held.Token {
			t.Errorf("resumed as %s, held before as %s", f, held)
		}
		if code := stops.Wait(); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
		if has(waiting.Drain(), "held") {
			t.Fatal("granted to another while it was held")
		}
		wantHolder(t, other, "job", "worker", held.Token)
		term, closed := groupTerm(g), time.Now()
		again.Close()
		wantSoon(t, g, term, closed, waiting.Await(ttl+lateBy, "held").At, "the grant after a hold that had moved was closed")
	})
}
