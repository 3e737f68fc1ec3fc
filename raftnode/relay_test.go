package raftnode

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// listener follows what happens through one subscription, whatever becomes of its sidecar's sources.
type listener struct {
	sub *Subscription

	mu     sync.Mutex
	states int
	span   span
	err    error
	stop   context.CancelFunc
	done   chan struct{}
}

// listen begins to follow everything at a host.
func (w *world) listen(h *host) *listener {
	w.t.Helper()
	sub, err := h.up().Subscribe(within(10*time.Second), nil, Filter{})
	if err != nil {
		w.t.Fatalf("%s: %v", h.name, err)
	}
	l := &listener{sub: sub, done: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go func() {
		defer close(l.done)
		defer sub.Close()
		for ctx.Err() == nil {
			wait, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			d, err := sub.Next(wait)
			cancel()
			l.take(d, err)
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return
			}
		}
	}()
	return l
}

func (l *listener) take(d Delivery, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil && d.State != nil:
		l.states++
		l.span = span{state: d.State, from: d.ID, to: d.ID}
	case err == nil:
		l.span.events, l.span.to = append(l.span.events, d.Events...), d.ID
	case errors.Is(err, context.DeadlineExceeded):
		l.span.to = l.sub.Position()
	case !errors.Is(err, context.Canceled):
		l.err = err
	}
}

// heard tells whether an owner's grant was heard of.
func (l *listener) heard(owner string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.span.events {
		if e := &l.span.events[i]; e.Kind == lease.EventGranted && e.Owner == owner {
			return true
		}
	}
	return false
}

// end stops listening and compares what was heard with the log: one state, and then all of it.
func (l *listener) end(t *testing.T, w *world) {
	t.Helper()
	l.stop()
	<-l.done
	if l.err != nil || l.states != 1 {
		t.Errorf("it ended with %v after %d states", l.err, l.states)
		return
	}
	checkSpan(t, &l.span, w.ledger.replay(nil))
}

// member is the host that an agent's listener follows, nil if none.
func (l *listener) member(w *world) *host {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.sub.from.(*relay)
	if !ok {
		return nil
	}
	for _, h := range w.hosts {
		if n := h.up(); n != nil && string(n.id) == r.member {
			return h
		}
	}
	return nil
}

// act has something happen, and waits until all have heard of it.
func (w *world) act(h *host, limit time.Duration, all ...*listener) {
	w.t.Helper()
	who := "actor" + rand.Text()[:8]
	w.eventually(limit, "something happens", func() bool {
		out, err := h.up().Do(within(time.Second), lockCommand(who, who, time.Hour, 1))
		return err == nil && out.Standing == lease.Holding
	})
	for i, l := range all {
		w.eventually(limit, fmt.Sprintf("listener %d hears of it", i), func() bool { return l.heard(who) })
	}
}

func TestAnAgentTellsWhatItsMembersDo(t *testing.T) {
	inFakeTime(t, 5, func(w *world) {
		w.settled(20*time.Second, 3, 0, 2)
		agent := w.with(Agent)
		for i := range 50 {
			w.mustHold(agent, lockCommand(fmt.Sprintf("l%d", i), fmt.Sprintf("holder%d", i), time.Hour, 1))
		}
		w.sleep(time.Second) // until all have applied that
		here, there := w.listen(agent), w.listen(w.with(Voter))
		w.act(w.hosts[0], time.Second, here, there)
		out := w.mustHold(agent, candidateCommand("e", "boss", time.Hour, 1))
		force := lease.Command{Op: lease.OpForceRelease, Space: lease.Elections, Name: "e", Token: out.Token, Reason: "stuck", Immediate: true}
		if out, err := agent.up().Do(within(time.Second), force); err != nil || out.Code != lease.OK {
			t.Fatalf("%+v %v", out, err)
		}
		w.act(w.hosts[0], time.Second, here, there)
		w.sleep(time.Second)
		here.end(t, w)
		there.end(t, w)
		if !reflect.DeepEqual(here.span.events, there.span.events) || len(here.span.events) < 4 {
			t.Errorf("an agent tells\n%+v\nand a member\n%+v", here.span.events, there.span.events)
		}
		// Entries without events follow, for deadlines are pending.
		if a, b := here.span.to, there.span.to; a.before(b) && b.Index-a.Index > 5 || b.before(a) {
			t.Errorf("the agent is at %v, the member at %v", a, b)
		}
	}, crew(0))
}

func TestASubscriptionOfAnAgentOutlivesItsMembers(t *testing.T) {
	for what, fault := range map[string]func(*world, *host){
		"stopped":         func(_ *world, h *host) { h.stop() },
		"without power":   func(_ *world, h *host) { h.crash() },
		"cut off":         func(w *world, h *host) { w.isolate(h) },
		"cut off by half": func(w *world, h *host) { w.net.Partition(h.name, w.members(h)...) },
	} {
		t.Run(what, func(t *testing.T) {
			inFakeTime(t, 5, func(w *world) {
				w.settled(20*time.Second, 3, 0, 2)
				agent := w.with(Agent)
				l := w.listen(agent)
				w.act(agent, time.Second, l)
				for range 4 {
					victim := l.member(w)
					if victim == nil {
						t.Fatal("it follows nobody")
					}
					fault(w, victim)
					w.act(agent, 15*time.Second, l)
					w.net.HealAll()
					if victim.up() == nil {
						victim.start()
					}
					w.settled(20*time.Second, 3, 0, 2)
					w.act(agent, time.Second, l)
				}
				l.end(t, w)
			}, crew(0))
		})
	}
}

// members are the names of the members but one.
func (w *world) members(not *host) (names []string) {
	roles := w.roles()
	for _, name := range w.others(not) {
		if roles[name] != Agent {
			names = append(names, name)
		}
	}
	return names
}

func TestASubscriptionGoesOnWhenItsSidecarIsNoMemberAnyMore(t *testing.T) {
	inFakeTime(t, 4, func(w *world) {
		w.settled(20*time.Second, 3, 0, 1)
		h := w.with(Voter)
		l := w.listen(h)
		w.act(h, time.Second, l)
		removed := make(chan error, 1)
		go func() { removed <- w.leader().up().RemoveMember(within(15*time.Second), string(h.up().id)) }()
		w.eventually(15*time.Second, "it is an agent", func() bool { return h.up().asMember() == nil })
		w.act(h, 3*time.Second, l)
		if l.member(w) == nil {
			t.Error("who is no member any more follows nobody")
		}
		if err := <-removed; err != nil {
			t.Error(err)
		}
		w.settled(20*time.Second, 3, 0, 1)
		w.act(h, time.Second, l)
		l.end(t, w)
	}, crew(0), func(w *world) { w.tune = small })
}

func TestASubscriptionGoesOnWhenItsSidecarBecomesAMember(t *testing.T) {
	inFakeTime(t, 5, func(w *world) {
		w.settled(20*time.Second, 3, 0, 2)
		chief := w.leader()
		var agents, voters []*host
		var all []*listener
		for _, h := range w.hosts {
			switch {
			case h.up().asMember() == nil:
				agents = append(agents, h)
				all = append(all, w.listen(h))
			case h != chief:
				voters = append(voters, h)
			}
		}
		w.act(agents[0], time.Second, all...)
		for i := range agents { // each in place of one that has died
			voters[i].stop()
			w.act(agents[0], 10*time.Second, all...)
			w.settled(20*time.Second, 3, 0, 1-i)
			w.act(agents[0], time.Second, all...)
		}
		chief.stop() // which they followed until now, or each other
		w.act(agents[0], 15*time.Second, all...)
		for i, l := range all {
			l.end(t, w)
			if agents[i].up().asMember() == nil {
				t.Errorf("%s has not become a member", agents[i].name)
			}
		}
	}, crew(0), func(w *world) { w.tune = small })
}
