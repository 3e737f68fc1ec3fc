package chaos_test

import (
	"fmt"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestGroupThatIsStoppedAtOnceAndLosesADiskForgetsNothing kills all sidecars of a group at once, takes one's disk away, and starts all again, the one
// without a disk first. Of a group with spares each kind loses its disk once.
func TestGroupThatIsStoppedAtOnceAndLosesADiskForgetsNothing(t *testing.T) {
	t.Parallel()
	size, full, kinds := 3, want{voters: 3}, []string{"leader"}
	if *long {
		size, full, kinds = 5, want{3, 2, 0}, []string{"leader", "voter", "spare", "leader"}
	}
	g := chaos.Empty(t)
	for _, name := range chaos.Numbered("n", size) {
		g.Add(name)
	}
	for _, n := range g.Nodes {
		n.Tell(append(chaos.Join(g.Nodes...), "--cluster-size", "3", "--drain-timeout", "1s")...)
		n.Start()
	}
	g.AwaitReady()
	awaitRoles(t, full, g.Nodes...)
	told := tell(t, g.Nodes[0])
	id := g.Nodes[0].Get("/v1/cluster").Want(t, 200).Body.ID
	tr := startTraffic(t, g.Nodes...)
	tr.holdAt(g.Nodes[0])
	tr.renewed()
	for _, kind := range kinds {
		tr.awaitService(t, settlesWithin)
		lost := g.Leader()
		if kind != "leader" {
			lost = withRole(t, g, g.Leader(), kind)[0]
		}
		for _, n := range g.Nodes {
			n.Kill()
		}
		lost.Wipe()
		lost.Start()
		for _, n := range g.Others(lost) {
			n.Start()
		}
		g.AwaitReady()
		awaitRoles(t, full, g.Nodes...)
		if now := lost.Get("/v1/cluster").Want(t, 200).Body.ID; now != id {
			t.Fatalf("%s without its disk is in cluster %s, was in %s", lost.Name, now, id)
		}
	}
	tr.awaitService(t, settlesWithin)
	for _, n := range g.Nodes {
		told.wantHeld(t, n)
	}
	tr.finish(g, fmt.Sprintf("%d times all %d sidecars killed at once and a disk lost", len(kinds), size))
}
