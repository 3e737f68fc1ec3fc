package chaos_test

import (
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestGroupGrowsFromOneToFiveAndShrinksAgain: a sidecar that began alone takes others in, and lets those go that leave for good.
func TestGroupGrowsFromOneToFiveAndShrinksAgain(t *testing.T) {
	t.Parallel()
	g := chaos.Empty(t)
	first := g.Add("n1", "--cluster-size", "1", "--voters", "5", "--drain-timeout", "1s")
	first.Start()
	first.AwaitReady()
	tr := startTraffic(t, first)
	tr.holdAt(first)
	tr.renewed()
	tr.awaitService(t, settlesWithin)

	joins := append([]string{"--cluster-size", "1", "--cluster-state", "existing", "--voters", "5", "--drain-timeout", "1s", "--ephemeral"}, chaos.Join(first)...)
	add := func(names ...string) {
		t.Helper()
		for _, name := range names {
			g.Add(name, joins...).Start()
		}
		for _, n := range g.Nodes {
			n.AwaitReady()
		}
		tr.circle.know(g.Nodes...)
	}
	add("n2", "n3")
	awaitRoles(t, want{voters: 3}, g.Nodes...)
	tr.holdAt(g.Nodes[1])
	add("n4", "n5")
	awaitRoles(t, want{voters: 5}, g.Nodes...)

	// The Raft leader goes, and a follower at the same time.
	leader := g.Leader()
	if leader == first {
		leader = g.Nodes[1]
	}
	leaving := []*chaos.Node{leader, g.Others(first, leader)[0]}
	stay := g.Others(leaving...)
	tr.circle.know(stay...)
	for _, n := range leaving {
		n.Terminate()
	}
	for _, n := range leaving {
		wantStopped(t, n)
	}
	awaitRoles(t, want{voters: 3}, stay...)

	// And again one may be lost.
	stay[2].Kill()
	tr.awaitService(t, replacedWithin)
	stay[2].Start()
	awaitRoles(t, want{voters: 3}, stay...)
	tr.finish(g, "1 to 3 to 5 to 3 sidecars")
}
