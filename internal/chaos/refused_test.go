package chaos_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// wantLog waits until a node has logged all of the words.
func wantLog(t *testing.T, n *chaos.Node, words ...string) {
	t.Helper()
	chaos.Until(t, 20*time.Second, n.Name+" to log it", func() error {
		log := n.Log()
		for _, w := range words {
			if !strings.Contains(log, w) {
				return fmt.Errorf("%q is not in its log", w)
			}
		}
		return nil
	})
}

func TestLoneGroupRefusesToBecomePartOfALargerOne(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 1)
	n := g.Nodes[0]
	held := n.Post("/v1/locks/mine", "ttl", "1h").Want(t, 201).Body
	n.Kill()
	n.Start("--cluster-size", "3", "--join", n.Peer)
	if code := n.Wait(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	wantLog(t, n, "belongs to a group of one", "or start it with --cluster-size 1 and let the others join it (--cluster-state existing)")
	n.Start()
	n.AwaitReady()
	wantHolder(t, n, "mine", n.Name, held.Token)
}

func TestStopSaysWhatAskedForIt(t *testing.T) {
	t.Parallel()
	n := chaos.Start(t, 1).Nodes[0]
	rival := chaos.Plan(t, 1).Nodes[0]
	rival.Start("--api-addr", n.API)
	if code := rival.Wait(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	wantLog(t, rival, "open the API")
	if log := rival.Log(); strings.Contains(log, "msg=stopping") {
		t.Errorf("it never ran: %s", log)
	}
	n.Terminate()
	n.Wait()
	wantLog(t, n, `msg=stopping why="got SIGTERM"`)
}

func TestSecondProcessOnADirectoryIsRefused(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 1)
	n := g.Nodes[0]
	held := n.Post("/v1/locks/mine", "ttl", "1h").Want(t, 201).Body
	twin := chaos.Plan(t, 1).Nodes[0]
	twin.Start("--data-dir", n.Dir)
	if code := twin.Wait(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	wantLog(t, twin, n.Dir, "another process")
	wantHolder(t, n, "mine", n.Name, held.Token)
}

// TestNodeOfAnotherClusterIsRefused points a member of one group at another group, and a fresh node at both.
func TestNodeOfAnotherClusterIsRefused(t *testing.T) {
	t.Parallel()
	a, b := chaos.Start(t, 1), chaos.Start(t, 1)
	one, other := a.Nodes[0], b.Nodes[0]
	idA := one.Get("/v1/cluster").Want(t, 200).Body.ID
	idB := other.Get("/v1/cluster").Want(t, 200).Body.ID
	if idA == idB {
		t.Fatalf("two clusters of one identity: %s", idA)
	}
	held := other.Post("/v1/locks/ours", "ttl", "1h").Want(t, 201).Body
	one.Kill()
	one.Start("--cluster-size", "1", "--join", other.Peer)
	wantLog(t, other, "another cluster", idA)
	one.AwaitReady()

	fresh := chaos.Plan(t, 1).Nodes[0]
	fresh.Start("--cluster-size", "3", "--join", one.Peer, "--join", other.Peer, "--join", fresh.Peer)
	wantLog(t, fresh, "different groups", idA, idB)
	fresh.Get("/readyz").Want(t, 503, "not_ready")

	for n, id := range map[*chaos.Node]string{one: idA, other: idB} {
		if c := n.Get("/v1/cluster").Want(t, 200); c.Body.ID != id || len(c.Body.Members) != 1 {
			t.Errorf("want cluster %s of one: %s", id, c)
		}
	}
	wantHolder(t, other, "ours", other.Name, held.Token)
	if s := one.Get("/v1/locks/ours").Want(t, 200); s.Body.State != "free" {
		t.Errorf("the lock of another cluster is here: %s", s)
	}
}
