package raftnode

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// crew makes a group of 3 founders that all vote, with so many spares wanted; the other hosts are taken in.
func crew(spares int) func(*world) {
	return func(w *world) {
		w.also = func(c *Config) { c.ClusterSize, c.Voters, c.Spares = 3, 3, spares }
	}
}

// roles are the sidecars' roles by name, as the Raft leader sees them.
func (w *world) roles() map[string]Role {
	l := w.leader()
	if l == nil {
		return nil
	}
	all := map[string]Role{}
	for _, m := range l.up().Status().Members {
		all[m.Name] = m.Role
	}
	return all
}

// settled waits until so many vote, replicate and forward, all of them healthy.
func (w *world) settled(limit time.Duration, voters, spares, agents int) time.Duration {
	w.t.Helper()
	want := map[Role]int{Voter: voters, Spare: spares, Agent: agents}
	took := w.eventually(limit, fmt.Sprintf("%d voters, %d spares, %d agents", voters, spares, agents), func() bool {
		l := w.leader()
		if l == nil {
			return false
		}
		count := map[Role]int{}
		for _, m := range l.up().Status().Members {
			if m.Healthy {
				count[m.Role]++
			}
		}
		for _, r := range []Role{Voter, Spare, Agent} {
			if count[r] != want[r] {
				return false
			}
		}
		return true
	})
	return took
}

// with returns a host that is up and has a role, but not the Raft leader.
func (w *world) with(r Role) *host {
	w.t.Helper()
	roles := w.roles()
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		for _, h := range w.hosts {
			if h.name == name && roles[name] == r && h != w.leader() && h.up() != nil {
				return h
			}
		}
	}
	w.t.Fatalf("nobody is a %s: %v", r, roles)
	return nil
}

func TestEverySidecarHasARoleAndAllCanDoTheSame(t *testing.T) {
	inFakeTime(t, 6, func(w *world) {
		w.settled(20*time.Second, 3, 1, 2)
		agent, spare := w.with(Agent), w.with(Spare)
		if agent.up().asMember() != nil || agent.up().dir.Membership().Logged {
			t.Error("an agent takes part in Raft")
		}
		out, err := agent.up().Do(within(time.Minute), lockCommand("a", "agent", time.Minute, 1))
		if err != nil || out.Standing != lease.Holding {
			t.Fatalf("%+v, %v", out, err)
		}
		got := make(chan Outcome, 1)
		go func() {
			out, err := spare.up().Acquire(within(time.Minute), lockCommand("a", "spare", 10*time.Second, 1), 30*time.Second)
			if err != nil {
				t.Error(err)
			}
			got <- out
		}()
		w.sleep(time.Second)
		if out, err := agent.up().Do(within(time.Minute), lease.Command{Op: lease.OpRelease, Space: lease.Locks, Name: "a", Lease: leaseOf("agent")}); err != nil || out.Code != lease.OK {
			t.Fatalf("%+v, %v", out, err)
		}
		if second := <-got; second.Token <= out.Token || second.Standing != lease.Holding {
			t.Errorf("%+v after %d", second, out.Token)
		}
		if _, _, err := agent.up().Query(within(time.Second), lease.Query{Kind: lease.QueryLease}, Local); err == nil || !strings.Contains(err.Error(), "agent") {
			t.Errorf("a local read of an agent: %v", err)
		}
	}, crew(1))
}

// Product: a dead voter is replaced in less than 10 s where a spare has caught up, and nothing is lost of what clients hold meanwhile.
func TestADeadVoterIsReplacedByASpareAndTheSpareByAnAgent(t *testing.T) {
	for _, leader := range []bool{false, true} {
		t.Run(fmt.Sprint("leader ", leader), func(t *testing.T) {
			inFakeTime(t, 5, func(w *world) {
				w.settled(20*time.Second, 3, 1, 1)
				h := w.with(Voter)
				if leader {
					h = w.leader()
				}
				holder := w.with(Agent)
				hold, out, err := holder.up().Hold(within(time.Minute), lockCommand("a", "held", 5*time.Second, 1), 0)
				if err != nil || hold == nil {
					t.Fatalf("%+v, %v", out, err)
				}
				defer hold.End(Ending{Release: true})
				h.crash()
				if took := w.settled(20*time.Second, 3, 1, 0); took > 10*time.Second {
					t.Errorf("replaced after %v", took)
				}
				h.start()
				w.settled(20*time.Second, 3, 1, 1)
				if s := hold.State(); s.Standing != lease.Holding || s.Token != out.Token {
					t.Errorf("held through it all: %+v", s)
				}
			}, crew(1))
		})
	}
}

// Guard 4: a wiped node is a new member. Its old self, which had votes, is put out; the new one has none before it has caught up.
func TestAWipedNodeComesBackAsANewMember(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		h := w.with(Voter)
		old := h.up().id
		h.crash()
		if err := os.RemoveAll(h.dir); err != nil {
			t.Fatal(err)
		}
		n := h.start()
		if n.id == old {
			t.Fatal("it has its old identity")
		}
		w.settled(10*time.Second, 3, 0, 0)
		w.eventually(10*time.Second, "the old identity is gone", func() bool {
			c, _ := w.leader().up().asMember().configuration()
			return !contains(c, old) && contains(c, n.id)
		})
	}, crew(0))
}

func TestANameIsOneNodes(t *testing.T) {
	inFakeTime(t, 4, func(w *world) {
		w.settled(20*time.Second, 3, 0, 1)
		twin := &host{w: w, name: "n5", clock: newSkewedClock(1), dir: filepath.Join(w.root, "n5"), also: func(c *Config) {
			w.also(c)
			c.Name = "n1"
		}}
		w.hosts = append(w.hosts, twin)
		n := twin.start()
		w.eventually(10*time.Second, "it says why it waits", func() bool { return strings.Contains(n.Status().NotReady, "in use") })
		w.hosts[0].stop()
		w.eventually(20*time.Second, "it is taken in when the other has gone", func() bool { return n.Status().Ready })
	}, crew(0))
}

// Guard 15, first half: a copy of a directory that is in use.
func TestATwinIsKeptOut(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		h := w.with(Voter)
		dir := filepath.Join(w.root, "copy")
		synctest.Wait()
		if err := copyDir(h.dir, dir); err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(dir, "lock"))
		twin := &host{w: w, name: "elsewhere", clock: newSkewedClock(1), dir: dir, also: w.also, fatals: make(chan error, 1)}
		w.hosts = append(w.hosts, twin)
		n := twin.start()
		w.sleep(10 * time.Second)
		if n.Status().Ready {
			t.Error("a twin is ready")
		}
		if why := n.Status().NotReady + n.refusal(); !strings.Contains(why, "alive") {
			t.Errorf("it does not say why: %s", why)
		}
		if !h.up().Status().Ready || w.leader() == nil {
			t.Error("the original suffers from it")
		}
		if out, err := h.up().Do(within(5*time.Second), lockCommand("a", "first", time.Minute, 1)); err != nil || out.Code != lease.OK {
			t.Errorf("%+v, %v", out, err)
		}
	}, crew(0))
}

// Guard 15, second half: a directory as it was some time ago.
func TestADirectoryThatWentBackIsKeptOut(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		h := w.with(Voter)
		h.stop()
		dir := filepath.Join(w.root, "backup")
		if err := copyDir(h.dir, dir); err != nil {
			t.Fatal(err)
		}
		h.start()
		w.ready()
		for i := range 5 {
			if _, err := h.up().Do(within(5*time.Second), lockCommand("a", fmt.Sprint("first", i), time.Minute, 1)); err != nil {
				t.Fatal(err)
			}
		}
		w.sleep(time.Second)
		h.stop()
		h.dir, h.fatals = dir, make(chan error, 1)
		n := h.start()
		select {
		case err := <-h.fatals:
			if !strings.Contains(err.Error(), "rolled back") || !strings.Contains(err.Error(), "move") {
				t.Errorf("it does not say what to do: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("it goes on: %+v", n.Status())
		}
	}, crew(0))
}

func TestLeavingIsBeforeTheEnd(t *testing.T) {
	for _, leader := range []bool{false, true} {
		t.Run(fmt.Sprint("leader ", leader), func(t *testing.T) {
			inFakeTime(t, 5, func(w *world) {
				w.settled(20*time.Second, 3, 1, 1)
				h := w.with(Voter)
				if leader {
					h = w.leader()
				}
				id := h.up().id
				if err := h.up().Leave(within(15 * time.Second)); err != nil {
					t.Fatal(err)
				}
				w.eventually(time.Second, "a leader without it", func() bool { return w.leader() != nil && w.leader() != h })
				if c, _ := w.leader().up().asMember().configuration(); contains(c, id) || voters(c) != 3 {
					t.Errorf("after it left: %+v", c)
				}
				h.stop()
				w.settled(10*time.Second, 3, 1, 0)
			}, crew(1))
		})
	}
}

func TestTheLastVoterStays(t *testing.T) {
	inFakeTime(t, 1, func(w *world) {
		if err := w.hosts[0].up().Leave(within(5 * time.Second)); err != nil {
			t.Error(err)
		}
		if c, _ := w.hosts[0].up().asMember().configuration(); voters(c) != 1 {
			t.Errorf("%+v", c)
		}
	})
}

func TestARemovedMemberGoesOnAsAnAgentAndComesBack(t *testing.T) {
	inFakeTime(t, 4, func(w *world) {
		w.settled(20*time.Second, 3, 0, 1)
		h, agent := w.with(Voter), w.with(Agent)
		id := string(h.up().id)
		if err := agent.up().RemoveMember(within(15*time.Second), id); err != nil {
			t.Fatal(err)
		}
		w.eventually(10*time.Second, "it is an agent", func() bool { return h.up().asMember() == nil })
		w.settled(20*time.Second, 3, 0, 1)
		if out, err := h.up().Do(within(5*time.Second), lockCommand("a", "first", time.Minute, 1)); err != nil || out.Code != lease.OK {
			t.Errorf("%+v, %v", out, err)
		}
		agent.stop()
		w.eventually(2*time.Minute, "it is a voter again", func() bool { return w.roles()[h.name] == Voter })
		if err := h.up().RemoveMember(within(5*time.Second), "n_nobody"); err != ErrNoSuchMember {
			t.Errorf("%v", err)
		}
	}, crew(0))
}

func TestAGroupOfOneGrowsToThree(t *testing.T) {
	inFakeTime(t, 1, func(w *world) {
		first := w.hosts[0].up()
		if out, err := first.Do(within(5*time.Second), lockCommand("a", "first", time.Minute, 1)); err != nil || out.Code != lease.OK {
			t.Fatalf("%+v, %v", out, err)
		}
		for i := 2; i <= 3; i++ {
			h := &host{w: w, name: fmt.Sprint("n", i), clock: newSkewedClock(1), dir: filepath.Join(w.root, fmt.Sprint("n", i)), also: func(c *Config) {
				c.ClusterSize, c.Voters, c.Existing = 3, 3, true
			}}
			w.hosts = append(w.hosts, h)
			h.start()
		}
		w.settled(20*time.Second, 3, 0, 0)
		w.hosts[0].crash()
		w.newLeader(nil)
		w.eventually(5*time.Second, "the lock is known", func() bool {
			a, _, err := w.hosts[1].up().Query(within(time.Second), lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: "a"}, Linearizable)
			return err == nil && a.Info != nil && len(a.Info.Holders) == 1
		})
		h := w.hosts[0]
		h.also = func(c *Config) { c.ClusterSize, c.Voters = 3, 3 } // no longer alone: this is right now
		h.start()
		w.settled(20*time.Second, 3, 0, 0)
	}, func(w *world) { w.also = func(c *Config) { c.Voters = 3 } })
}
