package raftnode

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// leads are the elections that candidates of this sidecar lead, each with the safe deadline of its lease by this sidecar's own
// clock. So it can be told without the network whether one leads, and never longer than the cluster waits.
type leads struct {
	mu     sync.Mutex
	byName map[string]map[lease.ID]lead
	gone   map[seat]farewell
	holds  map[seat]int // open here: the end of one of several is not the end of the lead
	swept  time.Duration

	more   bell        // has a value when there is another lead
	heeded atomic.Bool // somebody watches over the leads: see heeder
}

// lead is one lease that leads an election. All times are by the boot clock.
type lead struct {
	token lease.Token
	until time.Duration // the safe deadline
	span  time.Duration // from the sending of the renewal to the deadline that it brought
}

// seat is a lease at an election.
type seat struct {
	name string
	id   lease.ID
}

// farewell is when a lead was given up. An answer to what was sent before comes too late to tell anything; after a span
// it would say that itself.
type farewell struct{ at, forget time.Duration }

const sweepLeadsEvery = 5 * time.Second

func newLeads() *leads {
	return &leads{byName: map[string]map[lease.ID]lead{}, gone: map[seat]farewell{}, holds: map[seat]int{}, more: newBell()}
}

// set notes that a lease leads until a time, as a command came to that was sent at a time. A deadline never moves back.
func (l *leads) set(name string, id lease.ID, token lease.Token, sent, until time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g, ok := l.gone[seat{name, id}]; ok && sent <= g.at {
		return
	}
	old := l.byName[name][id]
	if old.token == token && until < old.until {
		return
	}
	if old.token != token {
		l.more.ring()
	}
	if l.byName[name] == nil {
		l.byName[name] = map[lease.ID]lead{}
	}
	l.byName[name][id] = lead{token: token, until: until, span: until - sent}
}

// giveUp notes that a lease may lead no more from now on; an empty name is every election.
func (l *leads) giveUp(name string, id lease.ID, now time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if name != "" {
		l.giveUpLocked(name, id, now)
		return
	}
	for name := range l.byName {
		l.giveUpLocked(name, id, now)
	}
}

// giveUpAll notes that nobody of this sidecar leads anything any more.
func (l *leads) giveUpAll(now time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, ids := range l.byName {
		for id := range ids {
			l.giveUpLocked(name, id, now)
		}
	}
}

func (l *leads) giveUpLocked(name string, id lease.ID, now time.Duration) {
	one, ok := l.byName[name][id]
	if !ok {
		return
	}
	l.gone[seat{name, id}] = farewell{at: now, forget: now + one.span}
	delete(l.byName[name], id)
	if len(l.byName[name]) == 0 {
		delete(l.byName, name)
	}
}

// letGo is called before a command is sent: one that ends a lead may take effect from then on.
func (l *leads) letGo(c *lease.Command, now time.Duration) {
	switch {
	case c.Op == lease.OpRevokeLease:
		l.giveUp("", c.Lease, now)
	case c.Space != lease.Elections:
	case c.Op == lease.OpRelease, c.Op == lease.OpWithdraw && !c.Leave && !l.held(seat{c.Name, c.Lease}):
		l.giveUp(c.Name, c.Lease, now)
	case c.Op == lease.OpForceRelease && c.Immediate:
		l.endToken(c.Name, c.Token, now)
	}
}

// hold counts the holds of a place that are open here.
func (l *leads) hold(at spot, n int) {
	if at.space != lease.Elections {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := seat{at.name, at.lease}
	if l.holds[s] += n; l.holds[s] == 0 {
		delete(l.holds, s)
	}
}

func (l *leads) held(s seat) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holds[s] > 0
}

// endToken notes that the grant with a token is no more.
func (l *leads) endToken(name string, token lease.Token, now time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, one := range l.byName[name] {
		if one.token == token {
			l.giveUpLocked(name, id, now)
		}
	}
}

// learn takes in what a command came to.
func (l *leads) learn(c *lease.Command, out *Outcome, now time.Duration) {
	switch {
	case c.Op == lease.OpRenewLease && out.Code == lease.OK:
		for i := range out.Places {
			if p := &out.Places[i]; p.Space == lease.Elections && p.Standing == lease.Holding {
				l.set(p.Name, c.Lease, p.Token, out.sent, out.until)
			}
		}
	case c.Space != lease.Elections || c.Op != lease.OpAcquire && c.Op != lease.OpRenew:
	case out.Code == lease.OK && out.Standing == lease.Holding:
		l.set(c.Name, c.Lease, out.Token, out.sent, out.until)
	case out.Code == lease.LeaseExpired || out.Code == lease.NotHolder:
		l.giveUp(c.Name, c.Lease, now)
	}
}

// happened takes in what this replica has applied: a lead that ended, whoever ended it.
func (l *leads) happened(events []lease.Event, now time.Duration) {
	for i := range events {
		e := &events[i]
		if e.Space != lease.Elections {
			continue
		}
		switch e.Kind {
		case lease.EventReleased, lease.EventExpired, lease.EventRevoked, lease.EventDisconnected, lease.EventForced:
			l.endToken(e.Name, e.Token, now)
		}
	}
}

// replaced compares all leads with a state that came as a whole. It may be older than a lead, of which it says nothing then.
func (l *leads) replaced(s *lease.State, now time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, ids := range l.byName {
		for id, one := range ids {
			if standing, _ := s.PlaceOf(lease.Elections, name, id); standing != lease.Holding && one.token <= s.LastToken() {
				l.giveUpLocked(name, id, now)
			}
		}
	}
}

// all are the fencing tokens of the leads.
func (l *leads) all() map[seat]lease.Token {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[seat]lease.Token{}
	for name, ids := range l.byName {
		for id, one := range ids {
			all[seat{name, id}] = one.token
		}
	}
	return all
}

func (l *leads) none() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byName) == 0
}

// best returns the lead at an election that lasts longest beyond now.
func (l *leads) best(name string, now time.Duration) (found lead, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.byName[name] {
		if one.until > now && one.until > found.until {
			found, ok = one, true
		}
	}
	return found, ok
}

// sweep forgets what is over, now and then, so that names nobody asks for do not pile up.
func (l *leads) sweep(now time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now-l.swept < sweepLeadsEvery {
		return
	}
	l.swept = now
	for name, ids := range l.byName {
		for id, one := range ids {
			if one.until <= now {
				delete(ids, id)
			}
		}
		if len(ids) == 0 {
			delete(l.byName, name)
		}
	}
	for at, g := range l.gone {
		if g.forget <= now {
			delete(l.gone, at)
		}
	}
}

// Leads tells whether a candidate of this sidecar leads an election, by its own safe deadline and without asking anybody:
// with which fencing token, and for how long that is certain. It says no before the cluster could have given the role away,
// unless the candidate gives it up through another sidecar that this one cannot hear of.
func (n *Node) Leads(election string) (token lease.Token, validFor time.Duration, yes bool) {
	now := n.deps.Clock.Boot()
	one, ok := n.leads.best(election, now)
	if !ok {
		return 0, 0, false
	}
	return one.token, one.until - now, true
}
