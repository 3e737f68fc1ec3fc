package raftnode

import (
	"context"
	"errors"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// QueryChange is Query about one name, answered when the index of its last change exceeds after, or when wait is over, with the
// answer either way. ctx must allow for wait and for a missing Raft leader besides.
func (n *Node) QueryChange(ctx context.Context, q lease.Query, c Consistency, after uint64, wait time.Duration) (lease.Answer, ReadInfo, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for late := false; ; {
		a, info, err := n.Query(ctx, q, c)
		if err != nil || late || a.Info == nil || a.Info.Index > after {
			return a, info, err
		}
		late = !n.awaitChange(ctx, interest{spot: spot{q.Space, q.Name, ""}, index: after}, c, timer.C)
	}
}

// awaitChange returns true when something may have happened, false when it is time to answer.
func (n *Node) awaitChange(ctx context.Context, i interest, c Consistency, over <-chan time.Time) bool {
	wake := newBell()
	if c == Local { // the answer comes from this replica, whatever the Raft leader knows
		one := n.machine.watch.add(i, wake.ring)
		defer n.machine.watch.remove(one)
		if n.outdated(i) {
			return true
		}
	} else {
		defer n.watch(i, wake.ring)()
	}
	select {
	case <-wake:
		return true
	case <-over:
	case <-n.noWaits:
	case <-ctx.Done():
	}
	return false
}

// RenewUntilChange renews a campaign, and then again when it begins to lead or is over, or when wait is. Meanwhile this sidecar keeps
// the lease alive, for its caller is there. A leader waits no longer than a third of its TTL: it goes by what it was told last, and must
// hear again in time. ctx must allow for wait and for a missing Raft leader besides.
func (n *Node) RenewUntilChange(ctx context.Context, c lease.Command, wait time.Duration) (Outcome, error) {
	out, err := n.Do(ctx, c)
	if err != nil || out.Code != lease.OK || wait <= 0 {
		return out, err
	}
	one := newKept(lease.Renewal{Lease: c.Lease, Hold: true}, out.TTL, func(r renewed) {
		if r.doubt == lease.OK && r.Code == lease.OK && r.Standing == lease.Holding {
			n.leads.set(c.Name, c.Lease, r.Token, r.sent, safeUntil(r.Remaining, out.TTL, r.sent))
		}
	}, n.asked(&c, out))
	n.keeper.add(one)
	defer n.keeper.drop(one)
	stood := out.Standing
	c.Value, c.Given = "", 0 // it has been set
	if stood == lease.Holding {
		wait = min(wait, out.TTL/3)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for late := false; !late && out.Standing == stood; {
		late = !n.awaitChange(ctx, interest{spot: spot{c.Space, c.Name, c.Lease}, standing: stood}, Linearizable, timer.C)
		if ctx.Err() != nil {
			break
		}
		next, err := n.Do(ctx, c)
		if err != nil || next.Code != lease.OK {
			if out.ValidFor = n.validFor(out.until); err != nil && out.ValidFor > 0 {
				return out, nil // what the first renewal came to still holds true
			}
			return next, unsettled(err)
		}
		out = next
	}
	out.ValidFor = n.validFor(out.until)
	return out, nil
}

// unsettled is an error after something has happened already, be it that a later command came to nothing.
func unsettled(err error) error {
	var made *Error
	if !errors.As(err, &made) || made.Code == OutcomeUnknown {
		return err
	}
	return &Error{OutcomeUnknown, "the lease was renewed, and what became of it since could not be learnt; repeat the call", err}
}
