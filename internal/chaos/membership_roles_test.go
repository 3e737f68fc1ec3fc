package chaos_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

const (
	// settlesWithin is how long a group may take to be as it is meant to be, where no more is promised. It is generous: machines are busy.
	settlesWithin = 45 * time.Second
	// replacedWithin is promised: a dead voter is replaced in less, where a spare has caught up.
	replacedWithin = 10 * time.Second
)

// want is what a group is to look like: how many vote, stand ready, and are only agents, all of them healthy.
type want struct{ voters, spares, agents int }

func (w want) differs(r chaos.Roles) error {
	if have := (want{len(r.Voters), len(r.Spares), len(r.Agents)}); have != w || len(r.Ill) > 0 || r.Tolerance != (w.voters-1)/2 {
		return fmt.Errorf("%s; want %+v, all healthy", r, w)
	}
	return nil
}

// awaitRoles waits until each of some nodes says that the group is as it is wanted, and that it is these nodes.
func awaitRoles(t *testing.T, w want, nodes ...*chaos.Node) {
	t.Helper()
	names := chaos.Names(nodes...)
	for _, n := range nodes {
		chaos.Until(t, settlesWithin, n.Name+" to see the group as it is wanted", func() error {
			r := n.Roles()
			if err := w.differs(r); err != nil {
				return err
			}
			if all := slices.Sorted(slices.Values(slices.Concat(r.Voters, r.Spares, r.Agents))); !slices.Equal(all, names) {
				return fmt.Errorf("%s; want %v", r, names)
			}
			return nil
		})
	}
}

// withRole are the nodes of a group that n says have a role.
func withRole(t *testing.T, g *chaos.Group, n *chaos.Node, role string) (nodes []*chaos.Node) {
	t.Helper()
	for _, m := range n.Members() {
		for _, one := range g.Nodes {
			if m.Role == role && m.Address == one.Peer {
				nodes = append(nodes, one)
			}
		}
	}
	return nodes
}

// stop ends a node in order, which must succeed.
func stop(t *testing.T, n *chaos.Node) {
	t.Helper()
	n.Terminate()
	wantStopped(t, n)
}

func wantStopped(t *testing.T, n *chaos.Node) {
	t.Helper()
	if code := n.Wait(); code != 0 {
		t.Errorf("%s ended with %d", n.Name, code)
	}
}
