package chaos_test

import (
	"fmt"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestQuorumIsLostAndRecovered: two of three are lost, with grants that the third has never heard of. It is recovered; what it knew is held as before,
// new tokens are above all old ones, and fresh sidecars join it. The lost ones turn up again, together: they are refused, and told what to do.
func TestQuorumIsLostAndRecovered(t *testing.T) {
	t.Parallel()
	eachRole(t, func(t testing.TB) *chaos.Group { t.Helper(); return chaos.Start(t, 3, "--drain-timeout", "500ms") },
		func(t *testing.T, g *chaos.Group, survivor *chaos.Node) {
			lost := g.Others(survivor)
			kept := survivor.Post("/v1/locks/kept", "ttl", "5m").Want(t, 201).Body
			survivor.Kill()
			greatest := kept.Token
			for i := range 20 {
				chaos.Until(t, settlesWithin, "a grant that the survivor has not heard of", func() error {
					a := lost[0].Post(fmt.Sprint("/v1/locks/unheard-", i), "ttl", "5m")
					if a.Status != 201 {
						return fmt.Errorf("%s", a)
					}
					greatest = max(greatest, a.Body.Token)
					return nil
				})
			}
			for _, n := range lost {
				n.Kill()
			}

			r := survivor.Run("recover", "--yes", "--data-dir", survivor.Dir)
			if r.Code != 0 {
				t.Fatalf("recover ended with %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
			}
			survivor.Start()
			survivor.AwaitReady()
			wantHolder(t, survivor, "kept", kept.Owner, kept.Token)
			if next := survivor.Post("/v1/locks/next", "ttl", "5m").Want(t, 201).Body; next.Token <= greatest {
				t.Errorf("token %d after %d", next.Token, greatest)
			}

			for _, n := range lost {
				n.Start()
			}
			for _, n := range lost {
				wantRefusedDirectory(t, n, "was replaced by cluster")
				n.Wipe()
			}
			for _, n := range lost {
				n.Start()
			}
			awaitRoles(t, want{voters: 3}, g.Nodes...)
			for _, n := range g.Nodes {
				wantHolder(t, n, "kept", kept.Owner, kept.Token)
			}
		})
}
