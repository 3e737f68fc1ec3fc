package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// awaitLeader waits until the running nodes that are asked agree on a Raft leader that wanted accepts, and returns it.
func awaitLeader(t *testing.T, g *chaos.Group, asked []*chaos.Node, wanted func(*chaos.Node) bool) (leader *chaos.Node) {
	t.Helper()
	chaos.Until(t, 15*time.Second, "a Raft leader that all agree on", func() error {
		name := ""
		for _, n := range asked {
			l := n.Get("/v1/cluster").Want(t, 200).Body.RaftLeader
			if l == nil || name != "" && l.Name != name {
				return fmt.Errorf("%s says %v, another %q", n.Name, l, name)
			}
			name = l.Name
		}
		for _, n := range g.Nodes {
			if n.Name == name && wanted(n) {
				leader = n
				return nil
			}
		}
		return fmt.Errorf("they say %q", name)
	})
	return leader
}

// TestIsolatedRaftLeaderIsReplacedAndComesBack cuts the Raft leader's links, and heals them.
func TestIsolatedRaftLeaderIsReplacedAndComesBack(t *testing.T) {
	t.Parallel()
	g := chaos.StartLinked(t, 3)
	old := g.Leader()
	term := old.Get("/v1/cluster").Want(t, 200).Body.Term
	held := old.Post("/v1/locks/job", "ttl", "5m", "owner", "me").Want(t, 201).Body
	g.Links.Isolate(old.Name)
	next := awaitLeader(t, g, g.Others(old), func(n *chaos.Node) bool { return n != old })
	if now := next.Get("/v1/cluster").Want(t, 200).Body.Term; now <= term {
		t.Errorf("another Raft leader in term %d, after %d", now, term)
	}
	for _, n := range g.Others(old) {
		wantHolder(t, n, "job", "me", held.Token)
	}
	next.Put("/v1/locks/job", "lease", held.Lease).Want(t, 200)
	old.Get("/readyz", "quorum", "1").Want(t, 503)
	old.Get("/v1/locks/job", "consistency", "local").Want(t, 200)

	g.Links.HealAll()
	awaitLeader(t, g, g.Nodes, func(*chaos.Node) bool { return true })
	old.Put("/v1/locks/job", "lease", held.Lease).Want(t, 200)
	wantHolder(t, old, "job", "me", held.Token)
}

// TestLinksAreDirectedAndKeepWhatIsHeldBack cuts, delays and resets one link at a time. What a follower asks goes over the link
// that it dials.
func TestLinksAreDirectedAndKeepWhatIsHeldBack(t *testing.T) {
	t.Parallel()
	g := chaos.StartLinked(t, 3)
	leader := g.Leader()
	follower, third := g.Others(leader)[0], g.Others(leader)[1]
	stands := func() {
		t.Helper()
		if now := g.Leader(); now != leader {
			t.Fatalf("the Raft leader changed from %s to %s", leader.Name, now.Name)
		}
	}
	timed := func(n *chaos.Node, name string) time.Duration {
		t.Helper()
		a := n.Post("/v1/locks/"+name, "ttl", "5m").Want(t, 201)
		return a.Got.Sub(a.Sent)
	}

	// Between followers there is nothing to lose.
	g.Links.Cut(follower.Name, third.Name)
	g.Links.Cut(third.Name, follower.Name)
	follower.Post("/v1/locks/between", "ttl", "5m").Want(t, 201)
	third.Get("/v1/locks/between").Want(t, 200)
	g.Links.HealAll()

	// What a follower dials carries its requests, what the Raft leader dials carries the log.
	const delay = 300 * time.Millisecond
	g.Links.Delay(follower.Name, leader.Name, delay)
	if took := timed(follower, "delayed"); took < 2*delay {
		t.Errorf("a request and its answer, each delayed by %s, took %s", delay, took)
	}
	if took := timed(third, "not-delayed"); took >= 2*delay {
		t.Errorf("another link's delay of %s showed: %s", delay, took)
	}
	g.Links.Heal(follower.Name, leader.Name)
	stands()

	// A request that is held back is answered when the link is whole again, if that is soon.
	g.Links.Cut(follower.Name, leader.Name)
	late := follower.AskOnceSent("POST", "/v1/locks/late", "ttl", "5m")
	select {
	case early := <-late:
		t.Fatalf("answered over a cut link: %s", early)
	case <-time.After(delay):
	}
	third.Post("/v1/locks/meanwhile", "ttl", "5m").Want(t, 201)
	stands()
	g.Links.Heal(follower.Name, leader.Name)
	(<-late).Want(t, 201)

	g.Links.Reset(follower.Name, leader.Name)
	g.Links.Reset(leader.Name, follower.Name)
	chaos.Until(t, 10*time.Second, "a request over new connections", func() error {
		if a := follower.Post("/v1/locks/reset", "ttl", "5m", "lease", ownLease(1)); a.Status != 201 && a.Status != 200 {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
}
