package chaos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// drainsFor is how long every sidecar waits for its clients when it stops, unless a test says otherwise.
var drainsFor = []string{"--drain-timeout", "10s"}

// Empty is a group without any sidecar, for tests that add them one by one.
func Empty(t testing.TB) *Group {
	t.Helper()
	if binary == "" {
		t.Fatal("the package needs a TestMain that calls chaos.Main")
	}
	return &Group{t: t, root: shortDir(t)}
}

// end kills what is left of the group, and prints the logs if the test has failed. It is registered with each node, after the proxy before it, so
// that it comes first of all: the end of a proxy is nothing that a log should tell of.
func (g *Group) end() {
	for _, n := range g.Nodes {
		n.end()
	}
	if g.t.Failed() && !g.ended {
		for _, n := range g.Nodes {
			n.showLog()
		}
	}
	g.ended = true
}

// Add makes a further sidecar, with a directory and addresses of its own, without any process. What it is told of the group is in
// the arguments. Several may have one name, as those have that replace each other.
func (g *Group) Add(name string, args ...string) *Node {
	g.t.Helper()
	own := fmt.Sprint(name, "-", len(g.Nodes))
	n := &Node{Name: name, t: g.t, args: slices.Concat(drainsFor, args),
		Dir: filepath.Join(g.root, own), log: filepath.Join(g.root, own+".log")}
	n.settle()
	if g.Links != nil {
		g.Links.cover(n)
	}
	g.Nodes = append(g.Nodes, n)
	g.t.Cleanup(g.end)
	return n
}

// settle gives a node addresses that nobody listens on.
func (n *Node) settle() {
	n.t.Helper()
	addrs := freeAddresses(n.t, 2)
	n.API, n.Peer = addrs[0], addrs[1]
}

// Join are the arguments that name nodes to join. They are only good for as long as those do not move.
func Join(nodes ...*Node) (args []string) {
	for _, n := range nodes {
		args = append(args, "--join", n.Peer)
	}
	return args
}

// Tell gives a node other arguments about its group from its next start on.
func (n *Node) Tell(args ...string) { n.args = slices.Concat(drainsFor, args) }

// Wipe removes the data of a node that does not run, as a new disk does.
func (n *Node) Wipe() {
	n.t.Helper()
	n.wantStopped()
	if err := os.RemoveAll(n.Dir); err != nil {
		n.t.Fatal(err)
	}
}

func (n *Node) wantStopped() {
	n.t.Helper()
	if n.Running() {
		n.t.Fatalf("%s is running", n.Name)
	}
}

// CopyTo copies a node's data into another directory. The node must not write meanwhile: it is stopped, or paused.
func (n *Node) CopyTo(dir string) {
	n.t.Helper()
	if n.Answers() {
		n.t.Fatalf("%s is running", n.Name)
	}
	CopyFiles(n.t, n.Dir, dir)
}

// CopyFiles puts what one directory holds into another, in place of what that held.
func CopyFiles(t testing.TB, from, to string) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(to), copyFiles(from, to)); err != nil {
		t.Fatal(err)
	}
}

// copyFiles copies the files of a tree, and leaves out what is none: sockets.
func copyFiles(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		switch target := filepath.Join(to, rel); {
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case d.Type().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(target, b, 0o600)
		}
		return nil
	})
}

// Moved is a node that does not run, at other addresses and, in a group with links, without them: its name, its data and its arguments are the same. It takes the old one's place
// in the group; the old one is not to be started again.
func (g *Group) Moved(n *Node) *Node {
	g.t.Helper()
	n.wantStopped()
	moved := &Node{Name: n.Name, Dir: n.Dir, Program: n.Program, t: n.t, args: n.args, log: n.log, process: n.current()}
	moved.settle()
	g.Nodes[slices.Index(g.Nodes, n)] = moved
	return moved
}

// Roles says who does what in a group, as one of its sidecars sees it: names, in order.
type Roles struct {
	Voters, Spares, Agents []string
	Ill                    []string // those that are not healthy
	Tolerance              int
}

func (r Roles) String() string {
	return fmt.Sprintf("voters %v, spares %v, agents %v, not healthy %v; survives %d more failures", r.Voters, r.Spares, r.Agents, r.Ill, r.Tolerance)
}

// Roles asks a node who does what; the zero Roles if it does not answer.
func (n *Node) Roles() (r Roles) {
	n.t.Helper()
	a := n.probe("/v1/cluster")
	r.Tolerance = a.Body.Tolerance
	for _, m := range a.Body.Members {
		switch m.Role {
		case "voter":
			r.Voters = append(r.Voters, m.Name)
		case "spare":
			r.Spares = append(r.Spares, m.Name)
		case "agent":
			r.Agents = append(r.Agents, m.Name)
		}
		if !m.Healthy {
			r.Ill = append(r.Ill, m.Name)
		}
	}
	for _, names := range [][]string{r.Voters, r.Spares, r.Agents, r.Ill} {
		slices.Sort(names)
	}
	return r
}

// Members asks a node for its list of the group; nil if it does not answer.
func (n *Node) Members() []Member {
	n.t.Helper()
	return n.probe("/v1/cluster").Body.Members
}

// Names are the names of nodes, in order.
func Names(nodes ...*Node) (names []string) {
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	return names
}

// Numbered are the names prefix1, prefix2 and so on.
func Numbered(prefix string, count int) (names []string) {
	for i := range count {
		names = append(names, prefix+strconv.Itoa(i+1))
	}
	return names
}
