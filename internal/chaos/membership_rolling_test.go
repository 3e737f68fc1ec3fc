package chaos_test

import (
	"fmt"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestRollingRestartLosesNothing stops one sidecar after the other in order, and starts it again on its disk.
func TestRollingRestartLosesNothing(t *testing.T) {
	t.Parallel()
	rounds := 1
	if *long {
		rounds = 4
	}
	g := chaos.Start(t, 3, "--drain-timeout", "1s")
	tr := startTraffic(t, g.Nodes...)
	for _, n := range g.Nodes {
		tr.holdAt(n)
	}
	tr.renewed()
	for range rounds {
		for _, n := range g.Nodes {
			stop(t, n)
			n.Start()
			n.AwaitReady()
			awaitRoles(t, want{voters: 3}, g.Nodes...)
		}
	}
	tr.finish(g, fmt.Sprintf("%d rolling restarts of three", rounds))
}

// TestEverySidecarIsReplacedByAFreshOne as a Deployment does it: a new one is started, with a new name and an empty disk, and when it is ready an
// old one is told to stop. Those of the last release are found by all that are there, as by a headless service.
func TestEverySidecarIsReplacedByAFreshOne(t *testing.T) {
	t.Parallel()
	size, full := 3, want{voters: 3}
	if *long {
		size, full = 7, want{3, 2, 2}
	}
	g := chaos.Empty(t)
	list := newList(t)
	args := []string{"--cluster-size", "3", "--ephemeral", "--join", "file:" + list.path, "--drain-timeout", "1s"}
	for _, name := range chaos.Numbered("old-", size) {
		g.Add(name, args...)
	}
	list.write(t, g.Nodes...)
	for _, n := range g.Nodes {
		n.Start()
	}
	g.AwaitReady()
	awaitRoles(t, full, g.Nodes...)
	now := g.Nodes
	tr := startTraffic(t, now...)
	// One client stays at a sidecar until that stops, one renews anywhere, and one is at each new sidecar from then on.
	tr.holdAt(now[len(now)-1])
	tr.renewed()
	var undisturbed []*steady
	for i := range size {
		fresh := g.Add(fmt.Sprint("new-", i+1), args...)
		list.write(t, append(now, fresh)...)
		fresh.Start()
		fresh.AwaitReady()
		undisturbed = append(undisturbed, tr.holdAt(fresh))
		old := now[0]
		now = append(append([]*chaos.Node{}, now[1:]...), fresh)
		tr.circle.know(now...)
		stop(t, old)
		list.write(t, now...)
		awaitRoles(t, full, now...)
	}
	for _, s := range undisturbed {
		if s.moved > 0 {
			t.Errorf("%s was held at a sidecar that was not stopped, and its stream ended", s.path)
		}
	}
	tr.finish(g, fmt.Sprintf("all %d sidecars replaced by fresh ones", size))
}
