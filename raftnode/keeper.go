package raftnode

import (
	"context"
	"sync"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// keeper renews the leases that this sidecar answers for: those of requests that wait in line. All that are due go in
// one command, so that the traffic grows with sidecars and not with leases. It renews nothing that a caller
// renews itself: a dead campaigner must not lead for ever.
type keeper struct {
	node *Node
	mu   sync.Mutex
	kept map[lease.ID]*kept
}

type kept struct {
	requests int // that wait with this lease, on this node
	every    time.Duration
	due      time.Time
}

func newKeeper(n *Node) *keeper { return &keeper{node: n, kept: map[lease.ID]*kept{}} }

// add keeps a lease of the given TTL alive until remove is called as often.
func (k *keeper) add(id lease.ID, ttl time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.kept[id]
	if one == nil {
		one = &kept{every: min(ttl, lease.WaitingTTL) / 3}
		one.due = time.Now().Add(one.every)
		k.kept[id] = one
	}
	one.requests++
}

func (k *keeper) remove(id lease.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if one := k.kept[id]; one != nil {
		if one.requests--; one.requests == 0 {
			delete(k.kept, id)
		}
	}
}

// run renews until the context ends.
func (k *keeper) run(ctx context.Context) {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for due := k.take(time.Now()); len(due) > 0; {
			batch := due[:min(len(due), lease.MaxKeepAlive)]
			due = due[len(batch):]
			k.renew(ctx, batch)
		}
	}
}

// take returns the leases that are due before the keeper looks again, and sets when they are due next.
func (k *keeper) take(now time.Time) (due []lease.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, one := range k.kept {
		if one.due.Before(now.Add(keepEvery)) {
			due = append(due, id)
			one.due = now.Add(one.every)
		}
	}
	return due
}

func (k *keeper) renew(ctx context.Context, ids []lease.ID) {
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	if _, err := k.node.Do(ctx, lease.Command{Op: lease.OpKeepAlive, Leases: ids}); err != nil {
		k.node.log.Warn("could not renew the leases of waiting requests; trying again", "leases", len(ids), "err", err)
		k.retry(ids)
	}
}

// retry makes leases due at once that could not be renewed.
func (k *keeper) retry(ids []lease.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		if one := k.kept[id]; one != nil {
			one.due = time.Now()
		}
	}
}
