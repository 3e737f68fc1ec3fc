package chaos_test

import (
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestGroupIsFoundAgainAtOtherAddresses: discovery is only how peers are found. First all stop, and start at new addresses that --join names
// now; then one after the other moves while the rest goes on, and only the file that all read says where to.
func TestGroupIsFoundAgainAtOtherAddresses(t *testing.T) {
	t.Parallel()
	rounds := 1
	if *long {
		rounds = 3
	}
	g := chaos.Start(t, 3, "--drain-timeout", "1s")
	told := tell(t, g.Nodes[0])
	tr := startTraffic(t, g.Nodes...)
	for _, n := range g.Nodes {
		tr.holdAt(n)
	}
	tr.renewed()
	tr.awaitService(t, settlesWithin)

	before := append([]*chaos.Node{}, g.Nodes...)
	for _, n := range before {
		n.Terminate()
	}
	for _, n := range before {
		wantStopped(t, n)
		g.Moved(n)
	}
	tr.circle.know(g.Nodes...)
	for _, n := range g.Nodes {
		n.Tell(append(chaos.Join(g.Nodes...), "--cluster-size", "3", "--drain-timeout", "1s")...)
		n.Start()
	}
	g.AwaitReady()
	awaitRoles(t, want{voters: 3}, g.Nodes...)
	tr.awaitService(t, settlesWithin)

	file := newList(t)
	file.write(t, g.Nodes...)
	for range rounds {
		for i := range g.Nodes {
			n := g.Nodes[i]
			stop(t, n)
			moved := g.Moved(n)
			moved.Tell("--cluster-size", "3", "--join", "file:"+file.path, "--drain-timeout", "1s")
			tr.circle.know(g.Nodes...)
			file.write(t, g.Nodes...)
			moved.Start()
			moved.AwaitReady()
			awaitRoles(t, want{voters: 3}, g.Nodes...)
		}
	}
	// And all at once, with nothing but the file.
	for i := range g.Nodes {
		g.Nodes[i].Kill()
		g.Moved(g.Nodes[i])
	}
	file.write(t, g.Nodes...)
	tr.circle.know(g.Nodes...)
	for _, n := range g.Nodes {
		n.Start()
	}
	g.AwaitReady()
	awaitRoles(t, want{voters: 3}, g.Nodes...)
	tr.awaitService(t, settlesWithin)
	for _, n := range g.Nodes {
		told.wantHeld(t, n)
	}
	tr.finish(g, "three sidecars moved to other addresses, all at once, one by one, and all at once again")
}
