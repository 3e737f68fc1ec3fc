package chaos_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

func TestReadinessFollowsTheGroupAndLivenessDoesNot(t *testing.T) {
	t.Parallel()
	g := chaos.Plan(t, 3)
	first := g.Nodes[0]
	first.Start()
	chaos.Until(t, 20*time.Second, "the API to be open", func() error { return first.Get("/livez").Err })

	// Alone it waits for the others: alive, not ready, and it takes nothing on.
	first.Get("/livez").Want(t, 200)
	first.Head("/livez").Want(t, 200)
	first.Get("/readyz").Want(t, 503, "not_ready")
	first.Get("/readyz", "quorum", "1").Want(t, 503, "not_ready")
	first.Post("/v1/locks/early", "ttl", "10s").Want(t, 503, "not_ready")
	first.Get("/v1/locks/early").Want(t, 503, "not_ready")
	first.Get("/v1/locks/early", "consistency", "local").Want(t, 503, "not_ready")
	first.Get("/v1/cluster").Want(t, 200)

	g.Nodes[1].Start()
	g.Nodes[2].Start()
	g.AwaitReady()
	for _, n := range g.Nodes {
		n.Get("/readyz").Want(t, 200)
		n.Head("/readyz").Want(t, 200)
		chaos.Until(t, 10*time.Second, "the quorum probe", func() error {
			if a := n.Get("/readyz", "quorum", "1"); a.Status != 200 {
				return fmt.Errorf("%s", a)
			}
			return nil
		})
	}
	held := first.Post("/v1/locks/kept", "ttl", "1h", "owner", "me").Want(t, 201)
	chaos.Until(t, 10*time.Second, "the grant on the first node's replica", func() error {
		if a := first.Get("/v1/locks/kept", "consistency", "local").Want(t, 200); a.Index() < held.Index() {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	for _, n := range g.Others(first) {
		n.Kill()
	}
	wantMinority(t, first, held)

	// A majority again, and all is as it was.
	g.Nodes[1].Start()
	chaos.Until(t, 20*time.Second, "a majority", func() error {
		if a := first.Get("/readyz", "quorum", "1"); a.Status != 200 {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	wantHolder(t, first, "kept", "me", held.Body.Token)
	first.Put("/v1/locks/kept", "lease", held.Body.Lease).Want(t, 200)
}

// wantMinority checks the one node that is left of three: it writes nothing and says so in time, reads its replica only
// when asked to, and stays ready, so that an application keeps its traffic.
func wantMinority(t *testing.T, n *chaos.Node, held chaos.Answer) {
	t.Helper()
	const inTime = 8 * time.Second // 5 s by contract, and a busy machine
	last := int64(-1)
	for i, call := range []func() chaos.Answer{
		func() chaos.Answer { return n.Post("/v1/locks/none", "ttl", "10s") },
		func() chaos.Answer { return n.Put("/v1/locks/kept", "lease", held.Body.Lease) },
		func() chaos.Answer { return n.Get("/v1/locks/kept") },
	} {
		a := call()
		write := i < 2
		if a.Status != 503 && !(write && a.Status == 504) {
			t.Errorf("without a majority: %s", a)
		}
		if took := a.Got.Sub(a.Sent); took > inTime {
			t.Errorf("said so after %s: %s", took, a)
		}
		if a.Status == 504 && a.Body.Lease == "" {
			t.Errorf("an unknown outcome without the lease to repeat with: %s", a)
		}
		local := n.Get("/v1/locks/kept", "consistency", "local").Want(t, 200)
		if h := local.Body.Holders; len(h) != 1 || h[0].Token != held.Body.Token {
			t.Errorf("the replica has it otherwise: %s", local)
		}
		age, err := strconv.ParseInt(local.Header.Get("Sidelock-Staleness-Ms"), 10, 64)
		if err != nil || age <= last {
			t.Errorf("its age must grow, and was %d ms before: %v %s", last, local.Header, local)
		}
		last = age
		n.Get("/readyz").Want(t, 200)
	}
	if last < 1000 {
		t.Errorf("a replica cut off for seconds says that it is %d ms old", last)
	}
	n.Get("/livez").Want(t, 200)
	if a := n.Get("/readyz", "quorum", "1"); a.Status != 503 {
		t.Errorf("there is no quorum: %s", a)
	}
}
