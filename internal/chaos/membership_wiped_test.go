package chaos_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestSpareTakesThePlaceOfEachWipedVoter kills and wipes one voter after the other. A spare votes in its place within the time that is
// promised; the one that was wiped comes back under its name as a new member, and what it was before is gone from the list.
func TestSpareTakesThePlaceOfEachWipedVoter(t *testing.T) {
	t.Parallel()
	size, full := 4, want{voters: 3, spares: 1}
	if *long {
		size, full = 5, want{voters: 3, spares: 2}
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
	tr := startTraffic(t, g.Nodes...)
	for _, n := range g.Nodes {
		tr.holdAt(n)
	}
	tr.renewed()

	voters := withRole(t, g, g.Leader(), "voter")
	if !*long { // a follower and the Raft leader
		leader := g.Leader()
		voters = []*chaos.Node{slices.DeleteFunc(voters, func(n *chaos.Node) bool { return n == leader })[0], leader}
	}
	var slowest time.Duration
	for i, lost := range voters {
		old := identity(t, g.Leader(), lost)
		lost.Kill()
		at := time.Now()
		lost.Wipe()
		if i%2 == 1 { // back at once, as a container is that lost its disk
			lost.Start()
		}
		chaos.Until(t, 2*replacedWithin, "a spare to vote in place of "+lost.Name, func() error {
			voters := slices.DeleteFunc(g.Leader().Members(), func(m chaos.Member) bool { return m.Role != "voter" })
			if len(voters) != 3 || slices.ContainsFunc(voters, func(m chaos.Member) bool { return !m.Healthy || m.ID == old }) {
				return fmt.Errorf("%+v", voters)
			}
			return nil
		})
		took := time.Since(at)
		if slowest = max(slowest, took); took > replacedWithin {
			t.Errorf("%s was replaced after %s, promised are %s", lost.Name, took, replacedWithin)
		}
		t.Logf("%s was replaced after %s", lost.Name, took.Round(10*time.Millisecond))
		tr.awaitService(t, replacedWithin)
		if i%2 == 0 {
			lost.Start()
		}
		lost.AwaitReady()
		awaitRoles(t, full, g.Nodes...) // with one of each name: what it was before is gone
		if now := identity(t, g.Leader(), lost); now == old {
			t.Errorf("%s is still %s after its disk was lost", lost.Name, old)
		}
	}
	tr.finish(g, fmt.Sprintf("%d voters killed and wiped, replaced within %s", len(voters), slowest.Round(100*time.Millisecond)))
}

// identity is the ID under which a sidecar lists another.
func identity(t *testing.T, asked, of *chaos.Node) string {
	t.Helper()
	for _, m := range asked.Members() {
		if m.Address == of.Peer {
			return m.ID
		}
	}
	t.Fatalf("%s does not list %s at %s: %v", asked.Name, of.Name, of.Peer, asked.Members())
	return ""
}
