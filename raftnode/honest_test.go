package raftnode

import (
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// P10: a command that has left for the log may happen, and the caller is told so, whoever proposes it.
func TestCommandThatHasLeftIsUnknown(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for i, patience := range []time.Duration{50 * time.Millisecond, 3 * time.Second} { // before and after it steps down
			l, f := w.leader(), w.follower()
			name := []string{"a", "b"}[i]
			w.mustHold(l, lockCommand("warm"+name, "warm"+name, time.Hour, 1))
			w.mustHold(f, lockCommand("warm2"+name, "warm2"+name, time.Hour, 1))
			w.isolate(l)
			if _, err := l.up().Acquire(within(patience), lockCommand(name, name, time.Minute, 1), 0); codeOf(err) != OutcomeUnknown {
				t.Errorf("proposed by a leader without a majority, after %v: %v", patience, err)
			}
			w.net.HealAll()
			w.ready()
		}
	})
}

// P10: a command that no batch had taken when its caller left never happens, and the caller is told so.
func TestCommandThatNeverLeftNeverHappens(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		l := w.leader()
		w.mustHold(l, lockCommand("warm", "warm", time.Minute, 1))
		l.clock.freeze()
		w.sleep(time.Second)
		_, err := l.up().Acquire(within(time.Second), lockCommand("l", "late", time.Minute, 1), 0)
		if c := codeOf(err); c != NoLeader {
			t.Errorf("answered %v", err)
		}
		l.clock.thaw()
		w.sleep(2 * time.Second)
		if got := w.ledger.replay(nil).pick(func(c *lease.Command) bool { return c.Name == "l" }); len(got) > 0 {
			t.Errorf("it happened: %+v", got)
		}
	})
}

// P10: what is asked of a node without a group, or without a leader in reach, did not happen.
func TestNothingHappensWithoutALeader(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		w.mustHold(w.hosts[0], lockCommand("warm", "warm", time.Minute, 1))
		for _, h := range w.hosts {
			w.isolate(h)
		}
		w.sleep(2 * time.Second)
		for _, h := range w.hosts {
			_, err := h.up().Acquire(within(2*time.Second), lockCommand("l", h.name, time.Minute, 1), time.Second)
			if codeOf(err) != NoLeader {
				t.Errorf("%s: %v", h.name, err)
			}
		}
		w.net.HealAll()
		w.ready()
		w.sleep(time.Second)
		if got := w.ledger.replay(nil).pick(func(c *lease.Command) bool { return c.Name == "l" }); len(got) > 0 {
			t.Errorf("it happened: %+v", got)
		}
	})
}
