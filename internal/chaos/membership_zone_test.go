package chaos_test

import (
	"fmt"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestLostZoneCostsOneVoter: two sidecars in each of three zones, and a zone is gone, that of the Raft leader. One voter was there, the others are
// a majority, and a spare of a zone that is left votes in its place.
func TestLostZoneCostsOneVoter(t *testing.T) {
	t.Parallel()
	g := chaos.Empty(t)
	zones := map[string][]*chaos.Node{}
	for i, name := range chaos.Numbered("n", 6) {
		zone := string("abc"[i%3])
		zones[zone] = append(zones[zone], g.Add(name))
	}
	for zone, nodes := range zones {
		for _, n := range nodes {
			n.Tell(append(chaos.Join(g.Nodes...), "--cluster-size", "4", "--zone", zone, "--drain-timeout", "1s")...)
			n.Start()
		}
	}
	g.AwaitReady()
	awaitVotersIn(t, g.Nodes[0], map[string]int{"a": 1, "b": 1, "c": 1})
	awaitRoles(t, want{3, 2, 1}, g.Nodes...)
	tr := startTraffic(t, g.Nodes...)
	leader := g.Leader()
	lost := zoneOf(t, leader, leader)
	left := g.Others(zones[lost]...)
	for _, n := range left {
		tr.holdAt(n)
	}
	tr.renewed()
	tr.circle.know(left...)
	for _, n := range zones[lost] {
		n.Kill()
	}
	tr.awaitService(t, settlesWithin)
	chaos.Until(t, settlesWithin, "three voters in the zones that are left", func() error {
		voters, count := votersIn(left[0]), 0
		for _, some := range voters {
			count += some
		}
		if count != 3 || voters[lost] > 0 {
			return fmt.Errorf("voters in the zones: %v, and %s is lost", voters, lost)
		}
		return nil
	})
	for _, n := range zones[lost] {
		n.Start()
	}
	g.AwaitReady()
	awaitVotersIn(t, left[0], map[string]int{"a": 1, "b": 1, "c": 1})
	tr.finish(g, "a zone with the Raft leader was lost, and came back")
}

// awaitVotersIn waits until a node knows of so many healthy voters in each zone.
func awaitVotersIn(t *testing.T, n *chaos.Node, want map[string]int) {
	t.Helper()
	chaos.Until(t, settlesWithin, "voters to be spread", func() error {
		if have := votersIn(n); fmt.Sprint(have) != fmt.Sprint(want) {
			return fmt.Errorf("voters in the zones: %v", have)
		}
		return nil
	})
}

// votersIn counts the healthy voters of each zone.
func votersIn(n *chaos.Node) map[string]int {
	in := map[string]int{}
	for _, m := range n.Members() {
		if m.Role == "voter" && m.Healthy {
			in[m.Zone]++
		}
	}
	return in
}

// zoneOf is the zone of a node, as another knows it.
func zoneOf(t *testing.T, n, of *chaos.Node) string {
	t.Helper()
	for _, m := range n.Members() {
		if m.Name == of.Name {
			return m.Zone
		}
	}
	t.Fatalf("%s is not listed", of.Name)
	return ""
}
