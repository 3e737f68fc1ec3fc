package raftnode

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidelock/sidelock/internal/sim"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/store"
)

// Raft's first term and its first entry are two writes; a power cut may come between them.
func TestFounderThatLostItsPowerWithinTheFoundingStartsAgain(t *testing.T) {
	root := dataRoot(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(builtAfter.AddDate(0, 1, 0)))
		fatal := func(err error) { t.Errorf("fatal: %v", err) }
		dir, err := store.Open(root, store.Options{Fatal: fatal})
		if err != nil {
			t.Fatal(err)
		}
		if err := dir.SetPromise(store.Promise{Nodes: []string{dir.Identity().NodeID}, Voters: 1}); err != nil {
			t.Fatal(err)
		}
		_, stable, _ := dir.RaftStores()
		if err := stable.SetUint64([]byte(raftTermKey), 1); err != nil {
			t.Fatal(err)
		}
		if err := dir.Close(); err != nil {
			t.Fatal(err)
		}
		net := sim.New()
		defer net.Close()
		n, err := Open(Config{DataDir: root, Name: "n1", PeerAddr: "n1:1", Advertise: "n1:1", ClusterSize: 1, Voters: 1},
			Deps{Logger: (&world{t: t}).logger(), Recorder: noRecorder{}, Clock: fakeClock{}, Network: net.Host("n1"), Fatal: fatal})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if out, err := n.Do(context.Background(), lockCommand("a", "first", time.Minute, 1)); err != nil || out.Standing != lease.Holding {
			t.Errorf("%v %v: %s", out.Standing, err, n.Status().NotReady)
		}
		if err := n.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// fakeClock goes with the bubble's time.
type fakeClock struct{}

var _ Clock = fakeClock{}

func (fakeClock) Steady() time.Duration { return time.Since(builtAfter) }
func (fakeClock) Boot() time.Duration   { return time.Since(builtAfter) }
