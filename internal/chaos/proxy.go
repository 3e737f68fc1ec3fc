package chaos

import (
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// proxy passes connections on from an address of its own to a target, each through a gate.
type proxy struct {
	listener net.Listener
	target   string
	// choose finds the gate of a connection, and returns what it had to read for that.
	choose func(net.Conn) (*gate, []byte, error)

	mu    sync.Mutex
	conns map[net.Conn]func() // what is open, and how to break it
	over  bool
	work  sync.WaitGroup
}

// startProxy listens on an address of its own; the proxy ends with the test.
func startProxy(t testing.TB, target string, choose func(net.Conn) (*gate, []byte, error)) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("no proxy: %v", err)
	}
	p := &proxy{listener: l, target: target, choose: choose, conns: map[net.Conn]func(){}}
	p.work.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if p.note(c, func() { c.Close() }) {
			p.work.Go(func() { p.serve(c) })
		}
	}
}

// note remembers how to break a connection; false if all are to be broken by now.
func (p *proxy) note(c net.Conn, breakIt func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		breakIt()
		return false
	}
	p.conns[c] = breakIt
	return true
}

func (p *proxy) serve(c net.Conn) {
	defer func() {
		c.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	}()
	_ = c.SetReadDeadline(time.Now().Add(askWithin)) // fails only if it is closed
	g, said, err := p.choose(c)
	if err != nil {
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	pipe := g.admit(c)
	defer pipe.close(false)
	if p.note(c, pipe.abort) && pipe.connect(p.target, said) {
		pipe.run()
	}
}

// close breaks what is left.
func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	p.over = true
	open := slices.Collect(maps.Values(p.conns))
	p.mu.Unlock()
	for _, breakIt := range open {
		breakIt()
	}
	p.work.Wait()
}
