package raftnode

import (
	"time"

	"github.com/sidelock/sidelock/lease"
)

// Clock is the only source of time that leases depend on. Neither reading has a meaning of its own, nor to another
// machine: only differences count, and those are right within 0.1 %.
type Clock interface {
	// Steady does not count the time in which the machine was suspended, and is not slewed where the system
	// can say so. The Raft leader stamps cluster time with it: it must never run fast.
	Steady() time.Duration
	// Boot counts suspended time too. Safe deadlines are judged by it: it must never run slow.
	Boot() time.Duration
}

// stamper makes cluster time for one term of one Raft leader. It belongs to one goroutine.
type stamper struct {
	clock Clock
	base  lease.Time    // cluster time at start
	start time.Duration // by the clock
	last  lease.Time
}

// newStamper begins where the state stands, after a barrier in the term.
func newStamper(c Clock, now lease.Time) *stamper {
	return &stamper{clock: c, base: now, start: c.Steady(), last: now}
}

// peek returns what a stamp would say now, but for the bound on leaps.
func (s *stamper) peek() lease.Time { return s.base.Add(s.clock.Steady() - s.start) }

// stamp returns cluster time for a batch that has been closed. It never leaps: if more than maxLeap has passed since
// the last stamp, this leader was stalled (or had nothing to do), and renewals may sit in its sockets; then time goes
// on from there.
func (s *stamper) stamp() lease.Time {
	now := s.peek()
	if limit := s.last.Add(maxLeap); now > limit {
		now = limit
		s.base, s.start = now, s.clock.Steady()
	}
	s.last = max(s.last, now)
	return s.last
}

// margin is kept from what is told to a holder: for rounding, scheduling and clock rates.
func margin(ttl time.Duration) time.Duration { return max(5*time.Millisecond, ttl/500) }

// safeUntil is when a lease must no longer be relied upon, by the boot clock: remaining is what the state machine had left
// when it applied the command, and that was after the command had been sent. It is 0 where no lease is alive.
func safeUntil(remaining, ttl, sent time.Duration) time.Duration {
	if remaining <= 0 {
		return 0
	}
	return sent + remaining - margin(ttl)
}
