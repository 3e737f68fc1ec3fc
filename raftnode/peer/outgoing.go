package peer

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// pool knows the open connections to one peer. The idle ones are in the pool of
// raft's transport, which cannot tell that some are dead.
type pool struct {
	dials  atomic.Uint64 // dials begun
	broken atomic.Uint64 // connections found to be broken

	clock atomic.Uint64 // orders what happens on the connections

	mu    sync.Mutex
	conns map[*outgoing]struct{}
}

// call runs one request of raft's transport, and runs it anew at once when all
// that failed was a connection from the pool that had been broken before: after
// a restart of the peer, each of them is. It ends with a request over a new
// connection at the latest. Requests of Raft may be repeated.
func (t *Transport) call(id raft.ServerID, request func() error) error {
	p, err := t.stream.pool(id)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		dials, broken := p.dials.Load(), p.broken.Load()
		err := request()
		if err == nil || try == t.cfg.MaxPool || p.dials.Load() != dials || p.broken.Load() == broken {
			return err
		}
	}
}

func (p *pool) add(c net.Conn) net.Conn {
	o := &outgoing{Conn: c, pool: p}
	o.heard.Store(p.clock.Add(1))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[o] = struct{}{}
	return o
}

// closeWhere closes the connections for which which reports true.
func (p *pool) closeWhere(which func(*outgoing) bool) {
	p.mu.Lock()
	var found []*outgoing
	for o := range p.conns {
		if which(o) {
			found = append(found, o)
		}
	}
	p.mu.Unlock()
	for _, o := range found {
		o.Close()
	}
}

func (p *pool) closeAll() { p.closeWhere(func(*outgoing) bool { return true }) }

// outgoing is a dialed connection as raft's transport sees it.
type outgoing struct {
	net.Conn
	pool   *pool
	heard  atomic.Uint64 // pool.clock when bytes came last
	asked  atomic.Uint64 // pool.clock when bytes left last
	failed atomic.Bool
}

// Read implements net.Conn.
func (o *outgoing) Read(b []byte) (int, error) {
	n, err := o.Conn.Read(b)
	if n > 0 {
		o.heard.Store(o.pool.clock.Add(1))
	}
	o.check(err)
	return n, err
}

// Write implements net.Conn.
func (o *outgoing) Write(b []byte) (int, error) {
	o.asked.Store(o.pool.clock.Add(1))
	n, err := o.Conn.Write(b)
	o.check(err)
	return n, err
}

// Close implements net.Conn.
func (o *outgoing) Close() error {
	o.pool.mu.Lock()
	delete(o.pool.conns, o)
	o.pool.mu.Unlock()
	return o.Conn.Close()
}

// check notes a failure. It makes the idle connections suspect on which nothing
// has come since the failed one was last used: they are closed, so that each
// fails at once instead of after a timeout of its own. One with a request under
// way is left alone: while a snapshot is being sent, heartbeats may well fail.
func (o *outgoing) check(err error) {
	if err == nil || o.failed.Swap(true) {
		return
	}
	since := o.asked.Load()
	o.pool.closeWhere(func(c *outgoing) bool {
		heard := c.heard.Load()
		return c.asked.Load() < heard && heard < since
	})
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		o.pool.broken.Add(1)
	}
}
