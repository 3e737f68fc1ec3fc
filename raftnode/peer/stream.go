package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// stream gives raft.NetworkTransport its connections: those that the port
// accepted, and those dialed through the port.
type stream struct {
	ctx    context.Context
	cfg    TransportConfig
	accept chan net.Conn
	done   chan struct{}
	once   sync.Once
	served sync.WaitGroup // connections that raft's goroutines are using

	mu       sync.Mutex
	closed   bool
	peers    map[raft.ServerID]*pool
	prepared map[raft.ServerAddress]net.Conn
	nextPrep uint64
}

var _ raft.StreamLayer = (*stream)(nil)

func newStream(ctx context.Context, cfg TransportConfig) *stream {
	return &stream{ctx: ctx, cfg: cfg, accept: make(chan net.Conn), done: make(chan struct{}),
		peers: make(map[raft.ServerID]*pool), prepared: make(map[raft.ServerAddress]net.Conn)}
}

// serve is the port's handler for raft connections. It hands the connection to
// raft's transport and returns when that is done with it.
func (s *stream) serve(conn net.Conn, _ Hello) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.served.Add(1)
	s.mu.Unlock()
	defer s.served.Done()
	in := &incoming{Conn: conn, closed: make(chan struct{})}
	select {
	case s.accept <- in:
	case <-s.done:
		return
	}
	select {
	case <-in.closed:
	case <-s.done:
		conn.Close() // ends the read in which raft's goroutine waits
		<-in.closed
	}
}

// Accept implements net.Listener.
func (s *stream) Accept() (net.Conn, error) {
	select {
	case c := <-s.accept:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It closes dialed connections too: raft's
// transport forgets those in its pool.
func (s *stream) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.closed = true
		pools := make([]*pool, 0, len(s.peers))
		for _, p := range s.peers {
			pools = append(pools, p)
		}
		prepared := s.prepared
		s.prepared = nil
		s.mu.Unlock()
		close(s.done)
		for _, c := range prepared {
			c.Close()
		}
		for _, p := range pools {
			p.closeAll()
		}
	})
	return nil
}

func (s *stream) wait() { s.served.Wait() }

// Addr implements net.Listener: the address in Raft is the server ID.
func (s *stream) Addr() net.Addr { return nodeAddr(s.cfg.ID) }

// Dial implements raft.StreamLayer. The address is a server ID, or names a
// connection made by prepare.
func (s *stream) Dial(address raft.ServerAddress, _ time.Duration) (net.Conn, error) {
	s.mu.Lock()
	c := s.prepared[address]
	delete(s.prepared, address)
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	if strings.HasPrefix(string(address), preparedPrefix) {
		return nil, ErrClosed
	}
	return s.dial(raft.ServerID(address))
}

func (s *stream) dial(id raft.ServerID) (net.Conn, error) {
	p, err := s.pool(id)
	if err != nil {
		return nil, err
	}
	p.dials.Add(1)
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.DialTimeout)
	defer cancel()
	c, _, err := s.cfg.Port.Dial(ctx, KindRaft, string(id))
	if err != nil {
		return nil, err
	}
	o := p.add(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return nil, ErrClosed
	}
	return o, nil
}

const preparedPrefix = "prepared\x00"

// prepare dials a peer and returns a name under which raft's transport gets
// that connection, once. Under the peer's own name it might take an idle one
// that is broken.
func (s *stream) prepare(peer raft.ServerID) (raft.ServerAddress, error) {
	c, err := s.dial(peer)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return "", ErrClosed
	}
	s.nextPrep++
	name := raft.ServerAddress(preparedPrefix + strconv.FormatUint(s.nextPrep, 10))
	s.prepared[name] = c
	return name, nil
}

// discard closes a prepared connection that was not taken.
func (s *stream) discard(name raft.ServerAddress) {
	s.mu.Lock()
	c := s.prepared[name]
	delete(s.prepared, name)
	s.mu.Unlock()
	if c != nil {
		c.Close()
	}
}

func (s *stream) pool(id raft.ServerID) (*pool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	p := s.peers[id]
	if p == nil {
		p = &pool{conns: make(map[*outgoing]struct{})}
		s.peers[id] = p
	}
	return p, nil
}

func (s *stream) forget(id raft.ServerID) {
	s.mu.Lock()
	p := s.peers[id]
	delete(s.peers, id)
	s.mu.Unlock()
	if p != nil {
		p.closeAll()
	}
}

// incoming is an accepted connection as raft's transport sees it.
type incoming struct {
	net.Conn
	inRequest atomic.Bool // bytes have come since the last answer
	closed    chan struct{}
	once      sync.Once
}

// Read implements net.Conn. Raft's transport reads without a deadline, so this
// sets one. Whatever ends the connection is an end of file: that a peer went
// away is no error of ours, and raft would log it as one.
func (c *incoming) Read(b []byte) (int, error) {
	limit := inIdleLimit
	if c.inRequest.Load() {
		limit = inStallLimit
	}
	c.Conn.SetReadDeadline(time.Now().Add(limit))
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.inRequest.Store(true)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = io.EOF
	}
	return n, err
}

// Write implements net.Conn. As with Read, a failure ends the connection
// without a word: the next read finds it closed.
func (c *incoming) Write(b []byte) (int, error) {
	c.inRequest.Store(false)
	c.Conn.SetWriteDeadline(time.Now().Add(inStallLimit))
	if _, err := c.Conn.Write(b); err != nil {
		c.Conn.Close()
	}
	return len(b), nil
}

// Close implements net.Conn.
func (c *incoming) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

type nodeAddr string

func (nodeAddr) Network() string  { return "sidelock" }
func (a nodeAddr) String() string { return string(a) }
