package raftnode

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
)

// Guard 7: raft that hands leadership over to a follower out of reach goes on leading, and refuses every entry, for as long as that
// follower is away. (It leaves goroutines behind that never end, so this is no test for fake time.)
func TestAHandOverThatHangsDoesNotStopTheGroup(t *testing.T) {
	inRealTime(t, 3, func(w *world) {
		w.settled(20*time.Second, 3, 0, 0)
		leader, target := w.leader(), w.follower()
		w.isolate(target)
		if _, err := leader.up().Do(within(5*time.Second), lockCommand("a", "first", time.Minute, 1)); err != nil {
			t.Fatal(err)
		}
		m := leader.up().asMember()
		id := target.up().id
		for range 2 { // the first leaves a request behind that nobody reads, and the second waits behind it
			if err := m.raft.LeadershipTransferToServer(id, raft.ServerAddress(id)).Error(); err == nil {
				t.Fatal("leadership went to a node that is out of reach")
			}
			w.sleep(time.Second)
		}
		out, err := leader.up().Do(within(15*time.Second), lockCommand("b", "second", time.Minute, 1))
		if err != nil || out.Code != lease.OK {
			t.Errorf("after a hand-over that hangs: %v %v", out.Code, err)
		}
	}, crew(0))
}
