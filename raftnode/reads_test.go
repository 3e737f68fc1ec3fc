package raftnode

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
)

// slow is a timing with a leader lease so long that a deposed leader believes in itself for a while.
func slow(w *world) { w.timing = WAN }

// P11: while a leader is cut off, one way or both, it answers no default read; what is acknowledged meanwhile is in every
// later answer.
func TestDeposedLeaderAnswersNoDefaultRead(t *testing.T) {
	cuts := map[string]func(*world, *host){
		"cut off": func(w *world, l *host) { w.isolate(l) },
		"deaf": func(w *world, l *host) {
			for _, o := range w.others(l) {
				w.net.Cut(o, l.name)
			}
		},
		"dumb": func(w *world, l *host) {
			for _, o := range w.others(l) {
				w.net.Cut(l.name, o)
			}
		},
		// Answers that are on their way keep the leader from noticing until another one has been elected.
		"dumb, with late answers": func(w *world, l *host) {
			for _, o := range w.others(l) {
				w.net.Delay(o, l.name, 1900*time.Millisecond)
			}
			w.sleep(500 * time.Millisecond)
			for _, o := range w.others(l) {
				w.net.Cut(l.name, o)
			}
		},
	}
	for kind, cut := range cuts {
		t.Run(kind, func(t *testing.T) {
			inFakeTime(t, 3, func(w *world) {
				for i := range 4 {
					deposedLeaderIsSilent(w, cut, fmt.Sprintf("l%d", i))
				}
			}, slow)
		})
	}
}

func deposedLeaderIsSilent(w *world, cut func(*world, *host), name string) {
	w.t.Helper()
	q := lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: name}
	old := w.leader()
	n := old.up()
	cut(w, old)
	type answered struct {
		sent  time.Time
		index uint64
		held  int
	}
	ctx, stop := context.WithCancel(context.Background())
	answers := make(chan []answered, 1)
	asked := 0
	go func() {
		var got []answered
		for ctx.Err() == nil {
			sent := time.Now()
			asked++
			c, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
			a, _, err := n.Query(c, q, Linearizable)
			cancel()
			if err == nil {
				got = append(got, answered{sent, a.Index, a.Info.HolderCount})
			}
			time.Sleep(10 * time.Millisecond)
		}
		answers <- got
	}()
	// The new leader's first acknowledgement, by whichever sidecar of the majority.
	var acked time.Time
	var index uint64
	w.eventually(20*time.Second, "the majority goes on", func() bool {
		for _, h := range w.hosts {
			if h == old {
				continue
			}
			out, err := h.up().Acquire(within(200*time.Millisecond), lockCommand(name, "holder-"+name, time.Minute, 1), 0)
			if err == nil && out.Code == lease.OK {
				acked, index = time.Now(), out.Index
				return true
			}
		}
		return false
	})
	w.sleep(2 * time.Second)
	w.net.HealAll()
	for _, o := range w.others(old) {
		w.net.Delay(o, old.name, 0)
	}
	w.sleep(2 * time.Second)
	stop()
	after := 0
	for _, a := range <-answers {
		if !a.sent.Before(acked) {
			after++
			if a.index < index || a.held != 1 {
				w.t.Errorf("asked %v after an acknowledgement at index %d, the deposed leader answered as of %d", a.sent.Sub(acked), index, a.index)
			}
		}
	}
	if asked < 10 || after == 0 {
		w.t.Errorf("%d questions, %d answers after the new leader's first word: too few", asked, after)
	}
	w.ready()
}

// Guard 3: what counts as a confirmation.
func TestOnlyVotersAnswersToLaterRequestsConfirm(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		l := w.leader()
		n := l.up()
		r := n.reigning()
		for _, o := range w.others(l) {
			w.net.Cut(o, l.name) // answers are what this test gives
		}
		w.sleep(10 * time.Millisecond) // what was on its way
		voter := raft.ServerID(w.follower().up().id)
		ask := func() chan error {
			done := make(chan error, 1)
			go func() { done <- r.confirms.confirm(context.Background()) }()
			w.sleep(time.Millisecond)
			return done
		}
		silent := func(done chan error, why string) {
			t.Helper()
			w.sleep(time.Millisecond)
			select {
			case err := <-done:
				t.Fatalf("%s confirmed the leader (%v)", why, err)
			default:
			}
		}
		before := n.asMember().transport.LastSent()
		first := ask()
		r.confirms.observe(voter, r.term, before)
		silent(first, "an answer to a request sent before the question")
		r.confirms.observe("stranger", r.term, before+1000)
		silent(first, "a nonvoter's answer")
		r.confirms.observe(n.id, r.term, before+1000)
		silent(first, "the leader's own answer, counted twice")
		r.confirms.observe(voter, r.term-1, before+1000)
		silent(first, "an answer of another term")

		w.eventually(time.Second, "a request leaves", func() bool { return n.asMember().transport.LastSent() > before })
		second := ask()
		r.confirms.observe(voter, r.term, before+1)
		w.sleep(time.Millisecond)
		if err := <-first; err != nil {
			t.Errorf("a voter's answer to a later request: %v", err)
		}
		silent(second, "an answer to a request sent before this question, though after another")
		r.confirms.observe(voter, r.term, n.asMember().transport.LastSent()+1)
		if err := <-second; err != nil {
			t.Errorf("the second question: %v", err)
		}
	}, slow)
}

// P11: local reads say how old they are, and do not go backwards on one node, also over a restart.
func TestLocalReadsAreLabelledAndNeverGoBackwards(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		q := lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: "l"}
		f := w.follower()
		last := map[string]uint64{}
		look := func(h *host) (ReadInfo, error) {
			_, info, err := h.up().Query(within(time.Second), q, Local)
			if err == nil {
				if info.Index < last[h.name] {
					t.Errorf("%s went back from %d to %d", h.name, last[h.name], info.Index)
				}
				last[h.name] = info.Index
			}
			return info, err
		}
		for i := range 12 {
			who := fmt.Sprintf("holder%d", i)
			w.mustHold(w.hosts[i%3], lockCommand(who, who, time.Minute, 1))
			w.sleep(400 * time.Millisecond)
			for _, h := range w.hosts {
				info, err := look(h)
				if err != nil {
					t.Errorf("%s: %v", h.name, err)
				}
				if info.Staleness > 400*time.Millisecond {
					t.Errorf("%s says it is %v old though all is well", h.name, info.Staleness)
				}
			}
			switch i % 4 {
			case 1: // cut off, it goes on answering, and says how old that is
				w.isolate(f)
				cut := time.Now()
				w.sleep(3 * time.Second)
				info, err := look(f)
				if age := time.Since(cut); err != nil || info.Staleness < age-300*time.Millisecond || info.Staleness > age+300*time.Millisecond {
					t.Errorf("cut off for %v it says %v %v", age, info.Staleness, err)
				}
				w.net.HealAll()
			case 3: // restarted alone, it answers only once it has caught up
				f.crash()
				w.isolate(f)
				f.start()
				w.sleep(2 * time.Second)
				if _, err := look(f); codeOf(err) != NotReady {
					t.Errorf("restarted and cut off it answers with %v", err)
				}
				w.net.HealAll()
				w.eventually(5*time.Second, "it catches up", func() bool { _, err := look(f); return err == nil })
			}
			w.ready()
		}
	}, func(w *world) { w.tune = small })
}

// A leader that has lost its majority says so, and that nothing happened.
func TestLeaderWithoutMajoritySaysNoQuorum(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		l := w.leader()
		w.isolate(l)
		_, _, err := l.up().Query(within(1500*time.Millisecond), lease.Query{Kind: lease.QueryNames, Space: lease.Locks, Limit: 1}, Linearizable)
		if c := codeOf(err); c != NoQuorum && c != NoLeader {
			t.Errorf("answered %v", err)
		}
		if c := codeOf(l.up().Confirm(within(time.Second))); c != NoQuorum && c != NoLeader {
			t.Errorf("confirmed: %v", c)
		}
	}, slow)
}

func TestNonvotersNeverConfirm(t *testing.T) {
	servers := []raft.Server{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "x", Suffrage: raft.Nonvoter}, {ID: "y", Suffrage: raft.Nonvoter},
		{ID: "z", Suffrage: raft.Nonvoter}}
	for _, c := range []struct {
		self raft.ServerID
		acks map[raft.ServerID]uint64
		want bool
	}{
		{"a", nil, false},
		{"a", map[raft.ServerID]uint64{"x": 9, "y": 9, "z": 9}, false},
		{"a", map[raft.ServerID]uint64{"b": 7}, false},
		{"a", map[raft.ServerID]uint64{"b": 8}, true},
		{"x", map[raft.ServerID]uint64{"b": 8, "y": 8}, false},
		{"x", map[raft.ServerID]uint64{"b": 8, "c": 8}, true},
	} {
		if got := confirmed(servers, c.self, c.acks, 7); got != c.want {
			t.Errorf("self %s, answers %v: %v, want %v", c.self, c.acks, got, c.want)
		}
	}
}

// TestConfirmationEndsWithItsMember: nothing of a Raft leader outlives it.
func TestConfirmationEndsWithItsMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &member{down: make(chan struct{})}
		c := newConfirmer(m, "a", 7)
		begun := time.Now()
		time.AfterFunc(time.Millisecond, func() { close(m.down) })
		c.gather(1, time.After(confirmKick), time.After(confirmTimeout))
		if took := time.Since(begun); took != time.Millisecond {
			t.Errorf("it ended after %v", took)
		}
	})
}
