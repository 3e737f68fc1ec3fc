package mutants

// In what sidecars without a replica do.
var agentBugs = []mutant{
	{"agents: events: a field is not sent", "lease/codec_event.go", "	w.d(e.Quiet)\n", "	w.d(0)\n", "./lease", "Event"},
	{"agents: events: resumed one too late at another member", "raftnode/subscribe.go", "	after := &s.id\n", "	after := &EventID{s.id.Index + 1, 0}\n", "./raftnode", "TestASubscriptionOfAnAgent|SubscribersOfAgents"},
	{"agents: events: a position is forgotten", "raftnode/subscribe.go", "		if d.ID != (EventID{}) {\n", "		if d.ID != (EventID{}) && d.State == nil && len(d.Events) == 0 {\n", "./raftnode", "TestASubscriptionOfAnAgent|TestASubscriptionGoes"},
	{"agents: events: another group's log is taken for one's own", "raftnode/subscribe.go", "id != s.cluster {", "id == \"\" {", "./raftnode", "TestASubscriptionBegins"},
	{"agents: events: a subscription follows a group that is no more", "raftnode/subscribe.go", "		if s.from != nil && s.cluster != s.node.clusterID() {\n			s.leave()\n		}\n", "", "./raftnode", "TestASubscriptionBegins"},
	{"agents: events: a member that is cut off is followed on", "raftnode/relay.go", "p.age > relayStale &&", "p.age > 1000*relayStale &&", "./raftnode", "TestAnAgentSaysHow"},
	{"agents: events: the way does not count in their age", "raftnode/relay.go", "r.began.Add(time.Duration(call) - p.age)", "time.Now().Add(-p.age)", "./raftnode", "TestAnAgentSaysHow"},
	{"agents: events: the age of the member's replica does not count", "raftnode/relay_serve.go", "call, known := s.asked.Load(), l.upTo()", "call, known := s.asked.Load(), time.Now()", "./raftnode", "TestAnAgentSaysHow"},
	{"agents: events: overflow is not told", "raftnode/relay_serve.go", "		s.refuse(frameTooSlow, \"\")\n", "", "./raftnode", "Elsewhere"},
	{"agents: events: overflow is taken for a lost member", "raftnode/relay.go", "return r.give(piece{err: ErrTooSlow})", "return false", "./raftnode", "TestAnAgentIsTold"},
	{"agents: events: a place is never free again", "raftnode/relay_serve.go", "	defer n.machine.feed.readers.leave(h.NodeID)\n", "", "./raftnode", "Elsewhere|TestAnAgentSaysWhen"},
	{"agents: events: one agent may take all places", "raftnode/relay_state.go", "r.byNode[id] >= maxReadersOfOne", "r.byNode[id] < 0", "./raftnode", "Elsewhere"},
	{"agents: events: the place of a state is another", "raftnode/relay_serve.go", "appendPosition(b, d.ID) })", "appendPosition(b, EventID{d.ID.Index + 1, 0}) })", "./raftnode", "AWholeState|TestASubscriptionOfAnAgent"},
	{"agents: events: a stream leaves its subscription behind", "httpapi/events.go", "	defer sub.Close()\n", "", "./httpapi", "TestASubscriptionEnds"},
	{"agents: health: another sidecar's resignation goes unnoticed", "raftnode/do.go", "		n.heedLeads()\n", "", "./raftnode", "TestElectionsThroughAgents"},
	{"agents: health: a forced release goes unnoticed", "raftnode/heed.go", "one.Token == token && one.Ended == lease.NotEnded", "one.Token == token", "./raftnode", "TestElectionsThroughAgents"},
	{"agents: health: a promotion denies leads", "raftnode/leads.go", " && one.token <= s.LastToken()", " && one.token > 0", "./raftnode", "TestLeadsOutlive"},
	{"agents: a silent Raft leader is waited for", "raftnode/seek.go", "n.contact.ago(l.leader) > n.patience()", "n.contact.ago(l.leader) > time.Hour", "./raftnode", "TestServiceIsBackSoonThrough"},
	{"agents: the search for a leader waits for the dead", "raftnode/seek.go", "	go n.whileLeaderless(ctx, alone, cancel)\n", "", "./raftnode", "TestSearchFor"},
	{"agents: drain believes who does not lead", "raftnode/drain.go", "	if r == nil || r.confirms.confirm(c.ctx) != nil {", "	if r != nil && r.confirms.confirm(c.ctx) != nil {", "./raftnode", "TestADrained"},
	{"agents: drain takes silence for nothing", "raftnode/drain.go", "return max(before, 1)", "return before", "./raftnode", "TestADrained"},
	{"forwarding: an idle connection is never taken for dead", "raftnode/patient.go", "	if err := p.SetReadDeadline(time.Now().Add(forwardIdleTimeout)); err != nil {\n", "	if err := p.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {\n", "./raftnode", "ABusy"},
}
