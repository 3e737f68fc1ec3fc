package raftnode

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// caller is one sidecar that sends its callers' requests to this node, which it takes for the Raft leader.
type caller struct {
	node  *Node
	hello peer.Hello
	out   *frameWriter
	ctx   context.Context
	calls atomic.Int64 // being worked on
	wg    sync.WaitGroup

	mu      sync.Mutex
	watches map[uint64]*watcher
}

// serveForward answers one forwarding connection until it fails.
func (n *Node) serveForward(conn net.Conn, h peer.Hello) {
	ctx, cancel := context.WithCancel(n.ctx)
	n.roll.come(h)
	defer n.roll.leave(h)
	c := &caller{node: n, hello: h, out: newFrameWriter(conn), ctx: ctx, watches: map[uint64]*watcher{}}
	c.wg.Go(c.out.run)
	c.out.fail(c.read(bufio.NewReaderSize(patient{conn}, 64<<10)))
	cancel()
	c.unwatchAll()
	c.wg.Wait()
}

func (c *caller) read(in *bufio.Reader) error {
	for {
		call, kind, payload, err := readFrame(in)
		if err != nil {
			return err
		}
		c.dispatch(call, kind, payload)
	}
}

func (c *caller) dispatch(call uint64, kind byte, payload []byte) {
	switch kind {
	case frameCommand:
		c.command(call, payload)
	case frameQuery:
		if c.calls.Load() > maxPeerCalls {
			c.out.send(call, frameFull, nil)
			return
		}
		c.calls.Add(1)
		c.wg.Go(func() {
			defer c.calls.Add(-1)
			c.query(call, payload)
		})
	case frameWatch:
		c.watch(call, payload)
	case frameUnwatch:
		c.unwatch(call)
	case frameRemove:
		c.calls.Add(1)
		c.wg.Go(func() {
			defer c.calls.Add(-1)
			c.remove(call, string(payload))
		})
	case frameTaken:
		c.calls.Add(1)
		c.wg.Go(func() {
			defer c.calls.Add(-1)
			c.taken(call, string(payload))
		})
	case framePing:
		c.pong(call, payload)
	default:
		c.out.send(call, frameNothing, []byte("unknown kind of request: upgrade the Raft leader"))
	}
}

// command puts a command into the queue of the reign. It is decoded first: what is proposed must be understood.
func (c *caller) command(call uint64, payload []byte) {
	cmd, rest, err := lease.DecodeCommand(payload)
	if err != nil || len(rest) > 0 {
		c.out.send(call, frameNothing, []byte("the Raft leader does not understand this command: upgrade it"))
		return
	}
	r := c.node.reigning()
	if r == nil {
		c.out.send(call, frameNotLeader, nil)
		return
	}
	if err := c.refuse(cmd.Op); err != nil {
		c.out.send(call, frameNothing, []byte(err.Error()))
		return
	}
	c.calls.Add(1)
	p := &proposal{command: payload, done: func(res lease.Result, err error) {
		c.calls.Add(-1)
		c.result(call, res, err)
	}}
	if err := r.queue.push(p, vital(cmd.Op)); err != nil {
		p.done(lease.Result{}, err)
	}
}

// refuse keeps out of the log what no sidecar may send: what an older replica would not understand, and what a Raft leader alone proposes.
func (c *caller) refuse(op lease.Op) error {
	if op == lease.OpBootstrap || op == lease.OpRaiseLevel {
		return errors.New("only the Raft leader proposes this")
	}
	return c.node.offLevel(op)
}

func (c *caller) result(call uint64, res lease.Result, err error) {
	switch {
	case err == nil:
		c.out.append(call, frameResult, func(b []byte) []byte { return lease.AppendResult(b, &res) })
	case errors.Is(err, errFull):
		c.out.send(call, frameFull, nil)
	case errors.Is(err, errReignOver):
		c.out.send(call, frameNotLeader, nil)
	case errors.Is(err, errNothing):
		c.out.send(call, frameNothing, []byte(err.Error()))
	default:
		c.out.send(call, frameUnknown, []byte(err.Error()))
	}
}

func (c *caller) query(call uint64, payload []byte) {
	q, err := lease.DecodeQuery(payload)
	if err != nil {
		c.out.send(call, frameNothing, []byte("the Raft leader does not understand this question: upgrade it"))
		return
	}
	r := c.node.reigning()
	if r == nil {
		c.out.send(call, frameNotLeader, nil)
		return
	}
	switch err := r.confirms.confirm(c.ctx); {
	case errors.Is(err, errNoQuorum):
		c.out.send(call, frameNoQuorum, nil)
	case err != nil:
		c.out.send(call, frameNotLeader, nil)
	default:
		a := c.node.machine.answer(q)
		c.out.append(call, frameAnswer, func(b []byte) []byte { return lease.AppendAnswer(b, &a) })
	}
}

// watch registers first and looks second, so that nothing between is missed.
func (c *caller) watch(call uint64, payload []byte) {
	i, ok := decodeInterest(payload)
	if !ok {
		c.out.send(call, frameNothing, []byte("a watch that is not understood"))
		return
	}
	c.mu.Lock() // held over add: it may be woken at once, and must then find itself in the table
	c.watches[call] = c.node.machine.watch.add(i, func() {
		c.forget(call)
		c.out.send(call, frameWoken, nil)
	})
	c.mu.Unlock()
	if c.node.reigning() == nil || c.node.outdated(i) {
		c.unwatch(call)
		c.out.send(call, frameWoken, nil)
	}
}

func (c *caller) forget(call uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.watches, call)
}

func (c *caller) unwatch(call uint64) {
	c.mu.Lock()
	w := c.watches[call]
	delete(c.watches, call)
	c.mu.Unlock()
	if w != nil {
		c.node.machine.watch.remove(w)
	}
}

func (c *caller) unwatchAll() {
	c.mu.Lock()
	left := c.watches
	c.watches = map[uint64]*watcher{}
	c.mu.Unlock()
	for _, w := range left {
		c.node.machine.watch.remove(w)
	}
}

// pong answers a ping with what only the Raft leader knows.
func (c *caller) pong(call uint64, payload []byte) {
	p, ok := decodePing(payload)
	if !ok {
		c.out.send(call, frameNothing, []byte("a ping that is not understood"))
		return
	}
	if _, why := refuseLevel(c.node.FeatureLevel(), c.hello); why != "" {
		c.out.fail(errors.New(why)) // the level has risen since it came
		return
	}
	answer, ok := c.node.pinged(c.hello, p)
	if !ok {
		c.out.send(call, frameNotLeader, nil)
		return
	}
	c.out.append(call, framePong, func(b []byte) []byte { return append(b, answer.encode()...) })
}
