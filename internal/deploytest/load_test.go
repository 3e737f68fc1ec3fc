package deploytest_test

import (
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// load is what applications do to a group: everything that a panel is about.
type load struct {
	t      *testing.T
	g      *chaos.Group
	rounds int
}

// newLoad has one client hold for good, and another one wait behind it.
func newLoad(t *testing.T, g *chaos.Group) *load {
	t.Helper()
	g.Nodes[0].Hold("/v1/locks/deploy-queue").Await(within, "held")
	g.Nodes[1].Hold("/v1/locks/deploy-queue").Await(within, "queued")
	return &load{t: t, g: g}
}

// round takes, renews and releases, waits in line, is refused, campaigns and resigns, and forgets to release: for the second that this
// keeps the next round waiting, it paces them.
func (l *load) round() {
	l.t.Helper()
	n := l.g.Nodes[l.rounds%len(l.g.Nodes)]
	l.rounds++
	held := n.Post("/v1/locks/deploy-waited", "wait", "10s").Want(l.t, 201).Body.Lease
	n.Put("/v1/locks/deploy-waited", "lease", held).Want(l.t, 200)
	n.Post("/v1/locks/deploy-waited").Want(l.t, 423, "lock_held")
	next := n.Hold("/v1/locks/deploy-waited")
	next.Await(within, "queued")
	n.Delete("/v1/locks/deploy-waited", "lease", held).Want(l.t, 200)
	next.Await(within, "held")
	next.Close()
	candidate := n.Post("/v1/elections/chief", "value", n.Name).Want(l.t, 201).Body.Lease
	n.Delete("/v1/elections/chief", "lease", candidate).Want(l.t, 200)
	n.Post("/v1/locks/deploy-forgotten", "ttl", "1s", "wait", "10s").Want(l.t, 201)
}
