package mutants

// table lists the seeded bugs, in the words of the properties that they break.
var table = []mutant{
	{"token counter not in the snapshot", "lease/restore.go", "token: Token(d.u()), serial:", "token: 0 * Token(d.u()), serial:", "./lease", "."},
	{"lifo queue", "lease/admit.go", "p, _ := s.places.Get(n.queue[0])", "p, _ := s.places.Get(n.queue[len(n.queue)-1])", "./lease", "."},
	{"release by name only", "lease/release.go", "	p, ok := s.placeAt(&r, nameKey{c.Space, c.Name})\n	if !ok || r.explicit && c.Token != 0 && c.Token != p.token {\n		return s.releaseEarlier(&r, &p, c)", "	p, ok := s.placeAt(&r, nameKey{c.Space, c.Name})\n	if n := s.name(nameKey{c.Space, c.Name}); len(n.holders) > 0 {\n		p, ok = s.places.Get(n.holders[0])\n	}\n	if !ok {\n		return s.releaseEarlier(&r, &p, c)", "./lease", "."},
	{"waiter granted for its full TTL", "lease/acquire.go", "return min(r.ttl, WaitingTTL)", "return r.ttl", "./lease", "."},
	{"late hang-up frees the retry's grant", "lease/release.go", "	if len(p.attempts) > 0 {\n		s.places.Set(p.id, p)\n		return\n	}\n", "", "./lease", "."},
	{"retry memory lost in the snapshot", "lease/snapshot.go", "	s.results.Scan(", "	newTables().results.Scan(", "./lease", "."},
	{"entry applied in another term", "lease/apply.go", "if e.Term != term {", "if e.Term > term {", "./lease", "."},
	{"holders' limits ignored", "lease/admit.go", "return holders <= limitOf(limit) && holders <= limitOf(n.strictest)", "return holders <= limitOf(limit)", "./lease", "."},
	{"repeat runs twice", "lease/session.go", "return *before.result", "_ = before", "./lease", "."},
	{"expired waiter granted", "lease/apply.go", "			s.endLease(r, Expired, \"\")\n", "			s.endLease(r, Expired, \"\")\n			s.settle()\n", "./lease", "."},
	{"token reused by the next grant", "lease/admit.go", "	s.token++\n	p.token", "	s.token |= 1\n	p.token", "./lease", "."},
	{"limits read from a constant", "lease/acquire.go", ">= s.settings.MaxWaiters", ">= 1000", "./lease", "."},
	{"min_hold forgotten at expiry", "lease/end.go", "s.unhold(p, reason, why, p.granted.Add(p.minHold))", "s.unhold(p, reason, why, 0)", "./lease", "."},
	{"force frees at once", "lease/release.go", "	if !immediate {\n		until", "	if immediate {\n		until", "./lease", "."},
}
