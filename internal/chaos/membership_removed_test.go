package chaos_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestRemovedMemberGoesOnAsAnAgent takes voters out, the Raft leader and, with -long, a follower too, while they run. Each goes on as an agent, without a
// restart and after one, with its disk, and is a member again when one is missing.
func TestRemovedMemberGoesOnAsAnAgent(t *testing.T) {
	t.Parallel()
	g := chaos.Empty(t)
	for _, name := range chaos.Numbered("n", 4) {
		g.Add(name)
	}
	for _, n := range g.Nodes {
		n.Tell(append(chaos.Join(g.Nodes...), "--cluster-size", "3", "--spares", "0", "--drain-timeout", "1s")...)
		n.Start()
	}
	g.AwaitReady()
	full := want{3, 0, 1}
	awaitRoles(t, full, g.Nodes...)
	tr := startTraffic(t, g.Nodes...)
	for _, n := range g.Nodes {
		tr.holdAt(n)
	}
	tr.renewed()
	who := []bool{true}
	if *long {
		who = []bool{false, true}
	}
	for i, leads := range who {
		if i > 0 {
			pause(t.Context(), notAgainFor) // two that were just put out are one too many for four
		}
		out := g.Leader()
		if !leads {
			out = slices.DeleteFunc(withRole(t, g, g.Leader(), "voter"), func(n *chaos.Node) bool { return n == out })[0]
		}
		id := identity(t, g.Leader(), out)
		out.Admin("DELETE", "/v1/cluster/members/"+id).Want(t, 200)
		awaitRoles(t, full, g.Nodes...)
		wantAgent(t, g, out, id)
		stop(t, out)
		out.Start()
		out.AwaitReady()
		awaitRoles(t, full, g.Nodes...)
		wantAgent(t, g, out, id)
		// A member is lost for good, and the one that was put out takes its place.
		lost := slices.DeleteFunc(withRole(t, g, g.Leader(), "voter"), func(n *chaos.Node) bool { return n == g.Leader() })[0]
		lost.Kill()
		lost.Wipe()
		lost.Start()
		lost.AwaitReady()
		awaitRoles(t, full, g.Nodes...)
	}
	tr.finish(g, fmt.Sprintf("%d times a voter put out by an administrator", len(who)))
}

func wantAgent(t *testing.T, g *chaos.Group, n *chaos.Node, id string) {
	t.Helper()
	for _, m := range g.Leader().Members() {
		if m.Address == n.Peer && (m.Role != "agent" || m.ID != id) {
			t.Errorf("%s was put out as %s, and is now %+v", n.Name, id, m)
		}
	}
}
