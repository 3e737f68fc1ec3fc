package lease

import "strings"

// Answer answers a query from the state as it stands. It changes nothing.
func (s *State) Answer(q Query) Answer {
	answer := Answer{Index: s.index}
	switch q.Kind {
	case QueryName:
		s.answerName(q, &answer)
	case QueryNames:
		s.answerNames(q, &answer)
	case QueryLease:
		s.answerLease(q, &answer)
	case QueryHistory:
		s.answerHistory(q, &answer)
	default:
		s.answerAddition(q, &answer)
	}
	return answer
}

func (s *State) answerName(q Query, answer *Answer) {
	if f := firstFault(validSpace(q.Space), ValidName(q.Name)); f != nil {
		answer.Code = f.Code
		return
	}
	n := s.name(nameKey{q.Space, q.Name})
	info := s.info(q.Space, q.Name, &n, MaxShown)
	info.Queue = s.waiters(&n)
	answer.Info = &info
	if q.Token == 0 {
		return
	}
	answer.Code = StaleToken
	for _, id := range n.holders {
		if p, _ := s.places.Get(id); p.token == q.Token && p.ended == NotEnded {
			answer.Code = OK
		}
	}
}

// answerNames lists the names in use, and those remembered, in order.
func (s *State) answerNames(q Query, answer *Answer) {
	if !q.Space.valid() || q.Limit < 1 || q.Limit > MaxListLimit {
		answer.Code = InvalidRequest
		return
	}
	size := 0
	s.space(q.Space).Ascend(max(q.Prefix, q.After), func(key string, n name) bool {
		switch {
		case q.After != "" && key <= q.After:
			return true
		case !strings.HasPrefix(key, q.Prefix):
			return key < q.Prefix
		case len(answer.Infos) == q.Limit || size > MaxPageBytes:
			answer.Next = answer.Infos[len(answer.Infos)-1].Name
			return false
		}
		info := s.info(q.Space, key, &n, MaxListedHolders)
		size += info.size()
		answer.Infos = append(answer.Infos, info)
		return true
	})
}

func (s *State) answerLease(q Query, answer *Answer) {
	r, ok := s.leases.Get(q.Lease)
	if !ok {
		over := s.over(q.Lease)
		answer.Code, answer.Ended, answer.EndAgo, answer.Why = over.Code, over.Reason, int64(over.EndedAgo), over.Why
		return
	}
	answer.Lease = &LeaseInfo{Explicit: r.explicit, Owner: r.owner, TTL: r.ttl, Remaining: r.deadline.Sub(s.clock),
		Metadata: r.metadata, Places: s.placesOf(&r)}
}

func (s *State) info(space Space, key string, n *name, most int) Info {
	return Info{Space: space, Name: key, Index: n.index, Limit: n.strictest, Holders: s.holders(n, most),
		HolderCount: len(n.holders), QueueLength: len(n.queue)}
}

// size is about what an answer spends on a name.
func (in *Info) size() int {
	n := 64 + len(in.Name)
	for i := range in.Holders {
		h := &in.Holders[i]
		n += 64 + len(h.Owner) + len(h.Via) + len(h.Value) + pairsBytes(h.Metadata)
	}
	return n
}

// holders describes the first holders of a name, in the order of their grants.
func (s *State) holders(n *name, most int) []Holder {
	list := make([]Holder, 0, min(most, len(n.holders)))
	for _, id := range n.holders[:min(most, len(n.holders))] {
		p, _ := s.places.Get(id)
		h := Holder{Owner: p.owner, Token: p.token, Limit: p.limit, Held: s.elapsed(p.granted), GrantedWall: p.wall,
			Via: p.via, Value: p.value, Metadata: p.metadata, Ended: p.ended}
		if free := p.granted.Add(p.minHold); free > s.clock {
			h.MinHoldUntil = free.Sub(s.clock)
		}
		if p.until > 0 {
			h.ExpiresIn = p.until.Sub(s.clock)
		} else if r, ok := s.leases.Get(p.lease); ok {
			h.ExpiresIn, h.LastRenewed = r.deadline.Sub(s.clock), s.elapsed(r.renewed)
		}
		list = append(list, h)
	}
	return list
}

func (s *State) answerHistory(q Query, answer *Answer) {
	s.answerName(q, answer)
	if answer.Code == OK {
		n := s.name(nameKey{q.Space, q.Name})
		answer.History, answer.Notable = s.pasts(n.history), s.pasts(n.notable)
	}
}

func (s *State) pasts(list []past) []Past {
	list = recent(list)
	out := make([]Past, 0, len(list))
	for i := range list {
		p := &list[i]
		out = append(out, Past{Kind: p.kind, Owner: p.owner, Token: p.token, Via: p.via, Ago: s.elapsed(p.at), Wall: p.wall,
			Held: p.held, Quiet: p.quiet, Why: p.why})
	}
	return out
}

func (s *State) waiters(n *name) []Waiter {
	shown := n.queue[:min(MaxShown, len(n.queue))]
	list := make([]Waiter, 0, len(shown))
	for _, id := range shown {
		p, _ := s.places.Get(id)
		list = append(list, Waiter{Owner: p.owner, Limit: p.limit, Waiting: s.elapsed(p.queued), Value: p.value,
			Metadata: p.metadata, Via: p.via})
	}
	return list
}

// PlaceOf tells where a lease stands at a name, for the Raft leader to answer a waiting request: its standing, and
// whether the lease is alive at all.
func (s *State) PlaceOf(space Space, key string, id ID) (Standing, bool) {
	r, ok := s.leases.Get(id)
	if !ok {
		return Absent, false
	}
	p, ok := s.placeAt(&r, nameKey{space, key})
	if !ok {
		return Absent, true
	}
	return p.standing(), true
}

// IndexOf returns the log index of the last change of a name's holders, queue or value; 0 if it was never used or has been
// forgotten.
func (s *State) IndexOf(space Space, key string) uint64 {
	return s.tables.name(nameKey{space, key}).index
}
