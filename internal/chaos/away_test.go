package chaos_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// A replica takes a snapshot when it has written so many entries since the last one, and looks after that every 10 to 20 s.
const (
	entriesPerSnapshot = 8192
	manyEvents         = 1 << 14 // and still fewer than a sidecar remembers
)

// flood writes more log entries than lie between snapshots, and many events. Each of four explicit leases campaigns
// for many names, so that each name has a leader and a line; then they end.
func flood(t *testing.T, n *chaos.Node) {
	t.Helper()
	var leases []string
	for range 4 {
		leases = append(leases, n.Post("/v1/leases", "ttl", "1h").Want(t, 201).Body.Lease)
	}
	applied := func() uint64 { return n.Get("/v1/cluster").Want(t, 200).Body.Applied }
	enough := applied() + entriesPerSnapshot + 50
	var work sync.WaitGroup
	var next atomic.Int64
	for range 2 { // more at a time would share entries
		work.Go(func() {
			for i := next.Add(1) - 1; ; i = next.Add(1) - 1 {
				if i%50 == 0 && applied() > enough || t.Failed() {
					return
				}
				n.Post(fmt.Sprintf("/v1/elections/flood-%d", i/4), "lease", leases[i%4]).Want(t, 201)
			}
		})
	}
	work.Wait()
	for _, l := range leases {
		n.Delete("/v1/leases/"+l).Want(t, 200)
	}
	// Each campaign is an event, and each end of a lease two for every name, but the last.
	if events := next.Load() / 4 * 11; events <= manyEvents {
		t.Fatalf("only %d events", events)
	}
}

// inMemory is a directory that costs no disk to sync, where the system has such a place: thousands of entries take their time
// otherwise.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "chaos-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// snapshots counts those in a node's data directory that are complete.
func snapshots(t *testing.T, n *chaos.Node) (count int) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(n.Dir, "snapshots", "*", "meta.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, meta := range all {
		if filepath.Ext(filepath.Dir(meta)) != ".tmp" {
			count++
		}
	}
	return count
}

// TestWatchersOfASidecarThatWasAwayAreSentTheStateAgain: it had a snapshot installed, and does not know what happened between. Others see
// every event, also one that was away itself while many happened.
func TestWatchersOfASidecarThatWasAwayAreSentTheStateAgain(t *testing.T) {
	t.Parallel()
	memory := inMemory(t) // before the group: it is removed after its end
	g := chaos.PlanLinked(t, 3)
	for _, n := range g.Nodes {
		n.Dir = filepath.Join(memory, n.Name)
		n.Start("--data-dir", n.Dir)
	}
	g.AwaitReady()
	leader := g.Leader()
	cut, third := g.Others(leader)[0], g.Others(leader)[1]
	at := map[*chaos.Node]int{}
	for i, n := range g.Nodes {
		at[n] = i
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	steady := newWatcher(g, "steady", at[third], "kind", "lock")
	beneath := newWatcher(g, "at the sidecar that is cut off", at[cut], "kind", "lock")
	steady.stays, beneath.stays = true, true

	locks := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			a := leader.Post(fmt.Sprint("/v1/locks/l", i), "ttl", "1h", "owner", "me").Want(t, 201)
			if i%2 == 0 {
				leader.Delete(fmt.Sprint("/v1/locks/l", i), "lease", a.Body.Lease).Want(t, 200)
			}
		}
	}
	all := []*watcher{steady, beneath}
	watched := watchAll(ctx, all)
	locks(0, 10)
	finish(t, g, all, "first-mark")
	// This one is there for a while, and comes back at the end.
	away, elsewhere := newWatcher(g, "away", at[third], "kind", "lock"), newWatcher(g, "away, and then at the sidecar that was cut off", at[cut], "kind", "lock")
	for _, w := range []*watcher{away, elsewhere} {
		w.stays = true
		visit, leave := context.WithCancel(ctx)
		seen := w.sees("l10")
		go w.run(visit)
		chaos.Until(t, 10*time.Second, "the state", func() error {
			if w.position() == "" {
				return fmt.Errorf("%s has seen nothing", w.name)
			}
			return nil
		})
		if w == elsewhere {
			locks(10, 11)
			<-seen
		}
		leave()
		<-w.over
		w.over = make(chan struct{})
	}

	g.Links.Isolate(cut.Name)
	leader = awaitLeader(t, g, g.Others(cut), func(n *chaos.Node) bool { return n != cut })
	had := snapshots(t, leader)
	flood(t, leader)
	locks(20, 30)
	chaos.Until(t, 60*time.Second, "the Raft leader to take a snapshot", func() error {
		if snapshots(t, leader) == had {
			return fmt.Errorf("none new")
		}
		return nil
	})
	locks(30, 40)
	g.Links.HealAll()
	both := append(all, away, elsewhere)
	go away.run(ctx)
	chaos.Until(t, 20*time.Second, "the sidecar that was cut off to catch up", func() error {
		if a := cut.Get("/v1/locks/l39", "consistency", "local"); len(a.Body.Holders) != 1 {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	go elsewhere.run(ctx)
	finish(t, g, both, "last-mark")
	cancel()
	watched()
	<-away.over
	<-elsewhere.over

	compare(t, both)
	for _, w := range []*watcher{steady, away} {
		if len(w.told) != 1 {
			t.Errorf("%s was sent the state %d times", w.name, len(w.told))
		}
	}
	for _, w := range []*watcher{beneath, elsewhere} {
		if len(w.told) != 2 {
			t.Errorf("%s was sent the state %d times, want 2: before and after", w.name, len(w.told))
		}
	}
	if snapshots(t, cut) == 0 {
		t.Error("no snapshot was installed")
	}
}
