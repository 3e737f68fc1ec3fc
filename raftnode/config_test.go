package raftnode

import (
	"strings"
	"testing"

	"github.com/sidelock/sidelock/lease"
)

// Guard 8: with BatchApplyCh futures that raft had queued are never answered when it shuts down. The other half of the guard, that
// nobody waits on a bare future, is TestCloseNeverHangsWithCallsUnderWay.
func TestRaftIsToldToQueueNothing(t *testing.T) {
	inFakeTime(t, 1, func(w *world) {
		if c := w.leader().up().raftConfig(); c.BatchApplyCh {
			t.Error("raft queues entries beyond what it has taken")
		}
	})
}

func TestEveryTimingFitsItsShortestTTL(t *testing.T) {
	for _, timing := range []Timing{Fast, LAN, WAN} {
		got, err := TimingByName(timing.Name)
		if err != nil || got != timing {
			t.Errorf("%s: %v %v", timing.Name, got, err)
		}
		if timing.MinTTL < 2*timing.Election || timing.LeaderLease > timing.Heartbeat || timing.Election < timing.Heartbeat {
			t.Errorf("%s: %+v", timing.Name, timing)
		}
	}
	if _, err := TimingByName("slow"); err == nil {
		t.Error("an unknown timing was found")
	}
}

func TestImpossibleConfigurationIsRefusedWithAllItsFaults(t *testing.T) {
	err := (&Config{Name: "a\nb", ClusterSize: 3, Timing: WAN, Settings: lease.DefaultSettings()}).check(&Deps{})
	for _, want := range []string{"name", "addresses to join", "logger", "shortest TTL"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing: %v", want, err)
		}
	}
}
