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

// AwaitIdle returns when nothing is held or waited for any more that was taken through this sidecar, as its own replica
// or the Raft leader's has it, so that clients can renew and release here until then. It returns early when ctx ends, with how many are left.
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

// taken counts what was taken through this sidecar and is held or waited for. An agent has to ask; while nobody answers it is as before,
// or, before the first answer, one: it cannot be known that there is nothing.
func (n *Node) taken(ctx context.Context, before int) (count int) {
	if n.asMember() != nil {
		n.machine.read(func(s *lease.State) { count = s.TakenVia(n.cfg.Name) })
		return count
	}
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	if l, err := n.leaderLink(); err == nil {
		if kind, payload, err := l.roundTrip(ctx, frameTaken, []byte(n.cfg.Name)); err == nil && kind == frameCount {
			if count, read := binary.Uvarint(payload); read > 0 {
				return int(count)
			}
		}
	}
	return max(before, 1)
}
