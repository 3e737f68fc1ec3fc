package chaos_test

import (
	"fmt"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// remembered is what a group is told before all its processes die.
type remembered struct {
	lock, election, explicit chaos.Body
	inLease, released        chaos.Body
	shared                   []chaos.Body
	highest                  uint64
}

func tell(t *testing.T, n *chaos.Node) remembered {
	t.Helper()
	r := remembered{
		lock:     n.Post("/v1/locks/long", "ttl", "1h", "owner", "me", "metadata.build", "417").Want(t, 201).Body,
		election: n.Post("/v1/elections/chief", "ttl", "1h", "owner", "me", "value", "10.0.0.7:80").Want(t, 201).Body,
		explicit: n.Post("/v1/leases", "ttl", "1h").Want(t, 201).Body,
	}
	r.inLease = n.Post("/v1/locks/of-a-lease", "lease", r.explicit.Lease).Want(t, 201).Body
	for range 2 {
		r.shared = append(r.shared, n.Post("/v1/locks/readers", "ttl", "1h", "mode", "shared").Want(t, 201).Body)
	}
	r.released = n.Post("/v1/locks/done", "ttl", "1h").Want(t, 201).Body
	n.Delete("/v1/locks/done", "lease", r.released.Lease).Want(t, 200)
	r.highest = r.released.Token
	return r
}

func (r remembered) want(t *testing.T, n *chaos.Node) {
	t.Helper()
	r.wantHeld(t, n)
	n.Delete("/v1/locks/done", "lease", r.released.Lease).Want(t, 200)
	n.Put("/v1/locks/done", "lease", r.released.Lease).Want(t, 410, "lease_expired")
	again := n.Post("/v1/locks/done", "ttl", "1h").Want(t, 201).Body
	wantRising(t, r.highest, again.Token)
	n.Delete("/v1/locks/done", "lease", again.Lease).Want(t, 200)
}

// wantHeld checks what is held. (That a lease was released is remembered for a minute alone.)
func (r remembered) wantHeld(t *testing.T, n *chaos.Node) {
	t.Helper()
	wantHolder(t, n, "long", "me", r.lock.Token)
	n.Post("/v1/locks/long", "ttl", "1h").Want(t, 423, "lock_held")
	if a := n.Put("/v1/locks/long", "lease", r.lock.Lease).Want(t, 200); a.Body.Token != r.lock.Token {
		t.Errorf("want token %d: %s", r.lock.Token, a)
	}
	if a := n.Get("/v1/elections/chief").Want(t, 200); a.Body.Leader == nil || a.Body.Leader.Value != "10.0.0.7:80" || a.Body.Leader.Token != r.election.Token {
		t.Errorf("the election's leader is not who it was: %s", a)
	}
	n.Put("/v1/elections/chief", "lease", r.election.Lease).Want(t, 200)
	if a := n.Put("/v1/leases/"+r.explicit.Lease).Want(t, 200); len(a.Body.Locks) != 1 || a.Body.Locks[0].Token != r.inLease.Token {
		t.Errorf("the lease does not hold what it held: %s", a)
	}
	if a := n.Get("/v1/locks/readers").Want(t, 200); len(a.Body.Holders) != 2 {
		t.Errorf("want two readers: %s", a)
	}
}

func TestGroupKilledAtOnceForgetsNothing(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	told := tell(t, g.Nodes[1])
	id := g.Nodes[0].Get("/v1/cluster").Want(t, 200).Body.ID
	for range 2 {
		for _, n := range g.Nodes {
			n.Kill()
		}
		for _, n := range g.Nodes {
			n.Start()
		}
		g.AwaitReady()
		for _, n := range g.Nodes {
			told.want(t, n)
		}
	}
	if now := g.Nodes[0].Get("/v1/cluster").Want(t, 200).Body.ID; now != id {
		t.Errorf("the cluster's identity changed from %s to %s", id, now)
	}
}

func TestGroupOfOneKilledForgetsNothing(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 1)
	n := g.Nodes[0]
	told := tell(t, n)
	for range 3 {
		n.Kill()
		n.Start()
		n.AwaitReady()
		told.want(t, n)
	}
}

// TestFollowerThatWasAwayCatchesUp kills a follower, goes on without it, and reads what it missed from its own replica.
func TestFollowerThatWasAwayCatchesUp(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	leader := g.Leader()
	away := g.Others(leader)[0]
	away.Kill()
	var last chaos.Answer
	for i := range 50 {
		last = leader.Post(fmt.Sprintf("/v1/locks/missed-%d", i), "ttl", "1h", "owner", "me").Want(t, 201)
	}
	away.Start()
	away.AwaitReady()
	local := away.Get("/v1/locks/missed-49", "consistency", "local").Want(t, 200)
	if h := local.Body.Holders; len(h) != 1 || h[0].Token != last.Body.Token || local.Index() < last.Index() {
		t.Errorf("ready, but its replica lacks what was written before: %s", local)
	}
}
