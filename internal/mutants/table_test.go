package mutants

import "slices"

// table lists the seeded bugs, in the words of what they break.
var table = slices.Concat(stateBugs, nodeBugs, guardBugs, holdBugs, levelBugs, wallBugs, memberBugs, careBugs, agentBugs)

// In the replicated state machine.
var stateBugs = []mutant{
	{"token counter not in the snapshot", "lease/restore.go", "token: Token(d.u()), serial:", "token: 0 * Token(d.u()), serial:", "./lease", "."},
	{"token reused by the next grant", "lease/admit.go", "	s.token++\n	p.token", "	s.token |= 1\n	p.token", "./lease", "."},
	{"token counter reset on delete", "lease/admit.go", "	if !n.inUse() {\n		n.free = s.next()", "	if !n.inUse() {\n		s.token &^= 0xff\n		n.free = s.next()", "./lease", "."},
	{"lifo queue", "lease/admit.go", "p, _ := s.places.Get(n.queue[0])", "p, _ := s.places.Get(n.queue[len(n.queue)-1])", "./lease", "."},
	{"release by name only", "lease/release.go",
		"	p, ok := s.placeAt(&r, nameKey{c.Space, c.Name})\n	if !ok || r.explicit && c.Token != 0 && c.Token != p.token {\n		return s.releaseEarlier(&r, &p, c)",
		"	p, ok := s.placeAt(&r, nameKey{c.Space, c.Name})\n	if n := s.name(nameKey{c.Space, c.Name}); len(n.holders) > 0 {\n		p, ok = s.places.Get(n.holders[0])\n	}\n	if !ok {\n		return s.releaseEarlier(&r, &p, c)", "./lease", "."},
	{"waiter granted for its full TTL", "lease/acquire.go", "return min(r.ttl, WaitingTTL)", "return r.ttl", "./lease", "."},
	{"late hang-up frees the retry's grant", "lease/release.go", "letGo := len(p.attempts) == 0 && ", "letGo := ", "./lease", "."},
	{"retry memory lost in the snapshot", "lease/snapshot.go", "	s.results.Scan(", "	newTables().results.Scan(", "./lease", "."},
	{"retry grants twice", "lease/session.go", "return *before.result", "_ = before", "./lease", "."},
	{"entry applied in another term", "lease/apply.go", "if e.Term != term {", "if e.Term > term {", "./lease", "."},
	{"holders' limits ignored", "lease/admit.go", "return holders <= limitOf(limit) && holders <= limitOf(n.strictest)", "return holders <= limitOf(limit)", "./lease", "."},
	{"expired waiter granted", "lease/apply.go", "			s.endLease(r, Expired, \"\")\n", "			s.endLease(r, Expired, \"\")\n			s.settle()\n", "./lease", "."},
	{"limits read from a constant", "lease/acquire.go", ">= s.settings.MaxWaiters", ">= 1000", "./lease", "."},
	{"min_hold forgotten at expiry", "lease/end.go", "s.unhold(p, reason, why, p.granted.Add(p.minHold))", "s.unhold(p, reason, why, 0)", "./lease", "."},
	{"force frees at once", "lease/release.go", "	if !immediate {\n		until", "	if immediate {\n		until", "./lease", "."},
	{"wall clock in deadlines", "lease/apply.go", "	s.advance(e.Now)\n", "	s.advance(Time(e.Wall * 1000))\n", "./lease", "."},
}

// In what a node does around it.
var nodeBugs = []mutant{
	{"stamp taken before the batch is sealed", "raftnode/reign.go", "r.term, r.stamps.stamp(), ", "r.term, func() lease.Time { old := r.stamps.last; r.stamps.stamp(); return old }(), ", "./raftnode", "."},
	{"stamp leaps after a stall", "raftnode/clock.go", "if limit := s.last.Add(maxLeap); now > limit {", "if limit := s.last.Add(maxLeap); false && now > limit {", "./raftnode", "."},
	{"TTL restarted at each election", "raftnode/reign.go", "r.stamps = newStamper(r.clock, s.Now())", "r.stamps = newStamper(r.clock, s.Now().Add(-time.Hour))", "./raftnode", "."},
	{"new leader expires at once", "raftnode/reign.go", "r.stamps = newStamper(r.clock, s.Now())", "r.stamps = newStamper(r.clock, s.Now().Add(time.Hour))", "./raftnode", "."},
	{"renewal acknowledged before commit", "raftnode/reign.go", "	err := r.wait(future)\n", "	var err error\n	if !r.current() {\n		err = r.wait(future)\n	}\n", "./raftnode", "."},
	{"read from a deposed leader", "raftnode/query.go", "		if err := r.confirms.confirm(ctx); err != nil {\n			return lease.Answer{}, err\n		}\n		return n.machine.answer(q), nil", "		return n.machine.answer(q), nil", "./raftnode", "."},
	{"calls lost at a leader change", "raftnode/forward_client.go", "	for _, done := range calls {\n		done(0, nil, cut)\n	}\n", "	_, _ = calls, cut\n", "./raftnode", "."},
	{"wake-up lost between look and wait", "raftnode/watch.go", "		if n.outdated(i) {\n			ring()\n		}\n", "", "./raftnode", "."},
	{"holder counts from the answer, not the call", "raftnode/do.go", "until: safeUntil(res.Remaining, res.TTL, sent)", "until: safeUntil(res.Remaining, res.TTL, n.deps.Clock.Boot())", "./raftnode", "."},
	{"timeout reported as failure", "raftnode/do.go", "			a.maybe = true\n", "", "./raftnode", "."},
	{"waiting leases are not kept alive", "raftnode/acquire.go", "			n.keeper.add(k)\n", "", "./raftnode", "."},
	{"hang-up leaves the queue as it is", "raftnode/acquire.go", "	if hungUp(ctx) {\n		n.takeBack(w, w.withdrawal(), w.command.TTL)\n	}\n", "", "./raftnode", "."},
	{"founding taken for begun by its first write", "raftnode/founding.go", "	if last == 0 && contains(first, f.n.id) {", "	if term, _ := stable.GetUint64([]byte(raftTermKey)); last == 0 && term == 0 && contains(first, f.n.id) {", "./raftnode", "Founding"},
	{"replica goes on after an entry it cannot apply", "raftnode/fsm.go", "		return *broken // a state", "		_ = *broken // a state", "./raftnode", "CannotApply"},
	{"answer above a frame cuts the connection", "raftnode/wire.go", "append(w.buf[:start+frameHead-1], frameTooLarge)", "append(w.buf[:start], w.buf[start:]...)", "./raftnode", "AnswerThatIsTooLarge"},
	{"waits cut off at a stop", "raftnode/acquire.go", "	case <-n.noWaits:\n		return stopping\n", "", "./raftnode", "WaitsEnd"},
	{"renewals refused for load", "raftnode/queue.go", "!vital && len(q.waiting) >= queueLimit:", "len(q.waiting) >= queueLimit:", "./raftnode", "."},
}

// The guards against faults of the Raft library, each taken away.
var guardBugs = []mutant{
	{"guard 1: heartbeats wait behind StoreLogs", "raftnode/peer/heartbeat.go", "	if !busy || time.Since(since) > StoreStallLimit {", "	if true || !busy || time.Since(since) > StoreStallLimit {", "./raftnode/peer", "."},
	{"guard 1: heartbeats answered for ever", "raftnode/peer/heartbeat.go", "	if !busy || time.Since(since) > StoreStallLimit {", "	if !busy || time.Since(since) < 0 {", "./raftnode/peer", "."},
	{"guard 2: commit index not clamped", "raftnode/peer/append.go", "	req := clampCommit(args)\n", "	req := args\n", "./raftnode/peer", "."},
	{"guard 3: earlier answers confirm", "raftnode/confirm.go", "acks[s.ID] > after", "acks[s.ID] > 0*after", "./raftnode", "."},
	{"guard 3: nonvoters confirm", "raftnode/confirm.go", "		if s.Suffrage != raft.Voter {\n			continue\n		}\n", "		if s.Suffrage != raft.Voter {\n			if acks[s.ID] > after {\n				yes++\n			}\n			continue\n		}\n", "./raftnode", "."},
	{"guard 5: pipelining", "raftnode/peer/transport.go", "		MaxRPCsInFlight: 1,\n", "", "./raftnode/peer", "."},
	{"guard 8: a batched apply channel", "raftnode/config.go", "c.BatchApplyCh = false", "c.BatchApplyCh = true", "./raftnode", "RaftIsTold"},
	{"guard 9: raft's own back-off", "raftnode/peer/append.go", "!t.again(id, args.Term, err) {", "true {", "./raftnode/peer", "."},
	{"guard 11: entry checksum skipped", "raftnode/store/checksum.go", "computed != stored {", "computed != computed {", "./raftnode/store", "."},
	{"fsync off", "raftnode/store/open.go", "		NoFreelistSync: true,\n", "		NoFreelistSync: true,\n		NoSync:         true,\n", "./raftnode/store", "."},
	{"fsync error ignored", "raftnode/store/log.go", "		err = &DiskError{File: l.file, Read: t.read, Err: err}\n	}\n	return l.fail.report(err)\n}", "		return nil\n	}\n	return l.fail.report(err)\n}", "./raftnode/store", "."},
	{"guard 12: any node at the address will do", "raftnode/peer/hello.go", "	case h.Target != own.NodeID:\n", "	case h.Target == \"\":\n", "./raftnode/peer", "."},
}
