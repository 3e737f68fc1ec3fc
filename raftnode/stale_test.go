package raftnode

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// Guard 16: a Raft leader that is cut off keeps entries that are never committed. When it comes back to a group that has gone on, and whose log has lost
// that part, it is sent a snapshot; raft leaves those entries below it where the store does not say otherwise, and sends them on to
// new members when it leads again.
func TestASnapshotThatIsInstalledVoidsTheWholeLog(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		w.ready()
		w.mustHold(w.leader(), lockCommand("before", "before", time.Hour, 1))
		old := w.leader()
		w.isolate(old)
		if out, err := old.up().Do(within(100*time.Millisecond), lockCommand("never", "never", time.Hour, 1)); err == nil {
			t.Fatalf("granted without a majority: %+v", out)
		}
		stale, term := old.up().asMember().raft.LastIndex(), old.up().asMember().raft.CurrentTerm()
		w.newLeader(old)
		w.fill(0)
		w.net.HealAll()
		w.sameEverywhere()

		logs, _, _ := old.up().dir.RaftStores()
		var entry raft.Log
		if err := logs.GetLog(stale, &entry); err == nil && entry.Term == term {
			t.Errorf("entry %d of term %d, which was never committed, is in the log still", stale, term)
		}
		if first, err := logs.FirstIndex(); err != nil || first != 0 && first <= stale {
			t.Errorf("the log begins at %d (%v), and up to %d it is void", first, err, stale)
		}
		w.lead(old)
		w.mustHold(old, lockCommand("after", "after", time.Hour, 1))
		w.sameEverywhere()
	}, func(w *world) { w.tune = small })
}
