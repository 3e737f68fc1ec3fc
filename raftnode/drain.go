package raftnode

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/sidelock/sidelock/lease"
)

const drainEvery = 250 * time.Millisecond

// Drain refuses new acquires and campaigns at this sidecar; what is held goes on being served. Close comes later.
func (n *Node) Drain() { n.draining.Store(true) }

// Draining tells whether Drain or Close has been called.
func (n *Node) Draining() bool { return n.draining.Load() }

// EndWaits ends the requests that wait in line at this sidecar: each leaves the queue, and is told so once that is applied. Call it
// before the API stops, or those who wait would see their connections close, and their places stay behind.
func (n *Node) EndWaits() {
	n.Drain()
	n.endWaits.Do(func() { close(n.noWaits) })
}

// AwaitIdle returns when nothing is held or waited for any more that was taken through this sidecar, as the Raft leader
// or else its own replica has it, so that clients can renew and release here until then. It returns early when ctx ends, with how many are left.
func (n *Node) AwaitIdle(ctx context.Context) (left int) {
	ticker := time.NewTicker(drainEvery)
	defer ticker.Stop()
	for {
		left = n.taken(ctx, left)
		if left == 0 {
			return 0
		}
		select {
		case <-ctx.Done():
			return left
		case <-ticker.C:
		}
	}
}

// taken counts what was taken through this sidecar and is held or waited for, as the Raft leader has it: a follower's replica may not know
// yet of what a client was given a moment ago. While nobody answers it is as this node's replica has it, and without one as before, or, before
// the first answer, one: it cannot be known that there is nothing.
func (n *Node) taken(ctx context.Context, before int) int {
	if n.reigning() == nil {
		if count, ok := n.askTaken(ctx); ok {
			return count
		}
	}
	if n.asMember() != nil && !n.freshAt().IsZero() {
		return n.machine.taken(n.cfg.Name)
	}
	return max(before, 1)
}

func (n *Node) askTaken(ctx context.Context) (int, bool) {
	l, err := n.leaderLink()
	if err != nil {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	kind, payload, err := l.roundTrip(ctx, frameTaken, []byte(n.cfg.Name))
	if err != nil || kind != frameCount {
		return 0, false
	}
	count, read := binary.Uvarint(payload)
	return int(count), read > 0
}

// taken answers another sidecar's question, if this node leads: what it knows otherwise may be old.
func (c *caller) taken(call uint64, name string) {
	r := c.node.reigning()
	if r == nil || r.confirms.confirm(c.ctx) != nil {
		c.out.send(call, frameNotLeader, nil)
		return
	}
	c.out.send(call, frameCount, binary.AppendUvarint(nil, uint64(c.node.machine.taken(name))))
}

func (m *machine) taken(via string) (count int) {
	m.read(func(s *lease.State) { count = s.TakenVia(via) })
	return count
}
