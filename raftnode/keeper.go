package raftnode

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// keeper renews the leases that this sidecar answers for: those of requests that wait in line, and of holds. All that are
// due go in one command, so that the traffic grows with sidecars and not with leases. It renews nothing that a caller
// renews itself: a dead campaigner must not lead for ever.
type keeper struct {
	node *Node
	mu   sync.Mutex
	all  map[*kept]struct{}
}

// kept is one lease that is renewed on behalf of one request or hold.
type kept struct {
	renewal lease.Renewal
	every   time.Duration
	due     time.Time
	heard   func(renewed)  // of each try; may be nil, must not block
	tells   func() Keeping // for whom; called with no lock held
}

// renewed is what one try to renew came to.
type renewed struct {
	lease.Kept
	sent  time.Duration // when it was first sent, by the boot clock
	doubt lease.Code    // why it could not be carried; the rest means nothing then
}

func newKeeper(n *Node) *keeper { return &keeper{node: n, all: map[*kept]struct{}{}} }

// newKept describes a lease of the given TTL that is to be renewed.
func newKept(r lease.Renewal, ttl time.Duration, heard func(renewed), tells func() Keeping) *kept {
	return &kept{renewal: r, every: renewEvery(ttl, r.Hold), heard: heard, tells: tells}
}

// add renews a lease, from a third of its TTL on, until drop is called.
func (k *keeper) add(one *kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one.due = time.Now().Add(one.every)
	k.all[one] = struct{}{}
}

// renewEvery is a third of the TTL, so that two tries may fail. While a hold waits its lease has the TTL of a waiter.
func renewEvery(ttl time.Duration, hold bool) time.Duration {
	if hold {
		return min(ttl/3, lease.WaitingTTL/3, keepAtLeast)
	}
	return min(ttl, lease.WaitingTTL) / 3
}

// holds says that a hold has come out of the queue, and is renewed at the pace of its own TTL.
func (k *keeper) holds(one *kept, ttl time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one.every = min(ttl/3, keepAtLeast)
	one.due = time.Now().Add(one.every)
}

func (k *keeper) drop(one *kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.all, one)
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
		k.node.leads.sweep(k.node.deps.Clock.Boot())
	}
}

// take returns the leases that are due before the keeper looks again, and sets when they are due next.
func (k *keeper) take(now time.Time) (due []*kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for one := range k.all {
		if one.due.Before(now.Add(keepEvery)) {
			due = append(due, one)
			one.due = now.Add(one.every)
		}
	}
	return due
}

// renew carries one batch and tells everybody what came of it.
func (k *keeper) renew(ctx context.Context, batch []*kept) {
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	c := lease.Command{Op: lease.OpKeepAlive, Renewals: make([]lease.Renewal, len(batch))}
	for i, one := range batch {
		c.Renewals[i] = one.renewal
	}
	out, _, err := k.node.carry(ctx, errand{command: c, patient: true})
	if err == nil && len(out.Kept) != len(batch) {
		err = errors.New("an answer that does not fit the question")
	}
	if err != nil {
		k.node.log.Warn("could not renew leases that this sidecar keeps; trying again", "leases", len(batch), "err", err)
		k.retry(batch)
		k.tell(batch, func(int) renewed { return renewed{doubt: doubtOf(err)} })
		return
	}
	k.tell(batch, func(i int) renewed { return renewed{Kept: out.Kept[i], sent: out.sent} })
}

func (k *keeper) tell(batch []*kept, what func(i int) renewed) {
	for i, one := range batch {
		if one.heard != nil {
			one.heard(what(i))
		}
	}
}

// doubtOf is the code that a holder is told while its lease cannot be renewed. An unknown outcome is one: it was not confirmed.
func doubtOf(err error) lease.Code {
	var made *Error
	if errors.As(err, &made) && made.Code != OutcomeUnknown {
		return made.Code
	}
	return NoQuorum
}

// retry makes leases due at once that could not be renewed.
func (k *keeper) retry(batch []*kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, one := range batch {
		one.due = time.Now()
	}
}
