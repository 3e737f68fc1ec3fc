package raftnode

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// agentOfALostGroup tests what becomes of an agent with a hold. loseGroup is what happens to the three members; told says that the other group
// says that it replaces the agent's, so that it need not be sure by itself.
func agentOfALostGroup(t *testing.T, told bool, loseGroup func(w *world, members []*host)) {
	inFakeTime(t, 4, func(w *world) {
		w.settled(20*time.Second, 3, 0, 1)
		agent := w.with(Agent)
		var members []*host
		for _, h := range w.hosts {
			if h != agent {
				members = append(members, h)
			}
		}
		hold, out, err := agent.up().Hold(within(time.Minute), lockCommand("a", "held", time.Minute, 1), 0)
		if err != nil || hold == nil {
			t.Fatalf("%+v, %v", out, err)
		}
		defer hold.End(Ending{Release: true})
		old := agent.up().clusterID()
		loseGroup(w, members)
		took := w.eventually(40*time.Second, "the hold is lost", func() bool { return hold.State().Lost == ClusterReplaced })
		if told && took > 5*time.Second {
			t.Errorf("lost after %v", took)
		}
		w.eventually(20*time.Second, "the agent is of the other group", func() bool {
			st := agent.up().Status()
			return st.ClusterID != old && st.Leader != nil
		})
		again, err := agent.up().Do(within(10*time.Second), lockCommand("b", "new", time.Minute, 1))
		if err != nil || again.Standing != lease.Holding || again.Token <= out.Token {
			t.Errorf("%+v after %d, %v", again, out.Token, err)
		}
		if m := agent.up().dir.Membership(); m.ClusterID == old || m.ClusterID != agent.up().clusterID() {
			t.Errorf("written down: %+v", m)
		}
	}, crew(0))
}

// A recovered group's agents turn to it by themselves, and tell those who hold.
func TestAnAgentTurnsToItsRecoveredGroup(t *testing.T) {
	agentOfALostGroup(t, true, func(w *world, members []*host) {
		for _, h := range members {
			h.crash()
		}
		members[0].recover()
		members[0].start()
	})
}

// All disks lost: another group at the addresses of the old one.
func TestAnAgentTurnsToTheGroupThatStandsInThePlaceOfItsOwn(t *testing.T) {
	agentOfALostGroup(t, false, func(w *world, members []*host) {
		for _, h := range members {
			h.crash()
			if err := os.RemoveAll(h.dir); err != nil {
				t.Fatal(err)
			}
		}
		w.ledger = newLedger(w.t) // of another history from here on
		// While it hears of an old group a fresh node waits for that, and an agent that looks for its members tells of it. So the
		// new group comes to be where the agent does not reach.
		agent := w.hosts[slices.IndexFunc(w.hosts, func(h *host) bool { return !slices.Contains(members, h) })]
		w.isolate(agent)
		var join []string
		for _, h := range members {
			join = append(join, h.addr())
		}
		for _, h := range members {
			also := h.also
			h.also = func(c *Config) { also(c); c.Join = join }
			h.start()
		}
		w.eventually(20*time.Second, "a new group", func() bool { return w.leader() != nil })
		w.net.HealAll()
	})
}

// A foreign group that answers beside one's own is none of an agent's business.
func TestAnAgentStaysWithItsGroupWhileAnyOfItAnswers(t *testing.T) {
	inFakeTime(t, 4, func(w *world) {
		w.settled(20*time.Second, 3, 0, 1)
		agent := w.with(Agent)
		old := agent.up().clusterID()
		stranger := &host{w: &world{t: w.t, net: w.net, root: w.root, timing: w.timing, ledger: newLedger(w.t)}, name: "n9", clock: newSkewedClock(1), dir: w.root + "/n9", also: func(c *Config) { c.ClusterSize, c.Voters, c.Join = 1, 1, nil }}
		stranger.start()
		defer stranger.stop()
		w.eventually(5*time.Second, "a group of its own", func() bool { return stranger.up().Status().Ready })
		agent.stop()
		also := agent.also
		agent.also = func(c *Config) { also(c); c.Join = append(c.Join, "n9:5626") }
		agent.start()
		for range 600 {
			w.sleep(100 * time.Millisecond)
			if id := agent.up().clusterID(); id != old {
				t.Fatalf("it is of %s", id)
			}
		}
		if st := agent.up().Status(); !st.Ready {
			t.Errorf("%+v", st)
		}
	}, crew(0))
}
