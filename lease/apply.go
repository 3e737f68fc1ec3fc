package lease

import (
	"fmt"
	"time"
)

// Apply applies one committed entry of the log and returns a result per command, and what happened, in order. index
// and term are the log entry's own.
//
// An entry that was stamped in another term is ignored, commands included: its results are nil, and nothing
// happened but that the index moved on. (A Raft leader that was deposed and elected again would otherwise stamp with
// the base of its old term, seconds early.)
//
// Results and events may share memory with the state; neither side changes it.
func (s *State) Apply(index, term uint64, e Entry) ([]Result, []Event) {
	s.index = index
	if e.Term != term {
		return nil, nil
	}
	s.events = nil
	if e.Wall > s.wall {
		s.wall = e.Wall
	}
	s.advance(e.Now)
	results := make([]Result, len(e.Commands))
	for i := range e.Commands {
		results[i] = s.once(&e.Commands[i])
		s.settle()
		s.forget() // after each command, so that the same commands in other batches come to the same
	}
	events := s.events
	s.events = nil
	return results, events
}

// advance moves the clock, ends all that is over, and only then admits waiters: one whose own lease ended in the same
// step must not be granted.
func (s *State) advance(now Time) {
	s.clock = max(s.clock, min(now, maxClock))
	for {
		d, ok := s.deadlines.Min()
		if !ok || d.at > s.clock {
			break
		}
		if d.lease != "" {
			r, _ := s.leases.Get(d.lease)
			s.endLease(r, Expired, "")
		} else {
			s.freePlace(d.place, EventFreed)
		}
	}
	s.settle()
	s.forget()
	s.sweepSessions()
}

// run executes a command that has been found to be no repeat.
func (s *State) run(c *Command) Result {
	if needs := OpLevel(c.Op); needs > s.level {
		return Result{Code: InvalidRequest, Detail: fmt.Sprintf("this needs feature level %d, and the group is at %d", needs, s.level)}
	}
	if f := c.validate(&s.settings); f != nil {
		return Result{Code: f.Code, Param: f.Param, Detail: f.Detail}
	}
	switch c.Op {
	case OpCreateLease:
		return s.createLease(c)
	case OpRenewLease:
		return s.renewLease(c)
	case OpRevokeLease:
		return s.revokeLease(c)
	case OpAcquire:
		return s.acquire(c)
	case OpRenew:
		return s.renew(c)
	case OpRelease:
		return s.release(c)
	case OpWithdraw:
		return s.withdraw(c)
	case OpForceRelease:
		return s.forceRelease(c)
	case OpKeepAlive:
		return s.keepAlive(c)
	}
	return s.runAddition(c)
}

// emit records an event of a place, in the stream and in the name's history.
func (s *State) emit(kind EventKind, p *place) *Event {
	s.events = append(s.events, Event{Kind: kind, Space: p.space, Name: p.name, Lease: p.lease, Owner: p.owner,
		Token: p.token, At: s.clock, Wall: s.wall, Via: p.via, Value: p.value, Reason: p.ended, Why: p.why})
	return &s.events[len(s.events)-1]
}

// elapsed is the time since t by the cluster's clock.
func (s *State) elapsed(t Time) time.Duration { return s.clock.Sub(t) }
