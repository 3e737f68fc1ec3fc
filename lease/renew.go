package lease

import (
	"slices"
	"time"
)

// renew renews the lease behind a held lock, or behind a campaign, which may change its value.
func (s *State) renew(c *Command) Result {
	r, ok := s.leases.Get(c.Lease)
	if !ok {
		return s.over(c.Lease)
	}
	p, ok := s.placeAt(&r, nameKey{c.Space, c.Name})
	if !ok {
		return s.elsewhere(&r, c)
	}
	if p.standing() == Waiting && p.space == Locks {
		return Result{Code: NotHolder, Lease: r.id, Detail: "this lease still waits in line"}
	}
	if c.Given&GivenValue != 0 && c.Value != p.value {
		s.setValue(&p, c.Value)
	}
	left := r.deadline.Sub(s.clock)
	s.prolong(&r, termOf(&r, p.space, p.standing() == Holding))
	result := s.report(&r, &p)
	result.Left = left
	return result
}

func (s *State) setValue(p *place, value string) {
	s.bytes -= uint64(len(p.value))
	s.bytes += uint64(len(value))
	p.value = value
	s.places.Set(p.id, *p)
	n := s.name(p.key())
	s.touch(&n, p.key())
	if e := s.emit(EventValueChanged, p); p.token > 0 {
		n.remember(e)
	}
	s.setName(p.key(), n)
}

// elsewhere answers a call about a name at which the lease has no place.
func (s *State) elsewhere(r *record, c *Command) Result {
	if !r.explicit {
		return Result{Code: LeaseMismatch, Param: "lease", Detail: "this lease belongs to another name"}
	}
	result := Result{Code: NotHolder, Lease: r.id, Detail: "this lease neither holds nor waits for this name"}
	if p, ok := s.lingering(r.id, c); ok {
		result.Reason, result.Why = p.ended, p.why
		result.Detail = "this lease no longer holds this name"
	}
	return result
}

// lingering finds the place of a holder that has ended, which its lease may still give up.
func (s *State) lingering(id ID, c *Command) (place, bool) {
	n := s.name(nameKey{c.Space, c.Name})
	for _, holder := range n.holders {
		p, _ := s.places.Get(holder)
		if p.lease == id && p.until > 0 && (c.Token == 0 || c.Token == p.token) {
			return p, true
		}
	}
	return place{}, false
}

// keepAlive renews the leases that a sidecar answers for, and none that a caller renews itself; it tells of each what has
// become of it.
func (s *State) keepAlive(c *Command) Result {
	list := make([]Kept, len(c.Renewals))
	for i := range c.Renewals {
		list[i] = s.keepOne(&c.Renewals[i])
	}
	return Result{Kept: list}
}

func (s *State) keepOne(k *Renewal) Kept {
	r, ok := s.leases.Get(k.Lease)
	if !ok {
		over := s.over(k.Lease)
		return Kept{Code: over.Code, Reason: over.Reason, Why: over.Why}
	}
	if r.explicit {
		return Kept{Code: LeaseMismatch}
	}
	p, _ := s.places.Get(r.places[0])
	if k.Hold || p.space == Locks && p.standing() == Waiting {
		s.prolong(&r, termOf(&r, p.space, p.standing() == Holding))
	}
	kept := Kept{Standing: p.standing(), Token: p.token, Remaining: r.deadline.Sub(s.clock)}
	if kept.Standing == Waiting {
		kept.Position = s.position(&p)
	}
	return kept
}

// position is a waiter's place in the queue, from 1.
func (s *State) position(p *place) int {
	n := s.name(p.key())
	return slices.Index(n.queue, p.id) + 1
}

// prolong renews a lease: it ends d from now. A deadline never moves back but for a waiting lease's, which was
// never announced.
func (s *State) prolong(r *record, d time.Duration) {
	s.deadlines.Delete(deadline{at: r.deadline, lease: r.id})
	s.setDeadline(r, s.clock.Add(d))
}

func (s *State) setDeadline(r *record, at Time) {
	r.deadline, r.renewed = at, s.clock
	s.deadlines.Set(deadline{at: at, lease: r.id})
	s.leases.Set(r.id, *r)
}

// createLease makes an explicit lease, or renews it when asked again.
func (s *State) createLease(c *Command) Result {
	r, alive := s.leases.Get(c.Lease)
	if !alive {
		if refused, ok := s.notAlive(c); ok {
			return refused
		}
		r = record{id: c.Lease, explicit: true, owner: c.Owner, ttl: c.TTL, metadata: c.Metadata}
		if uint64(s.leases.Len()) >= s.settings.MaxLeases {
			return tooMany("the group has its limit of %d leases", s.settings.MaxLeases)
		}
		if s.bytes+r.bytes() > s.settings.MaxBytes {
			return tooMany("the group has its limit of %d bytes", s.settings.MaxBytes)
		}
		s.bytes += r.bytes()
		s.setDeadline(&r, s.clock.Add(r.ttl))
		result := s.reportLease(&r)
		result.Created = true
		return result
	}
	if !r.explicit {
		return Result{Code: LeaseMismatch, Param: "lease", Detail: "this lease belongs to a name already"}
	}
	if param := mismatchLease(c, &r); param != "" {
		return mismatch(param)
	}
	if c.Given&GivenMetadata != 0 && !slices.Equal(c.Metadata, r.metadata) {
		return mismatch("metadata")
	}
	s.prolong(&r, r.ttl)
	return s.reportLease(&r)
}

// renewLease renews any lease and tells all that it holds and waits for.
func (s *State) renewLease(c *Command) Result {
	r, ok := s.leases.Get(c.Lease)
	if !ok {
		return s.over(c.Lease)
	}
	d := r.ttl
	if !r.explicit {
		p, _ := s.places.Get(r.places[0])
		d = termOf(&r, p.space, p.standing() == Holding)
	}
	left := r.deadline.Sub(s.clock)
	s.prolong(&r, d)
	result := s.reportLease(&r)
	result.Left = left
	return result
}

func (s *State) reportLease(r *record) Result {
	return Result{Lease: r.id, Owner: r.owner, TTL: r.ttl, Remaining: r.deadline.Sub(s.clock), Metadata: r.metadata,
		Places: s.placesOf(r)}
}

func (s *State) placesOf(r *record) []Place {
	list := make([]Place, 0, len(r.places))
	for _, id := range r.places {
		p, _ := s.places.Get(id)
		pl := Place{Space: p.space, Name: p.name, Standing: p.standing(), Token: p.token}
		if p.token == 0 {
			pl.Position = s.position(&p)
		}
		list = append(list, pl)
	}
	return list
}
