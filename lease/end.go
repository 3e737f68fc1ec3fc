package lease

// endLease ends a lease with everything that it holds and waits for, and remembers that it did.
func (s *State) endLease(r record, reason EndReason, why string) {
	var last place
	for _, id := range r.places {
		p, _ := s.places.Get(id)
		last = p
		if p.standing() == Waiting {
			s.dequeue(p, reason)
			continue
		}
		s.unhold(p, reason, why, p.granted.Add(p.minHold))
		if reason == Expired {
			s.lateness(&r)
		}
	}
	s.rememberEnd(&r, &last, reason, why)
	s.dropLease(&r)
}

// lateness notes in the event just emitted how long after its deadline a holder was expired. (unhold may have
// emitted nothing after the end itself.)
func (s *State) lateness(r *record) {
	for i := len(s.events) - 1; i >= 0; i-- {
		if s.events[i].Kind == EventExpired {
			s.events[i].Late = s.clock.Sub(r.deadline)
			return
		}
	}
}

// dropLease takes a lease without places out of the state.
func (s *State) dropLease(r *record) {
	s.leases.Delete(r.id)
	s.deadlines.Delete(deadline{at: r.deadline, lease: r.id})
	s.bytes -= r.bytes()
}

// rememberEnd keeps the reason, so that the former holder can be told.
func (s *State) rememberEnd(r *record, p *place, reason EndReason, why string) {
	e := end{reason: reason, at: s.clock, serial: s.next(), why: why}
	if !r.explicit {
		e.space, e.name, e.token = p.space, p.name, p.token
	}
	s.ended.Set(r.id, e)
	s.endOrder[e.order()].Set(e.serial, r.id)
}

func (s *State) forgetEnd(id ID) {
	e, _ := s.ended.Get(id)
	s.endOrder[e.order()].Delete(e.serial)
	s.ended.Delete(id)
}

// over answers for a lease that is not alive.
func (s *State) over(id ID) Result {
	e, ok := s.ended.Get(id)
	if !ok {
		return Result{Code: LeaseExpired, Detail: "no such lease, or it ended long ago"}
	}
	return Result{Code: LeaseExpired, Reason: e.reason, EndedAgo: s.elapsed(e.at), Why: e.why, Token: e.token}
}

// forget drops what has been remembered long enough, or is too much.
func (s *State) forget() {
	for i, keep := range [...]Time{Time(RememberReleased), Time(RememberEnded)} {
		order := s.endOrder[i]
		for {
			serial, id, ok := order.Min()
			if !ok {
				break
			}
			e, _ := s.ended.Get(id)
			if e.at+keep >= s.clock && s.ended.Len() <= MaxRememberedEnds {
				break
			}
			order.Delete(serial)
			s.ended.Delete(id)
		}
	}
	for uint64(s.free.Len()) > s.settings.MaxFree {
		_, k, _ := s.free.PopMin()
		s.space(k.space).Delete(k.name)
	}
}

// remember appends an event to a name's history, and to the apart list if it was no plain grant or release.
func (n *name) remember(e *Event) {
	p := past{kind: e.Kind, token: e.Token, owner: e.Owner, via: e.Via, at: e.At, wall: e.Wall, held: e.Held, quiet: e.Quiet, why: e.Why}
	n.history = appendPast(n.history, p)
	if e.Kind != EventGranted && e.Kind != EventReleased {
		n.notable = appendPast(n.notable, p)
	}
}

// appendPast keeps at least the last HistoryLength events. It appends beyond what a snapshot's copy can see, and
// now and then moves to a new array, so that remembering costs no copy of the whole each time.
func appendPast(list []past, p past) []past {
	if len(list) >= 2*HistoryLength {
		fresh := make([]past, HistoryLength, 2*HistoryLength)
		copy(fresh, list[len(list)-HistoryLength:])
		list = fresh
	}
	return append(list, p)
}

// recent is the part of a history that counts.
func recent(list []past) []past { return list[max(0, len(list)-HistoryLength):] }

// The fixed part of what a lease or a place costs in the account of bytes, so that many small ones count too.
const (
	recordOverhead = 160
	placeOverhead  = 240
)

func (r *record) bytes() uint64 {
	return uint64(recordOverhead + len(r.id) + len(r.owner) + pairsBytes(r.metadata))
}

func (p *place) bytes() uint64 {
	return uint64(placeOverhead + len(p.name) + len(p.owner) + len(p.value) + pairsBytes(p.metadata))
}
