package lease

import "slices"

// release gives up a lock, resigns, or leaves the queue. Said again it is answered alike and does nothing: a late
// repeat never touches a newer grant, because it names the lease, and for an explicit lease the token.
func (s *State) release(c *Command) Result {
	r, ok := s.leases.Get(c.Lease)
	if !ok {
		return s.releaseEnded(c)
	}
	p, ok := s.placeAt(&r, nameKey{c.Space, c.Name})
	if !ok || r.explicit && c.Token != 0 && c.Token != p.token {
		return s.releaseEarlier(&r, &p, c)
	}
	if p.standing() == Holding {
		switch {
		case r.explicit && c.Token == 0:
			return tokenRequired()
		case c.Token != 0 && c.Token != p.token:
			return otherGrant(&p)
		}
	}
	done := s.report(&r, &p)
	done.Standing, done.Remaining, done.Position = Absent, 0, 0
	if r.explicit {
		s.leavePlace(&r, p, Released, "", true)
	} else {
		s.endLease(r, Released, "")
	}
	return done
}

func tokenRequired() Result {
	return Result{Code: TokenRequired, Param: "token", Detail: "an explicit lease names the grant it gives up: token"}
}

func otherGrant(p *place) Result {
	return Result{Code: StaleToken, Param: "token", Token: p.token, Detail: "this lease has the name by another grant, or waits for it"}
}

// releaseEarlier answers a lease that does not hold the name by this grant: perhaps it gave that one up before, or it
// was taken away. What the lease has at the name by now, p, is not touched, be it a newer grant or a place in the queue.
func (s *State) releaseEarlier(r *record, p *place, c *Command) Result {
	if forced, ok := s.lingering(r.id, c); ok && forced.ended == Forced {
		if c.Token == 0 && r.explicit {
			return tokenRequired()
		}
		r.giveUp(forced.token)
		s.leases.Set(r.id, *r)
		s.letGo(forced)
		return Result{Lease: r.id, Owner: forced.owner, Token: forced.token}
	}
	switch {
	case c.Token != 0 && slices.Contains(r.released, c.Token):
		return Result{Lease: r.id, Owner: r.owner, Token: c.Token}
	case p.id != 0:
		return otherGrant(p)
	}
	return s.elsewhere(r, c)
}

// releaseEnded answers for a lease that has ended: a repeat of an implicit one's release succeeds, and a holder that
// was forced out may free its place early. (That place may outlive the memory of the lease.)
func (s *State) releaseEnded(c *Command) Result {
	e, known := s.ended.Get(c.Lease)
	own := known && e.space == c.Space && e.name == c.Name
	if forced, ok := s.lingering(c.Lease, c); ok && forced.ended == Forced {
		if own { // it ended by force, and from now on by its own release: a repeat succeeds
			s.forgetEnd(c.Lease)
			s.rememberEnd(&record{id: c.Lease}, &forced, Released, "")
		}
		s.letGo(forced)
		return Result{Lease: c.Lease, Owner: forced.owner, Token: forced.token, Reason: Released}
	}
	if own && e.reason == Released {
		return Result{Lease: c.Lease, Token: e.token, Reason: Released}
	}
	return s.over(c.Lease)
}

// letGo ends what a forced release left of a grant, on the former holder's own word. Only min_hold still keeps the place.
func (s *State) letGo(p place) {
	until := p.granted.Add(p.minHold)
	if until <= s.clock {
		s.freePlace(p.id, EventFreed)
		return
	}
	s.deadlines.Delete(deadline{at: p.until, place: p.id})
	p.until, p.ended = until, Released
	s.places.Set(p.id, p)
	s.deadlines.Set(deadline{at: until, place: p.id})
	n := s.name(p.key())
	s.touch(&n, p.key())
	s.emit(EventReleased, &p)
	s.setName(p.key(), n)
}

// giveUp notes a grant that the lease gave up itself.
func (r *record) giveUp(t Token) {
	if len(r.released) >= ReleasedRing {
		r.released = r.released[1:]
	}
	r.released = append(r.released[:len(r.released):len(r.released)], t)
}

// leavePlace takes one place from a lease that lives on.
func (s *State) leavePlace(r *record, p place, reason EndReason, why string, minHold bool) {
	r.places = without(r.places, p.id)
	if p.standing() == Waiting {
		s.leases.Set(r.id, *r)
		s.dequeue(p, reason)
		return
	}
	if reason == Released {
		r.giveUp(p.token)
	}
	s.leases.Set(r.id, *r)
	var until Time
	if minHold {
		until = p.granted.Add(p.minHold)
	}
	s.unhold(p, reason, why, until)
}

// revokeLease ends a lease with all that it holds and waits for.
func (s *State) revokeLease(c *Command) Result {
	r, ok := s.leases.Get(c.Lease)
	if !ok {
		if e, known := s.ended.Get(c.Lease); known && e.reason == Revoked {
			return Result{Lease: c.Lease, Reason: Revoked}
		}
		return s.over(c.Lease)
	}
	s.endLease(r, Revoked, "")
	return Result{Lease: c.Lease, Owner: r.owner, Reason: Revoked}
}

// withdraw detaches one attempt of an acquire. When nobody is left who wants the place, it is given up and the lease
// forgotten, as if nothing had happened; a grant that was just made is given back, unless the caller is still there
// (Keep), who then has it. A holder who knew that it held (Told) has released.
func (s *State) withdraw(c *Command) Result {
	r, ok := s.leases.Get(c.Lease)
	if !ok {
		return s.over(c.Lease)
	}
	p, ok := s.placeAt(&r, nameKey{c.Space, c.Name})
	if !ok {
		return s.elsewhere(&r, c)
	}
	if p.standing() == Holding && c.Keep {
		if !r.explicit {
			s.prolong(&r, r.ttl)
		}
		return s.report(&r, &p)
	}
	if i := slices.Index(p.attempts, c.Attempt); i >= 0 {
		s.detach(r, p, i, c)
	}
	n := s.name(p.key())
	refused := s.refusal(&n)
	refused.Code = WaitTimeout
	return refused
}

// detach takes an attempt from a place. The latest attempt of a caller stands for all before it: those were his too, and he went
// on to this one, perhaps because their sidecar had crashed and will never withdraw them. One that may have reached the log behind
// its time, its caller having gone on to another, stands for itself alone; and so does one whose caller was never told that it
// holds, for he may rely on what an earlier one was told.
func (s *State) detach(r record, p place, i int, c *Command) {
	holding := p.standing() == Holding
	first := i
	if c.Latest && (c.Told || !holding) {
		first = 0
	}
	p.attempts = slices.Delete(slices.Clone(p.attempts), first, i+1)
	letGo := len(p.attempts) == 0 && !c.Leave && (c.Told || !holding || !p.told)
	if !letGo {
		p.told = p.told || c.Told && holding
		s.places.Set(p.id, p)
		return
	}
	if holding && c.Told && !r.explicit {
		s.endLease(r, Disconnected, "")
		return
	}
	reason := Disconnected
	if c.Keep && !holding {
		reason = WaitOver
	}
	// A grant given back never ran: its min_hold does not count.
	s.leavePlace(&r, p, reason, "", false)
	if !r.explicit {
		s.dropLease(&r)
	}
}

// forceRelease ends one named grant on an administrator's word. The former holder's renewals are refused from now on,
// and the name is free at its own release or at its old deadline: until then it may still believe that it holds.
func (s *State) forceRelease(c *Command) Result {
	k := nameKey{c.Space, c.Name}
	n := s.name(k)
	for _, id := range n.holders {
		p, _ := s.places.Get(id)
		if p.token != c.Token {
			continue
		}
		if p.until > 0 {
			if c.Immediate {
				s.freePlace(p.id, EventFreed)
				return Result{Owner: p.owner, Token: p.token}
			}
			return Result{Owner: p.owner, Token: p.token, Remaining: p.until.Sub(s.clock)}
		}
		r, _ := s.leases.Get(p.lease)
		until := s.force(r, p, c.Reason, c.Immediate)
		return Result{Owner: p.owner, Token: p.token, Remaining: max(0, until.Sub(s.clock))}
	}
	return Result{Code: StaleToken, Param: "token", Detail: "no present holder has this token"}
}

// force returns when the name will be free.
func (s *State) force(r record, p place, why string, immediate bool) (until Time) {
	r.places = without(r.places, p.id)
	s.leases.Set(r.id, r)
	if !immediate {
		until = max(r.deadline, p.granted.Add(p.minHold))
	}
	s.unhold(p, Forced, why, until)
	if !r.explicit {
		s.rememberEnd(&r, &p, Forced, why)
		s.dropLease(&r)
	}
	return until
}
