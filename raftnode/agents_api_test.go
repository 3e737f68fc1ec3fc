package raftnode

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// withAgents runs f in a group of 3 voters and 2 agents.
func withAgents(t *testing.T, f func(w *world, agent, other *host), options ...func(*world)) {
	t.Helper()
	inFakeTime(t, 5, func(w *world) {
		w.settled(20*time.Second, 3, 0, 2)
		var agents []*host
		for _, h := range w.hosts {
			if h.up().asMember() == nil {
				agents = append(agents, h)
			}
		}
		f(w, agents[0], agents[1])
	}, append(options, crew(0))...)
}

func (w *world) do(h *host, c lease.Command) Outcome {
	w.t.Helper()
	out, err := h.up().Do(within(5*time.Second), c)
	if err != nil {
		w.t.Fatalf("%s: %+v: %v", h.name, c.Op, err)
	}
	return out
}

func (w *world) ask(h *host, q lease.Query) lease.Answer {
	w.t.Helper()
	a, _, err := h.up().Query(within(5*time.Second), q, Linearizable)
	if err != nil {
		w.t.Fatalf("%s: %+v: %v", h.name, q, err)
	}
	return a
}

func TestWaitersOfAgentsAreAnsweredAtOnce(t *testing.T) {
	withAgents(t, func(w *world, agent, other *host) {
		for i, pair := range [][2]*host{{agent, other}, {agent, w.leader()}, {w.with(Voter), agent}, {agent, agent}} {
			name := fmt.Sprintf("l%d", i)
			w.mustHold(pair[0], lockCommand(name, "holder"+name, time.Minute, 1))
			first := pair[1].background(context.Background(), lockCommand(name, "first"+name, time.Minute, 2), time.Minute)
			w.queued(name, 1)
			ctx, hangUp := context.WithCancel(context.Background())
			second := pair[1].background(ctx, lockCommand(name, "second"+name, time.Minute, 3), time.Minute)
			w.queued(name, 2)
			if i%2 == 1 {
				w.transfer()
				w.sleep(time.Second)
			}
			w.mustRelease(pair[0], name, "holder"+name)
			released := time.Now()
			if out := w.wantGrant(first, time.Second, "a waiter"); time.Since(released) > 100*time.Millisecond || out.ValidFor < 59*time.Second {
				t.Errorf("answered after %v, for %v", time.Since(released), out.ValidFor)
			}
			hangUp()
			<-second
			w.queued(name, 0)
			third := pair[1].background(context.Background(), lockCommand(name, "third"+name, time.Minute, 4), time.Second)
			if a := <-third; a.err != nil || a.out.Code != lease.WaitTimeout {
				t.Errorf("its wait is over: %+v %v", a.out, a.err)
			}
		}
	})
}

func TestHoldsOfAgentsAreToldWhatBecomesOfThem(t *testing.T) {
	withAgents(t, func(w *world, agent, other *host) {
		first := w.mustBegin(other, lockCommand("l", "first", 5*time.Second, 1), -1)
		second := w.mustBegin(agent, lockCommand("l", "second", 5*time.Second, 2), -1)
		third := w.mustBegin(agent, lockCommand("l", "third", 5*time.Second, 3), -1)
		w.eventually(5*time.Second, "the positions", func() bool { return second.State().Position == 1 && third.State().Position == 2 })
		w.sleep(30 * time.Second)
		if now := first.State(); now.Standing != lease.Holding || now.ValidFor < 2*time.Second {
			t.Errorf("%+v", now)
		}
		first.End(hungUpHolding)
		now := w.comesTo(second, lease.Holding, 200*time.Millisecond, "its turn")
		if now.ValidFor < 4*time.Second {
			t.Errorf("%+v", now)
		}
		// An administrator, anywhere: the holder hears at once, and the next is granted.
		force := lease.Command{Op: lease.OpForceRelease, Space: lease.Locks, Name: "l", Token: now.Token, Reason: "stuck"}
		if out := w.do(other, force); out.Code != lease.OK {
			t.Fatalf("%+v", out)
		}
		if now := w.comesTo(second, lease.Absent, 200*time.Millisecond, "the news"); now.Lost != "forced" || now.Why != "stuck" {
			t.Errorf("%+v", now)
		}
		second.End(hungUpHolding)
		w.comesTo(third, lease.Holding, 6*time.Second, "the next")

		// Cut off, it is in doubt, and over before another can be granted.
		next := other.background(context.Background(), lockCommand("l", "next", time.Minute, 5), time.Hour)
		w.queued("l", 1)
		w.isolate(agent)
		w.eventually(5*time.Second, "doubt", func() bool { return third.State().Doubt != lease.OK })
		if now := w.comesTo(third, lease.Absent, 6*time.Second, "its deadline"); now.Lost != "expired" {
			t.Errorf("%+v", now)
		}
		select {
		case <-next:
			t.Error("the next was granted before the holder knew")
		default:
		}
		w.wantGrant(next, 2*time.Second, "the next")
		w.net.HealAll()
		third.End(hungUpHolding)
	})
}

func TestElectionsThroughAgents(t *testing.T) {
	withAgents(t, func(w *world, agent, other *host) {
		leads := func(h *host) bool { _, _, yes := h.up().Leads("e"); return yes }
		w.mustHold(agent, candidateCommand("e", "chief", 30*time.Second, 1))
		standby := candidateCommand("e", "standby", 30*time.Second, 2)
		standby.Wait = true
		if out := w.do(other, standby); out.Standing != lease.Waiting {
			t.Fatalf("%+v", out)
		}
		if !leads(agent) || leads(other) {
			t.Errorf("the chief's sidecar says %v, the other %v", leads(agent), leads(other))
		}
		// A renewal that waits is answered when its turn comes.
		back := make(chan answerOf, 1)
		go func() {
			renew := lease.Command{Op: lease.OpRenew, Space: lease.Elections, Name: "e", Lease: leaseOf("standby"), Value: "v", Given: lease.GivenValue}
			out, err := other.up().RenewUntilChange(within(time.Minute), renew, 30*time.Second)
			back <- answerOf{out, err, time.Now()}
		}()
		w.sleep(5 * time.Second)
		w.do(w.leader(), lease.Command{Op: lease.OpRelease, Space: lease.Elections, Name: "e", Lease: leaseOf("chief")})
		resigned := time.Now()
		a := <-back
		if a.err != nil || a.out.Standing != lease.Holding || a.back.Sub(resigned) > 200*time.Millisecond || a.out.Value != "v" {
			t.Errorf("after %v: %+v %v", a.back.Sub(resigned), a.out, a.err)
		}
		w.eventually(200*time.Millisecond-time.Since(resigned), "the news of a resignation through another sidecar", func() bool { return !leads(agent) })
		if !leads(other) {
			t.Error("the new chief's sidecar says no")
		}
		// A value that is changed ends nothing; a forced release does, at once.
		renew := lease.Command{Op: lease.OpRenew, Space: lease.Elections, Name: "e", Lease: leaseOf("standby"), Value: "w", Given: lease.GivenValue}
		if out := w.do(w.leader(), renew); out.Code != lease.OK {
			t.Fatalf("%+v", out)
		}
		w.sleep(time.Second)
		if !leads(other) {
			t.Error("a new value ended it")
		}
		w.transfer()
		w.sleep(3 * time.Second)
		if !leads(other) {
			t.Error("a new Raft leader ended it")
		}
		w.do(agent, lease.Command{Op: lease.OpForceRelease, Space: lease.Elections, Name: "e", Token: a.out.Token, Reason: "stuck"})
		w.eventually(200*time.Millisecond, "the news of a forced release through another sidecar", func() bool { return !leads(other) })
		w.eventually(3*time.Second, "nobody is watched over any more", func() bool { return !agent.up().leads.heeded.Load() && !other.up().leads.heeded.Load() })
	})
}

func TestExplicitLeasesThroughAgents(t *testing.T) {
	withAgents(t, func(w *world, agent, other *host) {
		id := leaseOf("explicit")
		w.do(agent, lease.Command{Op: lease.OpCreateLease, Lease: id, Owner: "o", TTL: 10 * time.Second})
		for _, name := range []string{"a", "b"} {
			if out := w.do(other, lockCommand(name, "explicit", 10*time.Second, 1)); out.Standing != lease.Holding {
				t.Fatalf("%+v", out)
			}
		}
		w.mustHold(agent, lockCommand("c", "holder", time.Hour, 1))
		waits := other.background(context.Background(), lockCommand("c", "explicit", 10*time.Second, 2), time.Hour)
		w.queued("c", 1)
		for range 5 { // its caller renews, also while it waits
			w.sleep(4 * time.Second)
			if out := w.do(agent, lease.Command{Op: lease.OpRenewLease, Lease: id}); out.Code != lease.OK || len(out.Places) != 3 {
				t.Fatalf("%+v", out)
			}
		}
		w.mustRelease(other, "c", "holder")
		w.wantGrant(waits, time.Second, "the explicit lease")
		if a := w.ask(other, lease.Query{Kind: lease.QueryLease, Lease: id}); a.Lease == nil || len(a.Lease.Places) != 3 || !a.Lease.Explicit {
			t.Errorf("%+v", a)
		}
		if out := w.do(other, lease.Command{Op: lease.OpRevokeLease, Lease: id}); out.Code != lease.OK {
			t.Errorf("%+v", out)
		}
		if a := w.ask(agent, lease.Query{Kind: lease.QueryLease, Lease: id}); a.Code != lease.LeaseExpired || a.Ended != lease.Revoked {
			t.Errorf("%+v", a)
		}
	})
}

func TestAgentsAnswerQuestions(t *testing.T) {
	withAgents(t, func(w *world, agent, other *host) {
		for i := range 5 {
			w.mustHold(other, lockCommand(fmt.Sprintf("app.%d", i), fmt.Sprintf("holder%d", i), time.Hour, 1))
		}
		out := w.mustHold(other, lockCommand("l", "holder", time.Hour, 1))
		q := lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: "l", Token: out.Token}
		if a := w.ask(agent, q); a.Code != lease.OK || a.Info.HolderCount != 1 {
			t.Errorf("%+v", a)
		}
		if a := w.ask(agent, lease.Query{Kind: lease.QueryNames, Space: lease.Locks, Prefix: "app.", Limit: 3}); len(a.Infos) != 3 || a.Next != "app.2" {
			t.Errorf("%+v", a)
		}
		polled := make(chan lease.Answer, 1)
		index := w.look("l").Index
		go func() {
			a, _, err := agent.up().QueryChange(within(time.Minute), q, Linearizable, index, 30*time.Second)
			if err != nil {
				t.Error(err)
			}
			polled <- a
		}()
		w.sleep(time.Second)
		w.transfer()
		w.sleep(time.Second)
		changed := time.Now()
		w.mustRelease(w.leader(), "l", "holder")
		if a := <-polled; time.Since(changed) > 200*time.Millisecond || a.Code != lease.StaleToken || a.Info.Index <= index {
			t.Errorf("answered after %v: %+v", time.Since(changed), a)
		}
		a := w.ask(agent, lease.Query{Kind: lease.QueryHistory, Space: lease.Locks, Name: "l"})
		if len(a.History) != 2 || a.History[1].Kind != lease.EventReleased || a.History[0].Via != other.name {
			t.Errorf("%+v", a.History)
		}
		if _, _, err := agent.up().QueryChange(within(time.Second), q, Local, 0, time.Second); codeOf(err) != NotReady {
			t.Errorf("a local read: %v", err)
		}
		if err := agent.up().Confirm(within(time.Second)); err != nil {
			t.Errorf("is there a Raft leader? %v", err)
		}
	})
}

// TestAnAgentKnowsTheGroupsShortestTTL, whatever its own flags say: it is in the log, which it does not have.
func TestAnAgentKnowsTheGroupsShortestTTL(t *testing.T) {
	inFakeTime(t, 4, func(w *world) {
		agent := w.hosts[3]
		if got, own := agent.up().MinTTL(), agent.up().cfg.Settings.MinTTL; got != time.Second || own == got {
			t.Errorf("the shortest TTL is %v; its own would be %v", got, own)
		}
	}, crew(0), func(w *world) {
		all := w.also
		w.also = func(c *Config) {
			if all(c); c.Name == "n4" {
				c.Agent, c.Timing = true, WAN
			}
		}
	})
}
