package lease

// limitOf is the number of holders that a limit allows; shared has no limit but the one that bounds every name.
func limitOf(limit uint32) int {
	if limit == 0 || limit > MaxHolders {
		return MaxHolders
	}
	return int(limit)
}

// admits is the one rule, apart from the queue: with the request the number of holders is within its own limit and
// every holder's.
func (n *name) admits(limit uint32) bool {
	holders := len(n.holders) + 1
	return holders <= limitOf(limit) && holders <= limitOf(n.strictest)
}

// countLimit takes one more holder's limit into the strictest of them all.
func (n *name) countLimit(limit uint32) {
	switch {
	case limit == 0:
	case n.strictest == 0 || limit < n.strictest:
		n.strictest, n.strictestN = limit, 1
	case limit == n.strictest:
		n.strictestN++
	}
}

// settle admits waiters to the names that were touched, each in the order of its queue, until the head must wait.
func (s *State) settle() {
	for i := 0; i < len(s.dirty); i++ {
		k := s.dirty[i]
		for {
			n := s.name(k)
			if len(n.queue) == 0 {
				break
			}
			p, _ := s.places.Get(n.queue[0])
			if !n.admits(p.limit) {
				break
			}
			n.queue = n.queue[1:]
			s.setName(k, n)
			s.grant(p)
		}
	}
	s.dirty = s.dirty[:0]
}

// grant makes a place a holder's, with the next fencing token. The lease's deadline is not touched: a waiter whose
// sidecar has died must not hold for a full TTL.
func (s *State) grant(p place) place {
	s.token++
	p.token, p.granted, p.wall = s.token, s.clock, s.wall
	s.places.Set(p.id, p)
	n := s.name(p.key())
	n.countLimit(p.limit)
	n.holders = append(n.holders[:len(n.holders):len(n.holders)], p.id)
	s.touch(&n, p.key())
	e := s.emit(EventGranted, &p)
	e.Waited = s.elapsed(p.queued)
	n.remember(e)
	s.setName(p.key(), n)
	return p
}

// enter makes a new place of a lease at a name, at the end of the queue.
func (s *State) enter(r *record, p place) (place, record) {
	p.id, p.lease, p.owner, p.queued = s.next(), r.id, r.owner, s.clock
	s.places.Set(p.id, p)
	s.bytes += p.bytes()
	r.places = append(r.places[:len(r.places):len(r.places)], p.id)
	s.leases.Set(r.id, *r)
	return p, *r
}

// enqueue puts a place that could not be granted into its queue.
func (s *State) enqueue(p place) {
	n := s.name(p.key())
	n.queue = append(n.queue[:len(n.queue):len(n.queue)], p.id)
	s.touch(&n, p.key())
	s.setName(p.key(), n)
	s.emit(EventQueued, &p)
}

// dequeue takes a waiter's place away.
func (s *State) dequeue(p place, reason EndReason) {
	n := s.name(p.key())
	n.queue = without(n.queue, p.id)
	p.ended = reason
	s.dropPlace(p)
	s.emit(EventLeft, &p)
	s.vacate(&n, p.key())
}

// unhold ends a holder. Its place is freed, or stays taken until a set time.
func (s *State) unhold(p place, reason EndReason, why string, until Time) {
	kind := endEvents[reason]
	p.ended, p.why = reason, why
	n := s.name(p.key())
	e := s.emit(kind, &p)
	e.Held = s.elapsed(p.granted)
	if r, ok := s.leases.Get(p.lease); ok {
		e.Quiet = s.elapsed(r.renewed)
	}
	n.remember(e)
	if until > s.clock {
		p.until = until
		s.places.Set(p.id, p)
		s.deadlines.Set(deadline{at: until, place: p.id})
		s.touch(&n, p.key())
		s.setName(p.key(), n)
		return
	}
	s.removeHolder(&n, p)
	s.vacate(&n, p.key())
}

var endEvents = [...]EventKind{Expired: EventExpired, Released: EventReleased, Revoked: EventRevoked,
	Disconnected: EventDisconnected, Forced: EventForced}

// freePlace frees the place of a holder that ended before.
func (s *State) freePlace(id uint64, kind EventKind) {
	p, _ := s.places.Get(id)
	s.deadlines.Delete(deadline{at: p.until, place: p.id})
	n := s.name(p.key())
	s.removeHolder(&n, p)
	s.emit(kind, &p)
	s.vacate(&n, p.key())
}

func (s *State) removeHolder(n *name, p place) {
	n.holders = without(n.holders, p.id)
	s.dropPlace(p)
	if p.limit == 0 || p.limit != n.strictest {
		return
	}
	if n.strictestN--; n.strictestN > 0 {
		return
	}
	n.strictest, n.strictestN = 0, 0
	for _, id := range n.holders {
		other, _ := s.places.Get(id)
		n.countLimit(other.limit)
	}
}

func (s *State) dropPlace(p place) {
	s.places.Delete(p.id)
	s.bytes -= p.bytes()
}

// vacate stores a name that somebody has left, and marks it for settle.
func (s *State) vacate(n *name, k nameKey) {
	s.touch(n, k)
	if !n.inUse() {
		n.free = s.next()
		s.free.Set(n.free, k)
	}
	s.setName(k, *n)
	s.dirty = append(s.dirty, k)
}

// touch notes that a name's holders, queue or value changed.
func (s *State) touch(n *name, k nameKey) {
	n.index = s.index
	if n.free != 0 {
		s.free.Delete(n.free)
		n.free = 0
	}
}

// without returns a new slice that lacks one ID.
func without(ids []uint64, id uint64) []uint64 {
	for i, other := range ids {
		if other == id {
			if len(ids) == 1 {
				return nil
			}
			rest := make([]uint64, 0, len(ids)-1)
			return append(append(rest, ids[:i]...), ids[i+1:]...)
		}
	}
	return ids
}
