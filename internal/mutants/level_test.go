package mutants

// In the feature level. What only a release above level 1 can show is looked for in that one.
var levelBugs = []mutant{
	{"level: raised before all understand it", "raftnode/level.go", "next <= most && next <= understood", "next <= most", "./raftnode", "Level"},
	{"level: raised above this build", "raftnode/level.go", "next <= most && next <= understood", "next <= understood", "./raftnode", "Level"},
	{"level: raised at once", "raftnode/level.go", "now-l.since < levelStable || ", "", "./raftnode", "Level"},
	{"level: an older sidecar that comes back is overlooked", "raftnode/level.go", "		l.next = 0\n", "", "./raftnode", "Level"},
	{"level: asked for again and again", "raftnode/level.go", "!l.asked.CompareAndSwap(false, true)", "l.asked.Swap(true) && false", "./raftnode", "Level"},
	{"level: never asked for again", "raftnode/level.go", "		defer l.asked.Store(false)\n", "", "./raftnode", "Level"},
	{"level: a peer below is let in", "raftnode/level.go", "understands(h.About) >= groupLevel {", "understands(h.About)+1 >= groupLevel {", "./raftnode", "Level"},
	{"level: an older snapshot will do", "raftnode/level.go", "snapshots.Open(list[0].ID)", "snapshots.Open(list[len(list)-1].ID)", "./raftnode", "Level"},
	{"level: the log is not looked into", "raftnode/level.go", "lease.DecodeEntry(l.Data); errors.Is(err, lease.ErrNewer) {", "lease.DecodeEntry(l.Data); false && errors.Is(err, lease.ErrNewer) {", "./raftnode", "Level"},
	{"level: raft may try an older snapshot", "raftnode/fsm.go", "		m.giveUp(fmt.Errorf(\"the snapshot cannot be used: %w\", err))\n		return *m.broken.Load()\n", "		return err\n", "./raftnode", "Level"},
	{"level: a command above it is proposed", "raftnode/do.go", "	return n.offLevel(op)\n", "	return nil\n", "-tags sidelock_next ./raftnode", "RisesTogether"},

	{"level: not in the snapshot", "lease/snapshot.go", "	if level == 1 {\n		return formatOne", "	if level >= 1 {\n		return formatOne", "-tags sidelock_next ./lease", "."},
	{"level: lost when the head is read", "lease/restore.go", "settings: *d.settings(), level: h.level,", "settings: *d.settings(), level: 1 + 0*h.level,", "-tags sidelock_next ./lease", "."},
	{"level: falls", "lease/level.go", "c.Level != s.level+1 ||", "c.Level > s.level+1 ||", "./lease", "."},
	{"level: an unknown command is ignored", "lease/codec_entry.go", "f&^allFields != 0 || OpLevel(c.Op) == 0)", "f&^allFields != 0)", "./lease", "."},
	{"level: an unknown field is ignored", "lease/codec_entry.go", "f&^allFields != 0 || OpLevel(c.Op) == 0)", "OpLevel(c.Op) == 0)", "./lease", "."},
	{"level: a raise above this build is read", "lease/codec_entry.go", "	if c.Op == OpRaiseLevel && c.Level > MaxLevel {", "	if false && c.Op == OpRaiseLevel && c.Level > MaxLevel {", "./lease", "."},
	{"level: a snapshot above this build is called corrupt", "lease/restore.go", "		d.fail(&LevelError{Group: level})\n", "		d.fail(ErrCorrupt)\n", "./lease", "."},
	{"level: a command runs below its own", "lease/apply.go", "needs > s.level {", "needs > s.level+1 {", "-tags sidelock_next ./lease", "."},
	{"level: what a level keeps is not in the snapshot", "lease/snapshot.go", "	s.addedRecords(put)\n", "", "-tags sidelock_next ./lease", "."},
	{"level: level 1 is another in the next release", "lease/level.go", "a.level <= s.level {\n			put(", "a.level <= s.level+1 {\n			put(", "-tags sidelock_next ./lease", "EveryBuild"},
}
