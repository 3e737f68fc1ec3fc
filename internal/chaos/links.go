package chaos

import (
	encoding "encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Links are the connections among the sidecars of a group that was started with [StartLinked]. A link is directed: from a to b it
// carries what a dials, in both directions of such a connection, so that a cut of one link leaves those that b dials. All
// that is done here takes effect at once, on connections that are open and on new ones, and lasts until it is undone.
// Nodes are meant by name. Links are safe for concurrent use.
type Links struct {
	mu    sync.Mutex
	names []string
	gates map[link]*gate
}

type link struct{ from, to string }

// Cut holds back every byte on a link. Connections stay open, and new ones are taken and left without an answer, as where packets are lost.
func (l *Links) Cut(from, to string) { l.gate(from, to).set(func(g *gate) { g.cut = true }) }

// Heal undoes Cut and Delay on a link. What was held back arrives.
func (l *Links) Heal(from, to string) {
	l.gate(from, to).set(func(g *gate) { g.cut, g.delay = false, 0 })
}

// Delay brings everything on a link later, in either direction; the order stays.
func (l *Links) Delay(from, to string, by time.Duration) {
	l.gate(from, to).set(func(g *gate) { g.delay = by })
}

// Reset breaks the connections that are open on a link. New ones are as before.
func (l *Links) Reset(from, to string) { l.gate(from, to).reset() }

// Isolate cuts every link from and to a node.
func (l *Links) Isolate(node string) { l.around(node, l.Cut) }

// Rejoin heals every link from and to a node.
func (l *Links) Rejoin(node string) { l.around(node, l.Heal) }

func (l *Links) around(node string, do func(from, to string)) {
	for _, other := range l.all() {
		if other != node {
			do(node, other)
			do(other, node)
		}
	}
}

// HealAll heals every link.
func (l *Links) HealAll() {
	for _, from := range l.all() {
		l.around(from, l.Heal)
	}
}

func (l *Links) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.names)
}

// cover puts a proxy before a node's peer port: its Peer, which it advertises and the others join, is an address of the test's own from now on.
func (l *Links) cover(n *Node) {
	n.t.Helper()
	n.behind = n.Peer
	p := startProxy(n.t, n.behind, func(c net.Conn) (*gate, []byte, error) { return l.whoDials(c, n.Name) })
	n.Peer = p.addr()
	l.mu.Lock() // the proxies look already
	defer l.mu.Unlock()
	for _, other := range l.names {
		l.gates[link{n.Name, other}], l.gates[link{other, n.Name}] = newGate(), newGate()
	}
	l.gates[link{n.Name, n.Name}] = newGate()
	l.names = append(l.names, n.Name)
}

func (l *Links) gate(from, to string) *gate {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.gates[link{from, to}]
	if g == nil {
		panic(fmt.Sprintf("there is no link from %q to %q", from, to))
	}
	return g
}

// StartLinked is Start for a group whose links can be cut.
func StartLinked(t testing.TB, size int, extra ...string) *Group {
	t.Helper()
	g := PlanLinked(t, size, extra...)
	g.start()
	return g
}

// PlanLinked is StartLinked without any process.
func PlanLinked(t testing.TB, size int, extra ...string) *Group {
	t.Helper()
	g := Empty(t)
	g.Links = &Links{gates: map[link]*gate{}}
	g.plan(size, extra)
	return g
}

// maxHello is more than a sidecar's first frame has: 4 bytes of length and a JSON object that says who it is.
const maxHello = 64 << 10

// whoDials reads the hello of a connection to a node, and finds the link that it belongs to.
func (l *Links) whoDials(c net.Conn, to string) (*gate, []byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(c, head); err != nil {
		return nil, nil, err
	}
	size := encoding.BigEndian.Uint32(head)
	if size > maxHello {
		return nil, nil, fmt.Errorf("a hello of %d bytes", size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(c, body); err != nil {
		return nil, nil, err
	}
	var hello struct{ Name string }
	if err := json.Unmarshal(body, &hello); err != nil {
		return nil, nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.gates[link{hello.Name, to}]
	if g == nil {
		return nil, nil, fmt.Errorf("%q is no node of this group", hello.Name)
	}
	return g, append(head, body...), nil
}
