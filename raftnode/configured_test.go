package raftnode

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// lead makes a voter Raft leader.
func (w *world) lead(h *host) {
	w.t.Helper()
	id := h.up().id
	w.eventually(20*time.Second, h.name+" leads", func() bool {
		l := w.leader()
		if l == nil || l == h {
			return l == h
		}
		_ = l.up().asMember().raft.LeadershipTransferToServer(id, raft.ServerAddress(id)).Error()
		return false
	})
}

// fill writes enough for snapshots, so that logs lose their beginning, and waits for these.
func (w *world) fill(from int) {
	w.t.Helper()
	for i := range 60 {
		who := fmt.Sprintf("who%d", from+i)
		w.mustHold(w.leader(), lockCommand(who, who, time.Hour, 1))
	}
	w.sleep(3 * time.Second)
}

// TestMembersAreReplacedWhereverTheLogBegins: the Raft leader changes the members only once it knows that the last configuration is
// committed. It knows it from a snapshot of its own, from one that was sent to it, and from a recovery.
func TestMembersAreReplacedWhereverTheLogBegins(t *testing.T) {
	inFakeTime(t, 4, func(w *world) {
		w.settled(20*time.Second, 3, 0, 1)
		w.fill(0)
		for _, h := range w.hosts {
			h.crash()
		}
		for _, h := range w.hosts {
			h.start()
		}
		w.ready()
		for _, h := range w.hosts {
			if m := h.up().asMember(); m != nil {
				if _, index := m.configuration(); index == pending {
					t.Errorf("%s, started from a snapshot, does not know that its configuration is committed", h.name)
				}
			}
		}
		w.settled(20*time.Second, 3, 0, 1)
		fresh, dead := w.with(Agent), w.with(Voter)
		dead.crash()
		w.settled(20*time.Second, 3, 0, 0)

		logs, _, _ := fresh.up().dir.RaftStores()
		if first, err := logs.FirstIndex(); err != nil || first < 10 {
			t.Fatalf("the log of the new member begins at %d (%v): it was sent no snapshot", first, err)
		}
		dead.start()
		w.settled(20*time.Second, 3, 0, 1)
		w.lead(fresh)
		dead = w.with(Voter)
		dead.crash()
		w.settled(20*time.Second, 3, 0, 0)

		survivor := w.leader()
		w.fill(60)
		for _, h := range w.hosts {
			h.crash()
		}
		survivor.recover()
		for _, h := range w.hosts {
			if h != survivor {
				h.dir = filepath.Join(w.root, h.name+"-after")
			}
			h.start()
		}
		w.settled(30*time.Second, 3, 0, 1)
	}, crew(0), func(w *world) { w.tune = small })
}
