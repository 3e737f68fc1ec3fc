package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Dial connects to a node by its ID, at the address that the book has for it
// now, and returns the answering node's hello. If another node answers, the
// error is a *WrongNodeError; if no address is known, a *NoAddressError; if the
// node refuses, a *HelloError. Config.OnDialError hears of every failure. The
// connection is closed by Port.Close if the caller has not done so.
func (p *Port) Dial(ctx context.Context, k Kind, nodeID string) (net.Conn, Hello, error) {
	conn, h, err := p.dialNode(ctx, k, nodeID)
	if err != nil && p.cfg.OnDialError != nil {
		p.cfg.OnDialError(nodeID, err)
	}
	return conn, h, err
}

func (p *Port) dialNode(ctx context.Context, k Kind, nodeID string) (net.Conn, Hello, error) {
	e, ok := p.cfg.Book.Lookup(nodeID)
	if !ok || nodeID == "" {
		return nil, Hello{}, &NoAddressError{ID: nodeID}
	}
	return p.dialAddr(ctx, k, e.Address, nodeID)
}

// DialAddr connects to whoever answers at host:port: for probes. The kinds raft
// and forward need a target and are refused by the other side.
func (p *Port) DialAddr(ctx context.Context, k Kind, addr string) (net.Conn, Hello, error) {
	return p.dialAddr(ctx, k, addr, "")
}

func (p *Port) dialAddr(ctx context.Context, k Kind, addr, target string) (net.Conn, Hello, error) {
	bare, err := p.cfg.Network.Dial(ctx, addr)
	if err != nil {
		return nil, Hello{}, fmt.Errorf("peer %s is not reachable: %w", addr, err)
	}
	tracked, err := p.track(bare)
	if err != nil {
		return nil, Hello{}, err
	}
	conn, h, err := p.greet(ctx, tracked, k, addr, target)
	if err != nil {
		tracked.Close()
		switch {
		case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
			err = fmt.Errorf("%w (%w)", err, ctx.Err())
		case errors.Is(err, os.ErrDeadlineExceeded): // the connection's deadline came first
			err = fmt.Errorf("%w (%w)", err, context.DeadlineExceeded)
		}
		return nil, Hello{}, err
	}
	return conn, h, nil
}

// greet says our hello, takes the answer and checks who gave it.
func (p *Port) greet(ctx context.Context, c net.Conn, k Kind, addr, target string) (net.Conn, Hello, error) {
	ctx, cancel := context.WithTimeout(ctx, HelloTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	c.SetDeadline(deadline)
	// A cancelled context must end the wait at once, not at the deadline.
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn, err := p.secure(ctx, c, addr)
	if err != nil {
		return nil, Hello{}, err
	}
	own := p.cfg.Identity()
	mine := own.hello(k, target)
	mine.Seen = p.lives.sighting(target)
	if err := writeFrame(conn, mine); err != nil {
		return nil, Hello{}, p.cfg.Security.Explain(conn, addr, fmt.Errorf("sending the hello: %w", err))
	}
	var a answer
	if err := readFrame(conn, &a); err != nil {
		return nil, Hello{}, p.cfg.Security.Explain(conn, addr, err)
	}
	if err := p.judge(own, k, addr, target, a); err != nil {
		return nil, Hello{}, err
	}
	if err := p.cfg.Security.Vouches(conn, a.Hello); err != nil {
		return nil, Hello{}, &HelloError{Address: addr, Code: CodeCertificate, Message: err.Error(), Peer: a.Hello}
	}
	if own.ClusterID != "" && a.Hello.ClusterID == own.ClusterID {
		if why := forgotten(own, a.Hello); why != "" {
			return nil, Hello{}, &HelloError{Address: addr, Code: CodeRolledBack, Message: why, Peer: a.Hello}
		}
	}
	if k != KindProbe {
		if code, message := p.judgeLife(a.Hello, addr); code != "" {
			return nil, Hello{}, &HelloError{Address: addr, Code: code, Message: message, Peer: a.Hello, Ours: true}
		}
	}
	if k != KindProbe || target == "" && p.isItself(own, a.Hello, addr) {
		p.learn(own, a.Hello)
	}
	if !stop() {
		return nil, Hello{}, ctx.Err()
	}
	c.SetDeadline(time.Time{}) // fails if the peer has closed already: the caller's read will tell
	return conn, a.Hello, nil
}

// judge checks an answer. The responder has checked us; we check it too, and
// take no peer's word for being the one we want.
func (p *Port) judge(own Identity, k Kind, addr, target string, a answer) error {
	switch {
	case !a.OK && a.Code != CodeWrongTarget:
		return &HelloError{Address: addr, Code: a.Code, Message: a.Message, Peer: a.Hello}
	case k != KindProbe && (own.ClusterID == "" || a.Hello.ClusterID != own.ClusterID):
		return &HelloError{Address: addr, Code: CodeForeignCluster, Peer: a.Hello, Message: foreign(a.Hello.side(""), own.side("this one"))}
	case target != "" && a.Hello.NodeID != target:
		return &WrongNodeError{Address: addr, Want: target, Got: a.Hello}
	case !a.OK:
		return &HelloError{Address: addr, Code: a.Code, Message: a.Message, Peer: a.Hello}
	}
	return nil
}

// dialedConn is a dialed connection that the port closes with itself.
type dialedConn struct {
	net.Conn
	port *Port
	once sync.Once
}

func (p *Port) track(c net.Conn) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return nil, ErrClosed
	}
	d := &dialedConn{Conn: c, port: p}
	p.conns[d] = struct{}{}
	return d, nil
}

// Close implements net.Conn.
func (d *dialedConn) Close() error {
	d.once.Do(func() {
		d.port.mu.Lock()
		delete(d.port.conns, d)
		delete(d.port.secured, d)
		d.port.mu.Unlock()
	})
	return d.Conn.Close()
}
