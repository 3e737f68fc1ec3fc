package chaos_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestStoppingSidecarServesItsHoldersAndHandsOver sends SIGTERM to the Raft leader while its clients hold locks: they
// renew and release through it, nobody new comes in there, and the group goes on.
func TestStoppingSidecarServesItsHoldersAndHandsOver(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3, "--drain-timeout", "4s")
	leader := g.Leader()
	other := g.Others(leader)[0]
	held := leader.Post("/v1/locks/kept", "ttl", "5m", "owner", "me").Want(t, 201).Body
	brief := leader.Post("/v1/locks/brief", "ttl", "5m", "owner", "me").Want(t, 201).Body
	termBefore := leader.Get("/v1/cluster").Want(t, 200).Body.Term
	leader.Terminate()
	chaos.Until(t, 10*time.Second, "it to say that it is stopping", func() error {
		if a := leader.Get("/readyz"); a.Body.Code != "draining" {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	leader.Post("/v1/locks/fresh", "ttl", "10s").Want(t, 503, "draining")
	leader.Post("/v1/elections/fresh", "ttl", "10s").Want(t, 503, "draining")
	leader.Post("/v1/leases", "ttl", "10s").Want(t, 503, "draining")
	leader.Get("/livez").Want(t, 200)
	leader.Get("/v1/locks/kept").Want(t, 200)
	leader.Put("/v1/locks/kept", "lease", held.Lease).Want(t, 200)
	leader.Delete("/v1/locks/brief", "lease", brief.Lease).Want(t, 200)
	// Callers of other sidecars are served as ever.
	other.Post("/v1/locks/brief", "ttl", "5m").Want(t, 201)

	if code := leader.Wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if log := leader.Log(); strings.Contains(log, "could not hand Raft leadership over") {
		t.Error("leadership was not handed over")
	}
	next := g.Leader()
	if term := next.Get("/v1/cluster").Want(t, 200).Body.Term; term <= termBefore {
		t.Errorf("term %d, was %d", term, termBefore)
	}
	// Nothing was released that a client holds.
	wantHolder(t, other, "kept", "me", held.Token)
	other.Put("/v1/locks/kept", "lease", held.Lease).Want(t, 200)
}
