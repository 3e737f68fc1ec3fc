package raftnode

import (
	"fmt"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// TestServiceIsBackSoonThroughAgents: like through members, whatever way the Raft leader goes (P17).
func TestServiceIsBackSoonThroughAgents(t *testing.T) {
	for what, fault := range map[string]func(*world, *host){
		"stopped":                  func(_ *world, h *host) { h.stop() },
		"without power":            func(_ *world, h *host) { h.crash() },
		"cut off":                  func(w *world, h *host) { w.isolate(h) },
		"cut off from the members": func(w *world, h *host) { w.net.Partition(h.name, w.members(h)...) },
	} {
		t.Run(what, func(t *testing.T) {
			withAgents(t, func(w *world, agent, other *host) {
				for range 3 {
					old := w.leader()
					begun := time.Now()
					fault(w, old)
					out, err := agent.up().Do(within(20*time.Second), lockCommand("l", "holder", time.Hour, 1))
					if took := time.Since(begun); err != nil || out.Code != lease.OK || took > 2*time.Second {
						t.Errorf("back after %v: %+v %v", took, out, err)
					}
					w.net.HealAll()
					if old.up() == nil {
						old.start()
					}
					w.settled(20*time.Second, 3, 0, 2)
				}
			})
		})
	}
}

// TestSearchForALeaderIsNotHeldUp: by an address of which nothing comes back, which a search before it may wait for.
func TestSearchForALeaderIsNotHeldUp(t *testing.T) {
	inFakeTime(t, 6, func(w *world) {
		w.settled(20*time.Second, 5, 0, 1)
		agent, silent := w.with(Agent), w.with(Voter)
		w.isolate(silent)
		for i := range 8 {
			w.sleep(5*time.Second + time.Duration(i)*300*time.Millisecond)
			old := w.leader()
			begun := time.Now()
			w.isolate(old)
			out, err := agent.up().Do(within(20*time.Second), lockCommand("l", "holder", time.Hour, 1))
			if took := time.Since(begun); err != nil || out.Code != lease.OK || took > 2*time.Second {
				t.Errorf("%d: back after %v: %+v %v", i, took, out, err)
			}
			w.net.HealAll()
			w.isolate(silent)
			w.newLeader(nil)
		}
	}, func(w *world) {
		w.also = func(c *Config) { c.ClusterSize, c.Voters, c.Agent = 5, 5, c.Name == "n6" }
	})
}

// TestWhatIsHeldThroughAgentsOutlivesTheirMembers: one member after the other goes, in each way, and no hold of an agent is lost or doubted
// for long; who waits goes on waiting, and who leads leads.
func TestWhatIsHeldThroughAgentsOutlivesTheirMembers(t *testing.T) {
	withAgents(t, func(w *world, agent, other *host) {
		var holds []*Hold
		for i, h := range []*host{agent, other} {
			for k := range 10 {
				who := fmt.Sprintf("h%d-%d", i, k)
				holds = append(holds, w.mustBegin(h, lockCommand(who, who, 4*time.Second, uint64(k+1)), -1))
			}
			who := fmt.Sprintf("chief%d", i)
			holds = append(holds, w.mustBegin(h, candidateCommand(who, who, 4*time.Second, 1), -1))
		}
		tokens := map[*Hold]lease.Token{}
		for _, h := range holds {
			tokens[h] = w.comesTo(h, lease.Holding, time.Second, "a free name").Token
		}
		waits := w.mustBegin(agent, lockCommand("h1-0", "waits", 4*time.Second, 9), -1)
		check := func() {
			t.Helper()
			for _, h := range holds {
				if now := h.State(); now.Standing != lease.Holding || now.Token != tokens[h] {
					t.Fatalf("lost: %+v", now)
				}
			}
			for i, h := range []*host{agent, other} {
				if token, _, yes := h.up().Leads(fmt.Sprintf("chief%d", i)); !yes || token == 0 {
					t.Fatalf("%s does not say that it leads", h.name)
				}
			}
		}
		pass := func(d time.Duration) {
			t.Helper()
			for end := time.Now().Add(d); time.Now().Before(end); w.sleep(20 * time.Millisecond) {
				check()
			}
		}
		for round := range 3 {
			for _, h := range w.hosts {
				if h == agent || h == other {
					continue
				}
				switch round {
				case 0:
					h.stop()
				case 1:
					h.crash()
				default:
					w.isolate(h)
				}
				pass(3 * time.Second)
				w.net.HealAll()
				if h.up() == nil {
					h.start()
				}
				pass(4 * time.Second)
			}
		}
		for range 5 {
			w.transfer()
			pass(time.Second)
		}
		if now := waits.State(); now.Standing != lease.Waiting || now.Position != 1 {
			t.Errorf("who waits: %+v", now)
		}
		holds[11].End(hungUpHolding)
		w.comesTo(waits, lease.Holding, 200*time.Millisecond, "its turn")
	})
}

// TestLeadsOutliveTheirSidecarsPromotion: the state with which a new member begins is older than some of them.
func TestLeadsOutliveTheirSidecarsPromotion(t *testing.T) {
	withAgents(t, func(w *world, agent, other *host) {
		other.stop() // so that there is one to be promoted
		restores, count := w.restores, 0
		leads := func() {
			t.Helper()
			for i := range count {
				if _, _, yes := agent.up().Leads(fmt.Sprintf("e%d", i)); !yes {
					t.Fatalf("its sidecar does not say that candidate %d of %d leads", i, count)
				}
			}
		}
		w.with(Voter).stop()
		w.eventually(30*time.Second, "it is a voter", func() bool {
			w.mustHold(agent, candidateCommand(fmt.Sprintf("e%d", count), fmt.Sprintf("chief%d", count), time.Hour, 1))
			count++
			leads()
			w.sleep(50 * time.Millisecond)
			return agent.up().asMember() != nil && w.roles()[agent.name] == Voter
		})
		w.sleep(2 * time.Second)
		leads()
		if w.restores <= restores {
			t.Error("it did not begin with a snapshot")
		}
		// What ends while its sidecar is a member is heard of as ever.
		w.do(w.leader(), lease.Command{Op: lease.OpRelease, Space: lease.Elections, Name: "e0", Lease: leaseOf("chief0")})
		w.eventually(200*time.Millisecond, "the news of a resignation", func() bool { _, _, yes := agent.up().Leads("e0"); return !yes })
	}, func(w *world) { w.tune = small })
}

// TestADrainedAgentWaitsForWhatItsClientsHold, whoever leads, and is told by nobody who does not know.
func TestADrainedAgentWaitsForWhatItsClientsHold(t *testing.T) {
	withAgents(t, func(w *world, agent, other *host) {
		w.mustHold(agent, lockCommand("l", "holder", time.Hour, 1))
		w.mustHold(other, lockCommand("m", "another", time.Hour, 1))
		n := agent.up()
		if left := n.AwaitIdle(within(time.Second)); left != 1 {
			t.Errorf("%d are left", left)
		}
		n.Drain()
		if _, err := n.Do(within(time.Second), lockCommand("n", "new", time.Hour, 1)); codeOf(err) != Draining {
			t.Errorf("a new acquire: %v", err)
		}
		done := make(chan int, 1)
		go func() { done <- n.AwaitIdle(within(time.Minute)) }()
		w.leader().crash()
		w.sleep(5 * time.Second)
		w.isolate(agent)
		w.sleep(10 * time.Second)
		w.net.HealAll()
		w.sleep(5 * time.Second)
		select {
		case left := <-done:
			t.Fatalf("it goes while something is held: %d", left)
		default:
		}
		w.mustRenew(agent, "l", "holder")
		w.mustRelease(agent, "l", "holder")
		released := time.Now()
		if left := <-done; left != 0 || time.Since(released) > time.Second {
			t.Errorf("after %v: %d are left", time.Since(released), left)
		}
		// A node that does not lead is asked in vain: it may know of nothing.
		l, err := n.dialLink(within(time.Second), string(other.up().id))
		if err != nil {
			t.Fatal(err)
		}
		if kind, _, err := l.roundTrip(within(time.Second), frameTaken, []byte(agent.name)); err != nil || kind != frameNotLeader {
			t.Errorf("another agent says %d, %v", kind, err)
		}
		l.close(errClosing)
		l.wg.Wait()
	})
}
