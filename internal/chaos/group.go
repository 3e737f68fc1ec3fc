package chaos

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// Group is a number of sidecars that are, or shall be, one Raft group. It ends with its test.
type Group struct {
	Nodes []*Node
	Links *Links // nil unless the group was made to have some: StartLinked
	t     testing.TB
	root  string // directory of the nodes' directories
	ended bool
}

// Start starts size sidecars, n1, n2 and so on, that form a group, and returns when each is ready and one leads. The
// further arguments are given to each.
func Start(t testing.TB, size int, extra ...string) *Group {
	t.Helper()
	g := Plan(t, size, extra...)
	g.start()
	return g
}

func (g *Group) start() {
	g.t.Helper()
	for _, n := range g.Nodes {
		n.Start()
	}
	g.AwaitReady()
}

// Plan is Start without any process.
func Plan(t testing.TB, size int, extra ...string) *Group {
	t.Helper()
	g := Empty(t)
	g.plan(size, extra)
	return g
}

// plan makes the nodes of a group.
func (g *Group) plan(size int, extra []string) {
	g.t.Helper()
	for i := range size {
		g.Add("n" + strconv.Itoa(i+1))
	}
	args := append([]string{"--cluster-size", strconv.Itoa(size)}, extra...)
	if size > 1 {
		args = append(args, Join(g.Nodes...)...)
	}
	for _, n := range g.Nodes {
		n.Tell(args...)
	}
}

// shortDir is a directory of the test whose name, unlike that of t.TempDir, leaves room for a socket in it: the path of one may have about
// a hundred bytes.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// AwaitReady returns when each node that runs is ready, and one of them leads.
func (g *Group) AwaitReady() {
	g.t.Helper()
	for _, n := range g.Nodes {
		if n.Answers() {
			n.AwaitReady()
		}
	}
	g.Leader()
}

// AwaitReady returns when the node's readiness probe succeeds; the test fails if the process ends instead.
func (n *Node) AwaitReady() {
	n.t.Helper()
	Until(n.t, formWithin, n.Name+" to be ready", func() error {
		if !n.Running() {
			n.t.Fatalf("%s has ended: %v", n.Name, n.current().err)
		}
		return n.probe("/readyz").problem()
	})
}

// Leader returns the Raft leader: the running node that says so of itself in the highest term.
func (g *Group) Leader() *Node {
	g.t.Helper()
	var leader *Node
	Until(g.t, leaderWithin, "a Raft leader", func() error {
		leader = nil
		var term uint64
		for _, n := range g.Nodes {
			if !n.Answers() {
				continue
			}
			a := n.probe("/v1/cluster")
			if l := a.Body.RaftLeader; a.Status == 200 && l != nil && l.Name == n.Name && a.Body.Term > term {
				leader, term = n, a.Body.Term
			}
		}
		if leader == nil {
			return fmt.Errorf("no running node says that it leads")
		}
		return nil
	})
	return leader
}

// Others returns all nodes but some.
func (g *Group) Others(but ...*Node) []*Node {
	var others []*Node
next:
	for _, n := range g.Nodes {
		for _, b := range but {
			if n == b {
				continue next
			}
		}
		others = append(others, n)
	}
	return others
}

// Until polls until try succeeds, and fails the test with its last error if it has not within the given time.
func Until(t testing.TB, within time.Duration, what string, try func() error) {
	t.Helper()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for deadline := time.Now().Add(within); ; <-ticker.C {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s: %v", within, what, err)
		}
	}
}
