package lease

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// acquire takes a lock or campaigns in an election. Said again with the same lease it has no second effect: it
// renews, attaches the caller's attempt, and reports what the first one came to; so a sidecar claims a
// queued grant with the very command that asked for it.
func (s *State) acquire(c *Command) Result {
	k := nameKey{c.Space, c.Name}
	r, alive := s.leases.Get(c.Lease)
	if !alive {
		if refused, ok := s.notAlive(c); ok {
			return refused
		}
		return s.newcomer(c, k, nil)
	}
	if p, ok := s.placeAt(&r, k); ok {
		return s.repeat(c, r, p)
	}
	if !r.explicit {
		return Result{Code: LeaseMismatch, Param: "lease", Detail: "this lease belongs to another name; make one with POST /v1/leases to hold several"}
	}
	if c.Hold {
		return notItsOwn()
	}
	if param := mismatchLease(c, &r); param != "" {
		return mismatch(param)
	}
	return s.newcomer(c, k, &r)
}

// notItsOwn refuses a lease that its caller renews: what a connection holds ends with the connection.
func notItsOwn() Result {
	return Result{Code: LeaseMismatch, Param: "lease", Detail: "a hold needs a lease of its own, not one made with POST /v1/leases"}
}

// notAlive refuses an ID that cannot become a new lease: one that has ended, or one of sidelock's making that the
// caller brings from somewhere.
func (s *State) notAlive(c *Command) (Result, bool) {
	if _, ok := s.ended.Get(c.Lease); ok {
		return s.over(c.Lease), true
	}
	if c.Given&GivenLease != 0 && strings.HasPrefix(string(c.Lease), MadePrefix) {
		return s.over(c.Lease), true
	}
	return Result{}, false
}

// newcomer gives a lease its first place at a name; explicit is the lease to attach to, or nil for a new implicit one.
func (s *State) newcomer(c *Command, k nameKey, explicit *record) Result {
	n := s.name(k)
	now := len(n.queue) == 0 && n.admits(c.Limit)
	if !now && !c.Wait {
		return s.refusal(&n)
	}
	p := place{space: c.Space, name: c.Name, owner: c.Owner, limit: c.Limit, minHold: c.MinHold, metadata: c.Metadata,
		value: c.Value, via: s.nodeOf(c.Session), attempts: attach(nil, c.Attempt)}
	if explicit != nil {
		p.owner = explicit.owner
	}
	if refused, full := s.full(c, &n, &p, now, explicit); full {
		return refused
	}
	r := record{id: c.Lease, owner: c.Owner, ttl: c.TTL}
	if explicit != nil {
		r = *explicit
	} else {
		s.setDeadline(&r, s.clock.Add(termOf(&r, c.Space, now)))
		s.bytes += r.bytes()
	}
	p, r = s.enter(&r, p)
	if now {
		p = s.grant(p)
	} else {
		s.enqueue(p)
	}
	result := s.report(&r, &p)
	result.Created = true
	return result
}

// full refuses what would exceed a limit. Nothing has been changed yet.
func (s *State) full(c *Command, n *name, p *place, now bool, explicit *record) (Result, bool) {
	if !now && uint64(len(n.queue)) >= s.settings.MaxWaiters {
		return Result{Code: TooManyWaiters, QueueLength: len(n.queue),
			Detail: fmt.Sprintf("%d already wait in line", len(n.queue))}, true
	}
	grows := p.bytes()
	if explicit == nil {
		fresh := record{id: c.Lease, owner: c.Owner}
		grows += fresh.bytes()
		if uint64(s.leases.Len()) >= s.settings.MaxLeases {
			return tooMany("the group has its limit of %d leases", s.settings.MaxLeases), true
		}
	}
	if s.bytes+grows > s.settings.MaxBytes {
		return tooMany("the group has its limit of %d bytes", s.settings.MaxBytes), true
	}
	if explicit != nil && len(explicit.places) >= MaxHolders {
		return tooMany("one lease may hold and wait for %d names", MaxHolders), true
	}
	return Result{}, false
}

func tooMany(format string, limit any) Result {
	return Result{Code: TooManyLeases, Detail: fmt.Sprintf(format, limit)}
}

// repeat answers an acquire whose lease has its place already.
func (s *State) repeat(c *Command, r record, p place) Result {
	if c.Hold && r.explicit {
		return notItsOwn()
	}
	if param := mismatchPlace(c, &r, &p); param != "" {
		return mismatch(param)
	}
	if p.standing() == Waiting && !c.Wait {
		n := s.name(p.key())
		return s.refusal(&n)
	}
	if c.Attempt != 0 {
		p.told = p.told || p.standing() == Holding && len(p.attempts) >= MaxAttempts // the one that is dropped may have been
		p.attempts, p.via = attach(p.attempts, c.Attempt), s.nodeOf(c.Session)
		s.places.Set(p.id, p)
	}
	if !r.explicit {
		s.prolong(&r, termOf(&r, p.space, p.standing() == Holding))
	}
	return s.report(&r, &p)
}

// termOf is how long a lease lives from now. While a request for a lock waits, its sidecar renews, and a sidecar that died
// must be noticed soon; all other leases are their callers' to renew.
func termOf(r *record, space Space, holding bool) time.Duration {
	if !r.explicit && space == Locks && !holding {
		return min(r.ttl, WaitingTTL)
	}
	return r.ttl
}

// attach adds an attempt to those of a place. The set, and not just the newest attempt, decides when nobody wants
// the place any more: the log may order a caller's second attempt before its first.
func attach(attempts []uint64, attempt uint64) []uint64 {
	if attempt == 0 || slices.Contains(attempts, attempt) {
		return attempts
	}
	if len(attempts) >= MaxAttempts {
		attempts = attempts[1:]
	}
	return append(attempts[:len(attempts):len(attempts)], attempt)
}

// report describes a lease and its place to whoever asked for it.
func (s *State) report(r *record, p *place) Result {
	result := Result{Standing: p.standing(), Lease: r.id, Owner: p.owner, Token: p.token, Limit: p.limit, TTL: r.ttl,
		Remaining: r.deadline.Sub(s.clock), MinHold: p.minHold, Value: p.value, Metadata: p.metadata}
	if p.token == 0 {
		result.Position = s.position(p)
	}
	return result
}

// refusal says why a name could not be had, and who has it.
func (s *State) refusal(n *name) Result {
	result := Result{Code: LockHeld, QueueLength: len(n.queue), Holders: s.holders(n, MaxListedHolders)}
	onlyMinHold := len(n.holders) > 0 && len(n.holders) == len(result.Holders)
	for i, h := range result.Holders {
		onlyMinHold = onlyMinHold && h.Ended != NotEnded && h.Ended != Forced
		if i == 0 || h.ExpiresIn < result.RetryAfter {
			result.RetryAfter = h.ExpiresIn
		}
	}
	if onlyMinHold {
		result.Code = MinHold
	}
	return result
}

func mismatch(param string) Result {
	return Result{Code: LeaseMismatch, Param: param, Detail: "this lease was made with another " + param}
}

// mismatchLease names the first parameter given again that differs from the lease's own.
func mismatchLease(c *Command, r *record) string {
	switch {
	case c.Given&GivenOwner != 0 && c.Owner != r.owner:
		return "owner"
	case c.Given&GivenTTL != 0 && c.TTL != r.ttl:
		return "ttl"
	}
	return ""
}

func mismatchPlace(c *Command, r *record, p *place) string {
	if param := mismatchLease(c, r); param != "" {
		return param
	}
	switch {
	case c.Given&GivenLimit != 0 && c.Limit != p.limit:
		return "limit"
	case c.Given&GivenMinHold != 0 && c.MinHold != p.minHold:
		return "min_hold"
	case c.Given&GivenMetadata != 0 && !slices.Equal(c.Metadata, p.metadata):
		return "metadata"
	case c.Given&GivenValue != 0 && c.Value != p.value:
		return "value"
	}
	return ""
}
