package chaos_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// awaitLog waits until the log of a node has a text.
func awaitLog(t *testing.T, n *chaos.Node, text string) {
	t.Helper()
	chaos.Until(t, settlesWithin, fmt.Sprintf("%s to say %q", n.Name, text), func() error {
		if !strings.Contains(n.Log(), text) {
			return fmt.Errorf("it has not")
		}
		return nil
	})
}

// awaitRefusal waits until a twin says that it is not let in: another is alive, or, told so first, that its disk went back. That ends it.
func awaitRefusal(t *testing.T, twin *chaos.Node) {
	t.Helper()
	chaos.Until(t, settlesWithin, "the twin to say that it is refused", func() error {
		if log := twin.Log(); !strings.Contains(log, "another process with the identity") && !strings.Contains(log, "has been further than its disk is now") {
			return fmt.Errorf("it has not")
		}
		return nil
	})
}

// wantRefusedDirectory checks that a node ends by itself and says why.
func wantRefusedDirectory(t *testing.T, n *chaos.Node, why string) {
	t.Helper()
	if code := n.Wait(); code != 1 {
		t.Errorf("%s ended with %d, want 1", n.Name, code)
	}
	if !strings.Contains(n.Log(), why) {
		t.Errorf("the log of %s does not say %q", n.Name, why)
	}
}

// TestTwinOfALivingSidecarIsRefused starts a copy of each sidecar's data while the original runs. The copy is refused and says so, the original is
// not disturbed, also when another leads later: what a peer was told by a twin must not count against the original.
func TestTwinOfALivingSidecarIsRefused(t *testing.T) {
	t.Parallel()
	eachRole(t, func(t testing.TB) *chaos.Group { t.Helper(); return chaos.Start(t, 3, "--drain-timeout", "1s") },
		func(t *testing.T, g *chaos.Group, original *chaos.Node) {
			all := slices.Clone(g.Nodes)
			tr := startTraffic(t, all...)
			for _, n := range all {
				tr.holdAt(n)
			}
			tr.renewed()
			twin := g.Add(original.Name, append(chaos.Join(all...), "--cluster-size", "3")...)
			original.Pause()
			original.CopyTo(twin.Dir)
			original.Resume()
			tr.awaitService(t, settlesWithin)
			twin.Start()
			awaitRefusal(t, twin)
			awaitRoles(t, want{voters: 3}, all...)

			// Each of the others leads once, with the twin there.
			for range all {
				if leader := g.Leader(); leader != original {
					stop(t, leader)
					leader.Start()
					leader.AwaitReady()
					awaitRoles(t, want{voters: 3}, all...)
				}
			}
			if !original.Running() {
				t.Errorf("the original has ended")
			}
			if twin.Running() {
				if a := twin.Get("/readyz"); a.Status == 200 {
					t.Errorf("the twin is ready: %s", a)
				}
			}

			// Nor may the twin take the original's place when that has stopped: it has forgotten what the original acknowledged.
			stop(t, original)
			wantRefusedDirectory(t, twin, "rolled back")
			original.Start()
			original.AwaitReady()
			awaitRoles(t, want{voters: 3}, all...)
			tr.finish(g, "a twin of a sidecar")
		})
}

// TestDirectoryThatWasRolledBackIsRefused stops a sidecar, puts back what its directory was before, and starts it: the others refuse
// it, and it ends with the reason and the way out.
func TestDirectoryThatWasRolledBackIsRefused(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3, "--drain-timeout", "1s")
	tr := startTraffic(t, g.Nodes...)
	tr.holdAt(g.Nodes[0])
	tr.renewed()
	nodes := slices.Clone(g.Nodes)
	if !*long {
		nodes = nodes[:2]
	}
	for i, n := range nodes {
		backup := filepath.Join(t.TempDir(), "backup")
		stop(t, n)
		n.CopyTo(backup)
		for range i { // it runs on more and more often
			n.Start()
			n.AwaitReady()
			tr.awaitService(t, settlesWithin)
			stop(t, n)
		}
		if i == 0 { // or once, without a stop in order
			n.Start()
			n.AwaitReady()
			tr.awaitService(t, settlesWithin)
			n.Kill()
		}
		tr.awaitService(t, settlesWithin)
		back := g.Add(n.Name, append(chaos.Join(g.Nodes[:3]...), "--cluster-size", "3")...)
		chaos.CopyFiles(t, backup, back.Dir)
		back.Start()
		wantRefusedDirectory(t, back, "rolled back")
		n.Start()
		n.AwaitReady()
		awaitRoles(t, want{voters: 3}, g.Nodes[:3]...)
	}
	tr.finish(g, fmt.Sprintf("%d directories rolled back", len(nodes)))
}

// TestSidecarOfAnotherClusterIsNotLetIn starts one that belongs to a group of its own with the addresses of another.
func TestSidecarOfAnotherClusterIsNotLetIn(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	other := chaos.Start(t, 1, "--drain-timeout", "500ms")
	foreign := other.Nodes[0]
	id, theirs := g.Nodes[0].Get("/v1/cluster").Want(t, 200).Body.ID, foreign.Get("/v1/cluster").Want(t, 200).Body.ID
	held := foreign.Post("/v1/locks/its-own", "ttl", "5m").Want(t, 201).Body
	stop(t, foreign)
	foreign.Tell(append(chaos.Join(g.Nodes...), "--cluster-size", "1", "--drain-timeout", "500ms")...)
	foreign.Start()
	awaitLog(t, foreign, "an address leads to another cluster")
	foreign.AwaitReady()
	if now := foreign.Get("/v1/cluster").Want(t, 200).Body.ID; now != theirs || now == id {
		t.Errorf("the foreign sidecar is in cluster %s, was in %s", now, theirs)
	}
	foreign.Put("/v1/locks/its-own", "lease", held.Lease).Want(t, 200)
	awaitRoles(t, want{voters: 3}, g.Nodes...)
	for _, n := range g.Nodes {
		if n.Get("/v1/locks/its-own").Want(t, 200).Body.State != "free" {
			t.Errorf("%s knows a lock of another cluster", n.Name)
		}
	}
}
