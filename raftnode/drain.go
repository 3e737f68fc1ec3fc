package raftnode

import (
	"context"
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
// has it, so that clients can renew and release here until then. It returns early when ctx ends, with how many are left.
func (n *Node) AwaitIdle(ctx context.Context) (left int) {
	ticker := time.NewTicker(drainEvery)
	defer ticker.Stop()
	for {
		n.machine.read(func(s *lease.State) { left = s.TakenVia(n.cfg.Name) })
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
