package mutants

// In holds, events and safe deadlines.
var holdBugs = []mutant{
	{"hold: a holder who hangs up is as if it had never been", "lease/release.go", "holding && c.Told && !r.explicit", "holding && c.Told && r.explicit", "./lease", "."},
	{"hold: the attempts of a dead sidecar count", "lease/release.go", "		first = 0\n", "		first = i\n", "./lease", "."},
	{"hold: a late hang-up ends all attempts", "lease/release.go", "slices.Clone(p.attempts), first, i+1)", "slices.Clone(p.attempts), first, len(p.attempts))", "./lease", "."},
	{"hold: a request read too late stands for all before", "httpapi/hold.go", "end.Latest = !h.gone(); !end.Latest {", "end.Latest = true; !end.Latest {", "./httpapi", "LeftStands"},
	{"hold: the keeper passes over holders", "lease/renew.go", "	if k.Hold || p.space == Locks", "	if p.space == Locks", "./lease", "."},
	{"hold: the keeper keeps a grant that nobody claims", "lease/renew.go", "	if k.Hold || p.space == Locks", "	if true || p.space == Locks", "./lease", "."},
	{"hold: drain releases", "raftnode/hold.go", "c.Told, c.Latest, c.Leave = e.Told, e.Latest, !e.Release", "c.Told, c.Latest, c.Leave = e.Told, e.Latest, false", "./raftnode", "Hold|Sidecar"},
	{"hold: the deadline counts from the answer", "raftnode/hold.go", "safeUntil(k.Remaining, h.now.TTL, sent)", "safeUntil(k.Remaining, h.now.TTL, sent+2*time.Second)", "./raftnode", "CutOff|Storm"},
	{"hold: a passed deadline is no loss", "raftnode/hold.go", "h.now.ValidFor = h.node.validFor(h.end); h.now.ValidFor == 0 {", "h.now.ValidFor = h.node.validFor(h.end); h.now.ValidFor < 0 {", "./raftnode", "CutOff|Suspended"},
	{"hold: a loss by the clock gives up what was renewed elsewhere", "raftnode/hold.go", "	again, lost := h.over, h.now.Lost != \"\"\n", "	again, lost := h.over, h.now.Lost != \"\" && h.now.Lost != \"expired\"\n", "./raftnode", "LossByTheClock"},
	{"hold: a hang-up at a cut-off sidecar is forgotten", "raftnode/acquire.go", "withdrawTimeout+ttl)", "withdrawTimeout)", "./raftnode", "NotForgotten"},
	{"hold: a hang-up unheard undoes what was heard before", "lease/release.go", "(c.Told || !holding || !p.told)", "(c.Told || !holding || true)", "./lease", "."},
	{"hold: a hang-up unheard stands for all before", "lease/release.go", "c.Latest && (c.Told || !holding)", "c.Latest", "./lease", "."},
	{"hold: a dropped attempt was never told", "lease/acquire.go", "p.told = p.told || p.standing() == Holding && len", "p.told = p.told || p.standing() != Holding && len", "./lease", "."},
	{"printable decides in Apply", "lease/valid.go", "c.validPlace(), validOwner(c.Owner, wellFormed)", "c.validPlace(), validOwner(c.Owner, printable)", "./lease", "."},
	{"hold: a forced release is learnt at the next renewal", "raftnode/watch.go", "	return i.lease == \"\" || kind != lease.EventQueued", "	return i.lease == \"\" || kind != lease.EventForced && kind != lease.EventQueued", "./raftnode", "ForcedOut|News"},
	{"hold: a closed server is taken for the client's close", "httpapi/connection.go", "	return errors.Is(*end, io.EOF)", "	return true || errors.Is(*end, io.EOF)", "./httpapi", "OwnClose|ClosedServer"},
	{"hold: a slow reader is taken for the client's close", "httpapi/connection.go", "if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {\n		c.end", "if err != nil {\n		if errors.Is(err, os.ErrDeadlineExceeded) {\n			err = io.EOF\n		}\n		c.end", "./httpapi", "SlowReader|OwnClose"},
	{"hold: jeopardy is not said", "httpapi/hold.go", "jeopardy := now.ValidFor < now.TTL/2", "jeopardy := now.ValidFor < 0", "./httpapi", "Stands"},
	{"hold: streams without bound", "httpapi/stream.go", "> MaxStreams {", "> 2*MaxStreams {", "./httpapi", "Bounded"},

	{"events: resumed one too early", "raftnode/feed.go", "after.before(id) {", "!id.before(after) {", "./raftnode", "Subscribers|Feed"},
	{"events: resumed one too late", "raftnode/feed.go", "	return cursor{f.epoch, low}, true\n", "	return cursor{f.epoch, min(low+1, f.next)}, true\n", "./raftnode", "Subscribers|Feed"},
	{"events: overflow dropped silently", "raftnode/feed.go", "		return nil, c, EventID{}, foundLost\n", "		c.next = f.oldest()\n", "./raftnode", "Feed"},
	{"events: forgotten events passed over", "raftnode/feed.go", "	if after.before(f.floor) {\n		return cursor{}, false\n	}\n", "", "./raftnode", "Subscribers|Feed"},
	{"events: an installed snapshot goes unnoticed", "raftnode/feed.go", "	f.epoch++\n", "", "./raftnode", "Subscribers|Feed"},
	{"events: the state is sent behind its events", "raftnode/subscribe.go", "	s.at, s.id = m.feed.end()\n", "	s.at, s.id = m.feed.end()\n	s.at.next -= min(1, s.at.next)\n", "./raftnode", "Subscribers"},
	{"events: a part of the state has an id", "httpapi/events.go", "		if !more {\n			id = d.ID.String()\n		}\n", "		id = d.ID.String()\n", "./httpapi", "Parts"},
	{"events: waiters left out of the state", "httpapi/events.go", "lease.Query{Kind: lease.QueryName, Space: p.space, Name: in.Name}", "lease.Query{Kind: lease.QueryName, Space: p.space, Name: in.Name + \"x\"}", "./httpapi", "Parts"},

	{"health: by a clock that stands still in a suspension", "raftnode/leads.go", "	now := n.deps.Clock.Boot()\n	one, ok", "	now := n.deps.Clock.Steady()\n	one, ok", "./raftnode", "Suspended"},
	{"health: still leading when the resignation has left", "raftnode/leads.go", "	case c.Op == lease.OpRelease, c.Op == lease.OpWithdraw && !c.Leave:\n		l.giveUp(c.Name, c.Lease, now)\n", "", "./raftnode", "Resigning"},
	{"health: a late answer brings a lead back", "raftnode/leads.go", "ok && sent <= g.at {", "ok && sent < 0*g.at {", "./raftnode", "LateAnswer"},
	{"health: another sidecar's resignation goes unnoticed", "raftnode/fsm.go", "	m.leads.happened(events, m.boot())\n", "", "./raftnode", "Resigning"},

	{"forced release open to everybody", "httpapi/admin.go", "	if !q.admin {", "	if false {", "./httpapi", "Administrators"},
	{"long poll answers at renewals", "lease/renew.go", "	left := r.deadline.Sub(s.clock)\n	s.prolong(&r, termOf(&r, p.space, p.standing() == Holding))\n", "	left := r.deadline.Sub(s.clock)\n	n := s.name(p.key())\n	s.touch(&n, p.key())\n	s.setName(p.key(), n)\n	s.prolong(&r, termOf(&r, p.space, p.standing() == Holding))\n", "./raftnode", "LongPoll"},
	{"a waiting renewal lets the lease run out", "raftnode/changes.go", "	n.keeper.add(one)\n", "", "./raftnode", "WaitingRenewal"},
}
