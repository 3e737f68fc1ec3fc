package raftnode

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// next is the next delivery of a subscription, empty if there is none within a time.
func (w *world) next(s *Subscription, limit time.Duration) Delivery {
	w.t.Helper()
	ctx := within(limit)
	d, err := s.Next(ctx)
	if err != nil && !errors.Is(err, ctx.Err()) {
		w.t.Fatalf("no next delivery: %v", err)
	}
	return d
}

// P11 for events: who begins to listen to a replica that has been cut off for long is told how old all is, and not since when he listens.
func TestEventsOfAReplicaThatIsCutOffAreAsOldAsTheyAre(t *testing.T) {
	inFakeTime(t, 4, func(w *world) {
		w.settled(20*time.Second, 3, 0, 1)
		agent, m := w.with(Agent), w.with(Voter)
		w.sleep(time.Second)
		for _, h := range w.hosts {
			if h != m && h != agent {
				w.net.Partition(h.name, m.name, agent.name)
			}
		}
		w.sleep(10 * time.Minute)
		for _, h := range []*host{m, agent} {
			sub, err := h.up().Subscribe(within(10*time.Second), nil, Filter{})
			if err != nil {
				t.Fatal(err)
			}
			for range 4 {
				w.next(sub, 500*time.Millisecond)
				if age := sub.Age(); age < 10*time.Minute || age > 11*time.Minute {
					t.Errorf("cut off for ten minutes, %s says that its events are %v old", h.name, age)
				}
			}
			sub.Close()
		}
	}, crew(0))
}

// P11 for events: an agent says how old that is which it has been told, and never too little.
func TestAnAgentSaysHowOldItsEventsAre(t *testing.T) {
	inFakeTime(t, 5, func(w *world) {
		w.settled(20*time.Second, 3, 0, 2)
		agent := w.with(Agent)
		sub, err := agent.up().Subscribe(within(time.Second), nil, Filter{})
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		if d := w.next(sub, time.Second); d.State == nil {
			t.Fatalf("%+v", d)
		}
		for range 10 {
			w.next(sub, 300*time.Millisecond)
			if age := sub.Age(); age > 2*relayEvery || age < 0 {
				t.Errorf("all is well, and it is %v old", age)
			}
		}
		victim := w.relayOf(sub)
		w.net.Delay(victim.name, agent.name, 400*time.Millisecond)
		w.next(sub, time.Second)
		for range 10 {
			w.next(sub, 300*time.Millisecond)
			if age := sub.Age(); age < 400*time.Millisecond || age > 2*relayEvery+400*time.Millisecond {
				t.Errorf("told 400 ms late, it is %v old", age)
			}
		}
		w.net.Delay(victim.name, agent.name, 0)
		w.sleep(2 * time.Second)
		w.next(sub, 10*time.Millisecond)

		// A member that is cut off from the group, but not from the agent, knows ever less.
		victim = w.relayOf(sub)
		cut := time.Now()
		w.net.Partition(victim.name, w.members(victim)...)
		w.newLeaderThanOf(victim)
		out := w.mustHold(agent, lockCommand("l", "holder", time.Hour, 1))
		for time.Since(cut) < relayStale {
			if d := w.next(sub, 300*time.Millisecond); len(d.Events) > 0 {
				return // it has turned away, be it for another reason
			}
			if age := sub.Age(); age < time.Since(cut)-600*time.Millisecond {
				t.Errorf("cut off for %v it is %v old", time.Since(cut), age)
			}
		}
		for begun := time.Now(); ; {
			if d := w.next(sub, 300*time.Millisecond); len(d.Events) > 0 {
				if d.Events[0].Token != out.Token {
					t.Errorf("%+v", d.Events)
				}
				break
			}
			if time.Since(begun) > 3*time.Second {
				t.Fatal("it does not turn to a member that knows more")
			}
		}
		if w.relayOf(sub) == victim {
			t.Error("it follows one that is cut off")
		}
	}, crew(0))
}

// relayOf is the host that a subscription follows.
func (w *world) relayOf(s *Subscription) *host {
	w.t.Helper()
	h := (&listener{sub: s}).member(w)
	if h == nil {
		w.t.Fatal("it follows nobody")
	}
	return h
}

// newLeaderThanOf waits until somebody else leads.
func (w *world) newLeaderThanOf(h *host) {
	w.t.Helper()
	w.eventually(10*time.Second, "another leads", func() bool {
		for _, one := range w.hosts {
			if n := one.up(); one != h && n != nil && n.reigning() != nil {
				return true
			}
		}
		return false
	})
}

// TestAWholeStateOfAnySizeIsRelayed, in pieces, to a subscriber who wants a part of it too.
func TestAWholeStateOfAnySizeIsRelayed(t *testing.T) {
	inFakeTime(t, 4, func(w *world) {
		w.settled(20*time.Second, 3, 0, 1)
		agent := w.with(Agent)
		const locks = 250
		for i := range locks {
			c := lockCommand(fmt.Sprintf("l%d", i), fmt.Sprintf("holder%d", i), time.Hour, 1)
			c.Metadata = []lease.Pair{{Key: "k", Value: strings.Repeat("x", 4000)}}
			w.mustHold(agent, c)
		}
		w.sleep(time.Second) // until all have applied that
		sub, err := agent.up().Subscribe(within(time.Second), nil, Filter{Space: lease.Elections})
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		d := w.next(sub, time.Second)
		if d.State == nil {
			t.Fatalf("%+v", d)
		}
		a := d.State.Answer(lease.Query{Kind: lease.QueryNames, Space: lease.Locks, Limit: lease.MaxListLimit})
		if len(a.Infos) != locks || d.ID != (EventID{d.State.Index() + 1, 0}) || sub.Index() < d.State.Index() {
			t.Errorf("%d locks, at %v, of index %d, begun at %d", len(a.Infos), d.ID, d.State.Index(), sub.Index())
		}
		w.mustHold(agent, candidateCommand("e", "boss", time.Hour, 1))
		if d := w.next(sub, time.Second); len(d.Events) != 1 || d.Events[0].Name != "e" {
			t.Errorf("%+v", d)
		}
	}, crew(0))
}

// TestASubscriptionBeginsAnewInAnotherGroup: a position of one log says nothing in another.
func TestASubscriptionBeginsAnewInAnotherGroup(t *testing.T) {
	inFakeTime(t, 4, func(w *world) {
		w.settled(20*time.Second, 3, 0, 1)
		sub, err := w.with(Agent).up().Subscribe(within(time.Second), &EventID{2, 0}, Filter{})
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		if d := w.next(sub, time.Second); d.State != nil {
			t.Fatalf("what happened since index 2 is remembered: %+v", d)
		}
		sub.cluster = "another, until a moment ago"
		if d := w.next(sub, 5*time.Second); d.State == nil || sub.Position() != d.ID {
			t.Errorf("%+v", d)
		}
	}, crew(0))
}
