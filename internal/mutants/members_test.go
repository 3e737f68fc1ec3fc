package mutants

// In how the group keeps itself, and whom it keeps out.
var memberBugs = []mutant{
	{"members: changes without a majority", "raftnode/members/decide.go", "	if !g.survives(0, 0) {", "	if false && !g.survives(0, 0) {", "./raftnode/members", "."},
	{"members: the dead are demoted though nobody takes their place", "raftnode/members/decide.go", "g.replaceable(m) && (replaced || g.better(m)):", "g.replaceable(m) && (true || replaced || g.better(m)):", "./raftnode/members", "."},
	{"members: a voter that is silent for a moment is replaced", "raftnode/members/decide.go", "	have, more := g.count(g.kept), g.count(candidate)\n", "	have, more := g.count(good), g.count(candidate)\n", "./raftnode/members", "."},
	{"members: who leaves is let go before its place is taken", "raftnode/members/decide.go", "m.Leaving && m.Healthy && (promoted", "m.Leaving && !m.Healthy && (promoted", "./raftnode/members", "."},
	{"members: even numbers of voters", "raftnode/members/decide.go", "	if n%2 == 0 {\n		n--\n	}\n	return max(n, 1)", "	return max(n, 1)", "./raftnode/members", "."},
	{"members: a spare votes before it has caught up", "raftnode/members/decide.go", "return !m.Voter && m.Stable && able(m)", "return !m.Voter && able(m)", "./raftnode/members", "."},
	{"members: removed before they are demoted", "raftnode/members/decide.go", "		case m.Voter:\n		case m.Leaving", "		case m.Voter && !m.Leaving:\n		case m.Leaving", "./raftnode/members", "."},
	{"members: an agent starts Raft unasked", "raftnode/standing.go", "	case listed && m == nil && !n.leaving.Load():", "	case m == nil && !n.leaving.Load():", "./raftnode", "Sidecar"},
	{"members: a removed member stays", "raftnode/standing.go", "	case !listed && m != nil && n.putOut(m, r):", "	case false && !listed && m != nil && n.putOut(m, r):", "./raftnode", "RemovedMember"},
	{"members: the end before leaving", "raftnode/leave.go", "	if !contains(c, n.id) {\n", "	if true || !contains(c, n.id) {\n", "./raftnode", "Leaving"},
	{"members: a name is everybody's", "raftnode/group.go", "		if l.Name != h.Name || l.ID == h.NodeID {", "		if true || l.Name != h.Name || l.ID == h.NodeID {", "./raftnode", "ANameIs"},
	{"members: an agent clings to a group that is no more", "raftnode/seek.go", "		if slices.Contains(h.Ancestors, mine) {\n			n.clusterReplaced", "		if false && slices.Contains(h.Ancestors, mine) {\n			n.clusterReplaced", "./raftnode", "AnAgentTurnsToItsRecovered"},
	{"members: an agent turns to any group that it hears of", "raftnode/seek.go", "len(others) != 1 || time.Since(s.lastOwn) < orphanAfter {", "len(others) != 1 {", "./raftnode", "AnAgentStays"},
	{"members: the configuration of a snapshot is not learned", "raftnode/configured.go", "		s.known.note(meta.ConfigurationIndex, meta.Configuration)\n", "		_ = meta\n", "./raftnode", "MembersAreReplacedWherever"},

	{"guard 4: a node without its log comes back as itself", "raftnode/store/dir.go", "	case empty && (m.Logged || m.Joined() && m.foundingVoter(d.identity.NodeID)):\n", "	case false && empty && m.Logged:\n", "./raftnode/store", "."},
	{"guard 16: what an installed snapshot made void is kept", "raftnode/store/log.go", "IsMonotonic() bool { return true }", "IsMonotonic() bool { return false }", "./raftnode", "ASnapshotThatIsInstalled"},
	{"guard 16: what an installed snapshot made void is kept over a crash", "raftnode/store/dir.go", "	case d.run.last < snapshot:\n", "	case false && d.run.last < snapshot:\n", "./raftnode/store", "EntriesBelow"},
	{"guard 6: a Raft leader whose disk hangs goes on sending", "raftnode/peer/append.go", "busy && time.Since(since) > StoreStallLimit {", "busy && time.Since(since) > 100*StoreStallLimit {", "./raftnode/peer", "LeaderWithHungDisk|NothingIsSentWhile"},
	{"guard 10: terms go back", "raftnode/store/stable.go", "if err == nil && next < now {", "if err == nil && next < now && now == 0 {", "./raftnode/store", "TermsAndVotes"},
	{"guard 10: a vote is written in two steps", "raftnode/store/stable.go", "		return s.beginVote(val)\n", "		break\n", "./raftnode/store", "WithinAVote|TermsAndVotes"},
	{"guard 13: a silent caller is waited for", "raftnode/peer/port.go", "	ctx, cancel := context.WithTimeout(context.Background(), HelloTimeout)\n", "	ctx, cancel := context.WithTimeout(context.Background(), 1000*HelloTimeout)\n", "./raftnode/peer", "StalledHello|SilentStrangers"},
	{"guard 13: any number of silent callers", "raftnode/peer/port.go", " || p.pending >= p.cfg.MaxPendingHellos {", " {", "./raftnode/peer", "SilentStrangers"},
	{"guard 7: a hand-over that hangs is waited for", "raftnode/monitor.go", "const transferTries = 4\n", "const transferTries = 1 << 30\n", "./raftnode", "HandOverThatHangs"},
	{"guard 15: a disk that went back is believed", "raftnode/peer/life.go", "	case life.Boot < was.Boot, life.Boot == was.Boot && other:\n", "	case false:\n", "./raftnode/peer", "LifeNeverGoesBack"},
	{"guard 15: what a disk has forgotten is believed", "raftnode/peer/life.go", "life.Term < was.Term || life.LastIndex < was.Committed)", "false)", "./raftnode/peer", "LifeNeverGoesBack"},
	{"guard 15: a twin is believed", "raftnode/peer/life.go", "	case other && l.alive(h.NodeID, life.Instance):\n", "	case false && l.alive(h.NodeID, life.Instance):\n", "./raftnode/peer", "SecondOfTwo"},
	{"guard 15: a copy draws to itself what is meant for another", "raftnode/peer/port.go", "h.Kind != KindProbe || h.Target == \"\" && p.isItself(own, h, \"\") {", "true {", "./raftnode/peer", "CopyThatProbes"},
}
