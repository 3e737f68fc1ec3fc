package chaos_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// keepWriting acquires and releases through a node until it has ended, so that there is something to write.
func keepWriting(n *chaos.Node) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-quit:
				return
			default:
			}
			a := n.Post(fmt.Sprintf("/v1/locks/busy-%d", i%7), "ttl", "1m", "owner", "busy", "metadata.x", strings.Repeat("x", 3000))
			if a.Status == 201 {
				n.Delete(fmt.Sprintf("/v1/locks/busy-%d", i%7), "lease", a.Body.Lease)
			}
		}
	}()
	return func() { close(quit); <-done }
}

// wantEnd checks that a node has ended by itself, as failed, with words in its log.
func wantEnd(t *testing.T, n *chaos.Node, within time.Duration, words ...string) {
	t.Helper()
	if code := n.WaitFor(within); code != 1 {
		t.Errorf("%s ended with exit code %d", n.Name, code)
	}
	log := n.Log()
	for _, w := range append(words, "this node must stop", n.Dir) {
		if !strings.Contains(log, w) {
			t.Errorf("%s does not say %q", n.Name, w)
		}
	}
	for _, w := range []string{"panic", "goroutine "} {
		if strings.Contains(log, w) {
			t.Errorf("%s ended with a %s", n.Name, w)
		}
	}
}

// TestDiskThatFailsEndsTheNodeAndTheOthersGoOn (P19): whatever the system says, and whoever hears it; what was acknowledged stays, and the
// node comes back when its disk does.
func TestDiskThatFailsEndsTheNodeAndTheOthersGoOn(t *testing.T) {
	faults := map[string]struct {
		rule   string
		leader bool
		words  string
	}{
		"the leader's sync fails":       {"inject=fdatasync:error=EIO", true, "input/output error"},
		"a follower's sync fails":       {"inject=fdatasync:error=EIO", false, "input/output error"},
		"the leader's disk is full":     {"inject=pwrite64:error=ENOSPC", true, "make room on the disk"},
		"a follower's quota is used up": {"inject=pwrite64:error=EDQUOT", false, "make room on the disk"},
	}
	for what, f := range faults {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			g := chaos.Start(t, 3)
			leader := g.Leader()
			victim := leader
			if !f.leader {
				victim = g.Others(leader)[0]
			}
			held := leader.Post("/v1/locks/kept", "ttl", "10m", "owner", "holder").Want(t, 201).Body
			victim.InjectDisk(f.rule)
			stop := keepWriting(g.Others(victim)[0])
			wantEnd(t, victim, 30*time.Second, "raft.db", "could not be written", f.words)
			other := g.Others(victim)[1]
			g.Leader()
			other.Put("/v1/locks/kept", "lease", held.Lease).Want(t, 200)
			stop()
			victim.Start()
			g.AwaitReady()
			wantHolder(t, victim, "kept", "holder", held.Token)
		})
	}
}

// TestFileThatMayNotGrowEndsTheNode (P19): a limit that the kernel itself enforces. Nothing that was acknowledged is lost.
func TestFileThatMayNotGrowEndsTheNode(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 1)
	n := g.Nodes[0]
	held := n.Post("/v1/locks/kept", "ttl", "10m", "owner", "holder").Want(t, 201).Body
	n.LimitFiles(256 << 10)
	stop := keepWriting(n)
	wantEnd(t, n, 60*time.Second, "file too large", "raise the limit on the size of files")
	stop()
	n.Start()
	n.AwaitReady()
	wantHolder(t, n, "kept", "holder", held.Token)
}

// TestDiskThatHangsEndsTheNode (guard 6, P17): a disk that takes a write and never answers gives no error. The others have another leader
// soon; the node itself says why it goes.
func TestDiskThatHangsEndsTheNode(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	leader := g.Leader()
	held := leader.Post("/v1/locks/kept", "ttl", "10m", "owner", "holder").Want(t, 201).Body
	letGo := leader.InjectDisk("inject=fdatasync:delay_enter=300000000")
	began := time.Now()
	others := g.Others(leader)
	next := others[0].Post("/v1/locks/next", "ttl", "10m", "owner", "next", "lease", ownLease(1), "wait", "20s")
	for next.Status != 201 && next.Status != 200 && time.Since(began) < 30*time.Second {
		next = others[0].Post("/v1/locks/next", "ttl", "10m", "owner", "next", "lease", ownLease(1), "wait", "20s")
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("served again after %v: %s", took, next)
	}
	wantHolder(t, others[1], "kept", "holder", held.Token)
	chaos.Until(t, 60*time.Second, "the node whose disk hangs to end by itself", func() error {
		if !leader.Exiting() {
			return fmt.Errorf("it runs")
		}
		return nil
	})
	letGo()
	wantEnd(t, leader, 10*time.Second, "has not come back for 30s", "the disk hangs")
}
