package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// endsWithin is how long a sidecar may take to leave for good: its drain timeout, the time for others to take its place, and for the rest.
const endsWithin = 12 * time.Second

// TestAllVotersLeaveAtOnceWhenAsManyFreshOnesAreThere is a Deployment that makes all new replicas before it ends any old one: what is
// held moves to them.
func TestAllVotersLeaveAtOnceWhenAsManyFreshOnesAreThere(t *testing.T) {
	t.Parallel()
	g := chaos.Empty(t)
	list := newList(t)
	args := []string{"--cluster-size", "3", "--ephemeral", "--join", "file:" + list.path, "--drain-timeout", "1s"}
	for _, name := range chaos.Numbered("old-", 3) {
		g.Add(name, args...)
	}
	old := g.Nodes
	list.write(t, old...)
	for _, n := range old {
		n.Start()
	}
	g.AwaitReady()
	tr := startTraffic(t, old...)
	for _, n := range old {
		tr.holdAt(n)
	}
	tr.renewed()
	for _, name := range chaos.Numbered("new-", 3) {
		g.Add(name, args...)
	}
	fresh := g.Others(old...)
	list.write(t, g.Nodes...)
	for _, n := range fresh {
		n.Start()
	}
	for _, n := range fresh {
		n.AwaitReady()
	}
	tr.circle.know(fresh...)
	begun := time.Now()
	for _, n := range old {
		n.Terminate()
	}
	for _, n := range old {
		wantStopped(t, n)
	}
	took := time.Since(begun)
	if took > endsWithin {
		t.Errorf("all left within %s, want %s", took, endsWithin)
	}
	awaitRoles(t, want{voters: 3}, fresh...)
	tr.finish(g, fmt.Sprintf("three fresh sidecars came, then all three old ones left at once within %s", took.Round(100*time.Millisecond)))
}

// TestGroupThatIsScaledToNothingEnds: all of an ephemeral group are stopped at once, and none waits for the others. When there are sidecars again
// they are a new group, whose tokens are greater.
func TestGroupThatIsScaledToNothingEnds(t *testing.T) {
	t.Parallel()
	g := chaos.Empty(t)
	for _, name := range chaos.Numbered("n", 5) {
		g.Add(name)
	}
	for _, n := range g.Nodes {
		n.Tell(append(chaos.Join(g.Nodes...), "--cluster-size", "3", "--ephemeral", "--drain-timeout", "1s")...)
		n.Start()
	}
	g.AwaitReady()
	awaitRoles(t, want{3, 2, 0}, g.Nodes...)
	before := g.Nodes[0].Post("/v1/locks/job", "ttl", "1h").Want(t, 201).Body
	id := g.Nodes[0].Get("/v1/cluster").Want(t, 200).Body.ID
	begun := time.Now()
	for _, n := range g.Nodes {
		n.Terminate()
	}
	for _, n := range g.Nodes {
		wantStopped(t, n)
	}
	took := time.Since(begun)
	t.Logf("five sidecars ended together within %s", took.Round(100*time.Millisecond))
	if took > endsWithin {
		t.Errorf("want %s", endsWithin)
	}
	for _, n := range g.Nodes {
		n.Wipe()
		n.Start()
	}
	g.AwaitReady()
	after := g.Nodes[4].Post("/v1/locks/job", "ttl", "1h").Want(t, 201).Body
	wantRising(t, before.Token, after.Token)
	if now := g.Nodes[0].Get("/v1/cluster").Want(t, 200).Body.ID; now == id {
		t.Errorf("a group with new disks is still %s", id)
	}
}

// TestNameThatIsInUseIsRefused starts a second sidecar of a name. It waits, says why, and is taken in when the first has gone.
func TestNameThatIsInUseIsRefused(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3, "--drain-timeout", "1s")
	all := append([]*chaos.Node{}, g.Nodes...)
	who := []bool{true}
	if *long {
		who = []bool{true, false}
	}
	for _, leads := range who {
		first := g.Leader()
		if !leads {
			first = without(all, first)[0]
		}
		second := g.Add(first.Name, append(chaos.Join(all...), "--cluster-size", "3")...)
		second.Start()
		awaitLog(t, second, "is in use by node")
		second.Get("/readyz").Want(t, 503, "not_ready")
		left := without(all, first)
		awaitRoles(t, want{voters: 3}, all...)
		first.Kill()
		second.AwaitReady()
		all = append(left, second)
		awaitRoles(t, want{voters: 3}, all...)
	}
}

// without is some nodes but one.
func without(nodes []*chaos.Node, but *chaos.Node) (left []*chaos.Node) {
	for _, n := range nodes {
		if n != but {
			left = append(left, n)
		}
	}
	return left
}
