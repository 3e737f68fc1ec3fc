package chaos

import (
	"net"
	"testing"
	"time"
)

// Wire is the way from clients to a sidecar's API; it can be cut like a link. It ends with its test.
type Wire struct {
	Addr string
	gate *gate
}

// StartWire leads from an address of its own to another.
func StartWire(t testing.TB, to string) *Wire {
	t.Helper()
	w := &Wire{gate: newGate()}
	p := startProxy(t, to, func(net.Conn) (*gate, []byte, error) { return w.gate, nil, nil })
	w.Addr = p.addr()
	return w
}

// Cut holds back every byte: either side sees an open connection on which nothing comes.
func (w *Wire) Cut() { w.gate.set(func(g *gate) { g.cut = true }) }

// Heal lets go what was held back.
func (w *Wire) Heal() { w.gate.set(func(g *gate) { g.cut = false }) }

// Reset breaks the connections that are open.
func (w *Wire) Reset() { w.gate.reset() }

// Delay brings everything later.
func (w *Wire) Delay(by time.Duration) { w.gate.set(func(g *gate) { g.delay = by }) }
