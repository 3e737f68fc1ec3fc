package lease

import (
	"errors"
	"fmt"
	"slices"
)

// Check verifies every invariant of the state and returns what is broken. It takes time proportional to the state:
// for tests, and for a state just read from disk.
func (s *State) Check() error {
	c := checker{s: s}
	c.leases()
	c.places()
	c.names()
	c.sums()
	c.levels()
	return errors.Join(c.broken...)
}

const maxBroken = 8 // enough to see what is wrong

type checker struct {
	s      *State
	broken []error
	taken  int // places that leases say they have
}

func (c *checker) fail(format string, args ...any) {
	if len(c.broken) < maxBroken {
		c.broken = append(c.broken, fmt.Errorf(format, args...))
	}
}

func (c *checker) leases() {
	s := c.s
	if s.clock < 0 || s.clock > maxClock || s.token > 2*maxToken {
		c.fail("clock %d or token %d out of bounds", s.clock, s.token)
	}
	s.leases.Scan(func(id ID, r record) bool {
		if r.id != id || !r.explicit && len(r.places) != 1 {
			c.fail("lease with %d places, explicit %v", len(r.places), r.explicit)
		}
		if r.deadline <= s.clock {
			c.fail("lease outlives its deadline %d at %d", r.deadline, s.clock)
		}
		if r.ttl <= 0 || r.ttl > MaxTTL || r.deadline > s.clock.Add(r.ttl) || r.renewed > s.clock {
			c.fail("lease of %v, renewed at %d, ends at %d", r.ttl, r.renewed, r.deadline)
		}
		c.taken += len(r.places)
		if _, ok := s.deadlines.Get(deadline{at: r.deadline, lease: id}); !ok {
			c.fail("lease without a deadline in the order")
		}
		if _, ok := s.ended.Get(id); ok {
			c.fail("lease both alive and ended")
		}
		for _, serial := range r.places {
			if p, ok := s.places.Get(serial); !ok || p.lease != id || p.until > 0 {
				c.fail("lease with a place that is not its own: %d", serial)
			}
		}
		return true
	})
}

func (c *checker) places() {
	s := c.s
	lingering := 0
	s.places.Scan(func(id uint64, p place) bool {
		if p.id != id || !p.space.valid() {
			c.fail("place %d is kept as %d", p.id, id)
			return true
		}
		n := s.name(p.key())
		if p.token > s.token || p.id > s.serial || p.granted > s.clock || p.queued > s.clock {
			c.fail("place %d has a token, serial or time from the future", id)
		}
		if p.minHold < 0 || p.minHold > MaxMinHold || p.until > s.clock.Add(max(MaxTTL, MaxMinHold)) {
			c.fail("place %d stays taken too long", id)
		}
		if holds := slices.Contains(n.holders, id); holds != (p.token > 0) || !holds && !slices.Contains(n.queue, id) {
			c.fail("place %d is not where it should be at %s", id, p.name)
		}
		if p.until > 0 {
			lingering++
			if _, ok := s.deadlines.Get(deadline{at: p.until, place: id}); !ok || p.until <= s.clock || p.ended == NotEnded {
				c.fail("place %d of an ended holder has no deadline to come", id)
			}
		} else if r, ok := s.leases.Get(p.lease); !ok || !slices.Contains(r.places, id) {
			c.fail("place %d belongs to no living lease", id)
		}
		return true
	})
	if c.taken+lingering != s.places.Len() {
		c.fail("leases have %d places and %d linger of %d", c.taken, lingering, s.places.Len())
	}
	if s.deadlines.Len() != s.leases.Len()+lingering {
		c.fail("%d deadlines for %d leases and %d lingering places", s.deadlines.Len(), s.leases.Len(), lingering)
	}
}

func (c *checker) names() {
	places, free := 0, 0
	var used usage
	for i, names := range c.s.names {
		space := Locks + Space(i)
		names.Scan(func(key string, n name) bool {
			places += len(n.holders) + len(n.queue)
			used.count(space, &n, +1)
			free += int(map01(!n.inUse()))
			c.name(nameKey{space, key}, &n)
			return true
		})
	}
	if places != c.s.places.Len() {
		c.fail("names have %d places of %d", places, c.s.places.Len())
	}
	if free != c.s.free.Len() {
		c.fail("%d names are free, %d remembered as free", free, c.s.free.Len())
	}
	if used != c.s.used {
		c.fail("counts %+v should be %+v", c.s.used, used)
	}
}

// name checks the one rule of admission (property P1), the order of the queue (P6) and that nobody waits who could be
// admitted (P7).
func (c *checker) name(k nameKey, n *name) {
	s := c.s
	if other, ok := s.free.Get(n.free); ok == n.inUse() || ok && other != k || n.free > s.serial {
		c.fail("%s is in use %v and free %v", k.name, n.inUse(), ok)
	}
	again := name{}
	var last Token
	for _, id := range n.holders {
		p, ok := s.places.Get(id)
		if !ok || p.key() != k {
			c.fail("%s has a holder %d that is elsewhere", k.name, id)
		}
		if p.token <= last {
			c.fail("%s has holders whose tokens do not rise", k.name)
		}
		last = p.token
		again.countLimit(p.limit)
	}
	if len(n.holders) > limitOf(again.strictest) {
		c.fail("%s has %d holders, one of which allows %d", k.name, len(n.holders), again.strictest)
	}
	if again.strictest != n.strictest || again.strictestN != n.strictestN {
		c.fail("%s counts its strictest limit as %d×%d", k.name, n.strictestN, n.strictest)
	}
	if !slices.IsSorted(n.queue) {
		c.fail("%s has a queue out of order", k.name)
	}
	for i, id := range n.queue {
		p, ok := s.places.Get(id)
		if !ok || p.key() != k {
			c.fail("%s has a waiter %d that is elsewhere", k.name, id)
		}
		if i == 0 && n.admits(p.limit) {
			c.fail("%s leaves a waiter waiting that it admits", k.name)
		}
	}
}

func (c *checker) sums() {
	s := c.s
	var bytes uint64
	s.leases.Scan(func(_ ID, r record) bool { bytes += r.bytes(); return true })
	s.places.Scan(func(_ uint64, p place) bool { bytes += p.bytes(); return true })
	if bytes != s.bytes {
		c.fail("accounts for %d bytes, has %d", s.bytes, bytes)
	}
	if s.ended.Len() != s.endOrder[0].Len()+s.endOrder[1].Len() {
		c.fail("%d ends, %d and %d in order", s.ended.Len(), s.endOrder[0].Len(), s.endOrder[1].Len())
	}
	s.ended.Scan(func(id ID, e end) bool {
		if at, ok := s.endOrder[e.order()].Get(e.serial); !ok || at != id || e.serial > s.serial || e.at > s.clock {
			c.fail("an end is not in the order of ends")
		}
		return true
	})
	sizes := 0
	s.sessions.Scan(func(id SessionID, v session) bool {
		if id > s.session || v.used > s.clock {
			c.fail("session %d is from the future", id)
		}
		sizes += v.size
		return true
	})
	if sizes != s.results.Len() {
		c.fail("sessions count %d results of %d", sizes, s.results.Len())
	}
}
