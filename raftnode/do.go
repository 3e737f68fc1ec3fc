package raftnode

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// Do carries one command through the log and returns what it came to. It sits out a missing Raft leader and tries again,
// under one identity, so that the command has one effect, until ctx ends. A returned error is an *Error: its Code is
// OutcomeUnknown if the command may have been applied, else nothing happened.
func (n *Node) Do(ctx context.Context, c lease.Command) (Outcome, error) {
	if err := n.admit(c.Op); err != nil {
		return Outcome{}, err
	}
	out, _, err := n.carry(ctx, errand{command: c})
	return out, err
}

// errand is one command to be carried through the log.
type errand struct {
	command lease.Command
	cancels lease.Identity // of an earlier command that must not run any more
	patient bool           // on behalf of somebody who has something already: it sits out an overload
}

// carry is Do without admission, for what has been admitted; it also returns the identity under which the command went.
func (n *Node) carry(ctx context.Context, e errand) (Outcome, lease.Identity, error) {
	c := e.command
	sent := n.deps.Clock.Boot()
	n.leads.letGo(&c, sent)
	try := attempt{node: n, patient: e.patient || vital(c.Op)}
	for {
		id, err := n.session.begin(ctx, n.openSession)
		if err != nil {
			return Outcome{}, id, try.failed(err)
		}
		c.Identity = id
		c.Cancel = 0
		if e.cancels.Session == id.Session {
			c.Cancel = e.cancels.Seq
		}
		res, err := try.until(ctx, &c)
		n.session.end(id)
		switch {
		case err != nil:
			return Outcome{}, id, err
		case res.Code == lease.UnknownSession:
			n.session.lost(id.Session)
			if !try.maybe {
				continue
			}
			// An earlier try may have been applied while the session was alive.
			return Outcome{}, id, try.unknown(errors.New("the session ended"))
		case res.Code == lease.StaleCommand:
			return Outcome{}, id, try.unknown(errors.New("the answer has been forgotten"))
		}
		out := n.outcome(res, sent)
		n.leads.learn(&c, &out, n.deps.Clock.Boot())
		n.heedLeads()
		return out, id, nil
	}
}

// outcome adds what this sidecar knows: when it first sent the command.
func (n *Node) outcome(res lease.Result, sent time.Duration) Outcome {
	out := Outcome{Result: res, sent: sent, until: safeUntil(res.Remaining, res.TTL, sent)}
	out.ValidFor = n.validFor(out.until)
	return out
}

// validFor is what is left until a safe deadline.
func (n *Node) validFor(until time.Duration) time.Duration { return max(0, until-n.deps.Clock.Boot()) }

// attempt repeats one command until it has a result.
type attempt struct {
	node    *Node
	maybe   bool  // one of the tries may have been applied
	patient bool  // it goes on for somebody who has something already, and sits out an overload
	last    error // why the last try failed
}

func (a *attempt) until(ctx context.Context, c *lease.Command) (lease.Result, error) {
	for {
		changed := a.node.leaderChange.wait()
		res, err := a.node.carryOnce(ctx, c)
		if err == nil {
			return res, nil
		}
		if !errors.Is(err, errNothing) {
			a.maybe = true
		}
		if ctx.Err() != nil {
			return lease.Result{}, a.failed(ctx.Err())
		}
		if errors.Is(err, errFull) && !a.patient {
			return lease.Result{}, a.failed(err)
		}
		a.last = err
		if err := a.node.pause(ctx, changed); err != nil {
			return lease.Result{}, a.failed(err)
		}
	}
}

// pause waits a little, or until there is another Raft leader.
func (n *Node) pause(ctx context.Context, changed <-chan struct{}) error {
	timer := time.NewTimer(retryPause)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	case <-n.ctx.Done():
		return errClosing
	}
	return nil
}

// failed makes the error that the caller sees.
func (a *attempt) failed(err error) error {
	var made *Error
	switch {
	case errors.As(err, &made):
		return made
	case a.maybe:
		return a.unknown(err)
	case errors.Is(err, errClosing):
		return errDraining(err)
	case errors.Is(err, errFull):
		return &Error{Overloaded, "too many requests wait to be written to the log; try again shortly", err}
	case errors.Is(a.last, errNoQuorum):
		return &Error{NoQuorum, "the Raft leader cannot reach a majority of voters; see GET /v1/cluster", a.last}
	}
	return &Error{NoLeader, "no Raft leader could be reached in time; see GET /v1/cluster", errors.Join(err, a.last)}
}

// errDraining says that this sidecar takes nothing new on.
func errDraining(err error) *Error {
	return &Error{Draining, "this sidecar is stopping; ask another, or this one after its restart", err}
}

func (a *attempt) unknown(err error) error {
	return &Error{OutcomeUnknown, "the command may or may not have been applied; repeat it with the same lease", errors.Join(err, a.last)}
}

// openSession makes a session of this sidecar. Doubled, it leaves one behind that ends by itself.
func (n *Node) openSession(ctx context.Context) (lease.SessionID, error) {
	try := attempt{node: n, patient: true}
	res, err := try.until(ctx, &lease.Command{Op: lease.OpOpenSession, Node: n.cfg.Name, Attempt: n.session.draw()})
	if err != nil {
		var made *Error
		if errors.As(err, &made) && made.Code == OutcomeUnknown {
			return 0, &Error{NoLeader, "no Raft leader answered in time; see GET /v1/cluster", err}
		}
		return 0, err
	}
	if res.Code != lease.OK || res.Session == 0 {
		return 0, &Error{NotReady, "the Raft leader refused a session: " + res.Detail, fmt.Errorf("code %s", res.Code)}
	}
	return res.Session, nil
}

// admit refuses what this node cannot or should not take on now.
func (n *Node) admit(op lease.Op) error {
	if !n.joined.Load() {
		return &Error{Code: NotReady, Detail: "this node has not joined its group yet: " + n.Status().NotReady}
	}
	if n.draining.Load() && (op == lease.OpAcquire || op == lease.OpCreateLease) {
		return errDraining(nil)
	}
	return n.offLevel(op)
}
