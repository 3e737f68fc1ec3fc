package raftnode

import (
	"context"
	"errors"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// Acquire carries an acquire through the log and, with a wait, stands in line: it returns when the lease holds, when it
// cannot any more, or with the result of its applied withdrawal (code WaitTimeout) once wait is over. While it
// waits this node keeps an implicit lease alive. If ctx is cancelled the caller has hung up: the attempt is withdrawn in the
// background, and a grant just made is given back. ctx must allow for wait and for a missing Raft leader besides.
func (n *Node) Acquire(ctx context.Context, c lease.Command, wait time.Duration) (Outcome, error) {
	if err := n.admit(c.Op); err != nil {
		return Outcome{}, err
	}
	c.Wait = wait > 0
	w := &waiting{node: n, command: c, at: spot{c.Space, c.Name, c.Lease}, until: time.Now().Add(wait)}
	out, err := w.run(ctx)
	if err == nil && out.Code == lease.OK && w.stood {
		out.Created = true // the command that found the grant did not make it; this request did
	}
	if hungUp(ctx) {
		n.takeBack(w, w.withdrawal(), w.command.TTL)
	}
	return out, err
}

// hungUp tells a caller that has gone from one whose time is over.
func hungUp(ctx context.Context) bool { return errors.Is(context.Cause(ctx), context.Canceled) }

// waiting is one attempt of one caller to acquire a lock.
type waiting struct {
	node    *Node
	command lease.Command
	at      spot
	until   time.Time      // when it leaves the line; zero: never
	last    lease.Identity // of the last acquire carried
	stood   bool           // in line, once
}

func (w *waiting) run(ctx context.Context) (Outcome, error) {
	n := w.node
	for {
		out, id, err := n.carry(ctx, errand{command: w.command, patient: w.stood})
		if id != (lease.Identity{}) {
			w.last = id
		}
		if err != nil || out.Code != lease.OK || out.Standing != lease.Waiting {
			return out, w.honest(err)
		}
		if !w.stood {
			w.stood = true
			k := newKept(lease.Renewal{Lease: w.at.lease}, out.TTL, nil, n.asked(&w.command, out))
			n.keeper.add(k)
			defer n.keeper.drop(k)
		}
		switch w.await(ctx) {
		case timedOut:
			out, err := w.giveUp(ctx)
			return out, w.honest(err)
		case stopping:
			out, err := w.giveUp(ctx)
			if err == nil && out.Code == lease.WaitTimeout {
				return Outcome{}, errDraining(nil)
			}
			return out, w.honest(err)
		case gone:
			return Outcome{}, &Error{Code: OutcomeUnknown, Detail: "the caller hung up", Err: ctx.Err()}
		}
	}
}

// honest keeps an error of a later command from saying "nothing happened" of a request that has stood in line: by now it
// may hold.
func (w *waiting) honest(err error) error {
	var made *Error
	if !w.stood || !errors.As(err, &made) || made.Code == OutcomeUnknown {
		return err
	}
	return &Error{OutcomeUnknown, "the request stood in line, and what became of it could not be learnt; repeat it with the same lease", err}
}

// What await saw.
type seen int

const (
	changed seen = iota
	timedOut
	gone
	stopping
)

// await waits until something may have happened to the place. What it is, the acquire said again will tell: it goes
// through the log, and claims a grant with the full TTL.
func (w *waiting) await(ctx context.Context) seen {
	n := w.node
	wake := newBell()
	defer n.watch(interest{spot: w.at, standing: lease.Waiting}, wake.ring)()
	timer := time.NewTimer(time.Until(w.until))
	defer timer.Stop()
	over := timer.C
	if w.until.IsZero() {
		over = nil
	}
	select {
	case <-wake:
		return changed
	case <-over:
		return timedOut
	case <-n.noWaits:
		return stopping
	case <-ctx.Done():
		if hungUp(ctx) {
			return gone
		}
		return timedOut
	}
}

// giveUp withdraws after the wait is over. A grant made meanwhile is kept: the caller is still there.
func (w *waiting) giveUp(ctx context.Context) (Outcome, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTimeout)
	defer cancel()
	c := w.withdrawal()
	c.Keep = true
	out, _, err := w.node.carry(ctx, errand{command: c, cancels: w.last})
	if err == nil && out.Code == lease.LeaseExpired && out.Reason == lease.NotEnded {
		out.Code = lease.WaitTimeout // it never came into the queue
	}
	return out, err
}

// withdrawal is the command that ends this attempt.
func (w *waiting) withdrawal() lease.Command {
	return lease.Command{Op: lease.OpWithdraw, Space: w.at.space, Name: w.at.name, Lease: w.at.lease, Attempt: w.command.Attempt}
}

// takeBack withdraws, in the background, the attempt of a caller that hung up. It is tried for as long as the lease may last, so that
// nobody waits for what has been let go of while this sidecar was cut off.
func (n *Node) takeBack(w *waiting, withdrawal lease.Command, ttl time.Duration) {
	if w.last == (lease.Identity{}) {
		return // nothing was ever sent
	}
	n.beside(func() {
		ctx, cancel := context.WithTimeout(n.ctx, withdrawTimeout+ttl)
		defer cancel()
		if _, _, err := n.carry(ctx, errand{command: withdrawal, cancels: w.last}); err != nil {
			n.log.Warn("could not take back what a caller has let go of; its lease runs out", "name", w.at.name, "err", err)
		}
	})
}
