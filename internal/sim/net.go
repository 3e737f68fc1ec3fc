package sim

import (
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// Net is a network of named hosts. All methods may be called at any time from
// any goroutine.
type Net struct {
	mu        sync.Mutex // held for moments only, never while waiting
	links     map[link]*linkState
	listeners map[string]*listener // by "host:port"
	down      map[string]bool
	conns     map[*duplex]struct{}
	nextPort  int
	closed    bool
	dials     int
}

// link is one direction between two hosts.
type link struct{ from, to string }

type linkState struct {
	cut   bool
	delay time.Duration
}

// firstEphemeralPort is given to the first listener that asks for port 0.
const firstEphemeralPort = 40000

// New returns a network without faults. Close it when done.
func New() *Net {
	return &Net{
		links:     make(map[link]*linkState),
		listeners: make(map[string]*listener),
		down:      make(map[string]bool),
		conns:     make(map[*duplex]struct{}),
		nextPort:  firstEphemeralPort,
	}
}

// Host returns the view that the host of this name has of the network. Hosts
// need not be declared.
func (n *Net) Host(name string) *Host { return &Host{net: n, name: name} }

// Cut stops everything that goes from one host to another, one way.
func (n *Net) Cut(from, to string) { n.change(from, to, func(l *linkState) { l.cut = true }) }

// Heal undoes Cut, one way. What was sent meanwhile arrives when its sender
// next tries, as with TCP.
func (n *Net) Heal(from, to string) { n.change(from, to, func(l *linkState) { l.cut = false }) }

// Partition cuts both ways between a and each of the others.
func (n *Net) Partition(a string, others ...string) {
	for _, b := range others {
		n.Cut(a, b)
		n.Cut(b, a)
	}
}

// HealAll heals every cut link. Delays stay.
func (n *Net) HealAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.links {
		l.cut = false
	}
}

// Delay makes everything sent from now on over one direction arrive d later.
func (n *Net) Delay(from, to string, d time.Duration) {
	n.change(from, to, func(l *linkState) { l.delay = d })
}

// Drop breaks every connection between two hosts; both ends notice at once.
func (n *Net) Drop(a, b string) {
	for _, d := range n.pick(func(d *duplex) bool {
		return d.dialer == a && d.acceptor == b || d.dialer == b && d.acceptor == a
	}) {
		d.reset()
	}
}

// Crash takes the host's power away: its own ends are closed, its listeners
// gone, and nobody else is told. Until Restart, dialing it hangs and what is
// sent to it vanishes.
func (n *Net) Crash(host string) {
	n.mu.Lock()
	n.down[host] = true
	var ls []*listener
	for _, l := range n.listeners {
		if l.host == host {
			ls = append(ls, l)
		}
	}
	n.mu.Unlock()
	for _, l := range ls {
		l.Close()
	}
	for _, d := range n.pick(func(d *duplex) bool { return d.dialer == host || d.acceptor == host }) {
		d.vanish(host)
	}
}

// Restart gives the host its power back. It remembers no connection: whoever
// goes on using one from before is told so (reset).
func (n *Net) Restart(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.down, host)
}

// Dials is how many dials were begun since the start.
func (n *Net) Dials() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials
}

// Conns is how many connections are open, half-open ones included.
func (n *Net) Conns() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns)
}

// Close breaks every connection and closes every listener.
func (n *Net) Close() {
	n.mu.Lock()
	n.closed = true
	var ls []*listener
	for _, l := range n.listeners {
		ls = append(ls, l)
	}
	n.mu.Unlock()
	for _, l := range ls {
		l.Close()
	}
	for _, d := range n.pick(func(*duplex) bool { return true }) {
		d.reset()
	}
}

func (n *Net) change(from, to string, f func(*linkState)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.links[link{from, to}]
	if l == nil {
		l = &linkState{}
		n.links[link{from, to}] = l
	}
	f(l)
}

// passes reports whether something sent now would arrive, and how late.
func (n *Net) passes(from, to string) (bool, time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down[from] || n.down[to] {
		return false, 0
	}
	if l := n.links[link{from, to}]; l != nil {
		return !l.cut, l.delay
	}
	return true, 0
}

func (n *Net) pick(which func(*duplex) bool) []*duplex {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []*duplex
	for d := range n.conns {
		if which(d) {
			out = append(out, d)
		}
	}
	return out
}

func (n *Net) listen(host, addr string) (net.Listener, error) {
	h, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("sim: listen %q: %w", addr, err)
	}
	if h != "" && h != host {
		return nil, fmt.Errorf("sim: host %s cannot listen at %s", host, addr)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || n.down[host] {
		return nil, fmt.Errorf("sim: host %s is down", host)
	}
	if port == "0" {
		port = strconv.Itoa(n.nextPort)
		n.nextPort++
	}
	addr = net.JoinHostPort(host, port)
	if n.listeners[addr] != nil {
		return nil, fmt.Errorf("sim: listen %s: address already in use", addr)
	}
	l := &listener{net: n, host: host, addr: simAddr(addr), backlog: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[addr] = l
	return l, nil
}
