package raftnode

import (
	"context"
	"errors"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// Query answers a question from the replicated state. Linearizable: the Raft leader answers, after a majority of voters
// has confirmed it in a round that began after the question; this is tried until ctx ends. Local: this replica answers at
// once. A returned error is an *Error, and nothing happened.
func (n *Node) Query(ctx context.Context, q lease.Query, c Consistency) (lease.Answer, ReadInfo, error) {
	if err := n.admit(0); err != nil {
		return lease.Answer{}, ReadInfo{}, err
	}
	if c == Local {
		return n.queryLocal(q)
	}
	try := attempt{node: n}
	for {
		changed := n.leaderChange.wait()
		a, err := n.queryOnce(ctx, q)
		if err == nil {
			return a, ReadInfo{Index: a.Index}, nil
		}
		if ctx.Err() != nil || errors.Is(err, errFull) {
			return lease.Answer{}, ReadInfo{}, try.failed(err)
		}
		try.last = err
		if err := n.pause(ctx, changed); err != nil {
			return lease.Answer{}, ReadInfo{}, try.failed(err)
		}
	}
}

func (n *Node) queryOnce(ctx context.Context, q lease.Query) (lease.Answer, error) {
	if r := n.reigning(); r != nil {
		if err := r.confirms.confirm(ctx); err != nil {
			return lease.Answer{}, err
		}
		return n.machine.answer(q), nil
	}
	l, err := n.leaderLink()
	if err != nil {
		return lease.Answer{}, err
	}
	return l.query(ctx, q)
}

// queryLocal answers from this replica, once it has caught up in this run: reads must not go backwards over a
// restart. What the process before had applied was committed, and a Raft leader that has begun to serve has
// applied all that was.
func (n *Node) queryLocal(q lease.Query) (lease.Answer, ReadInfo, error) {
	if n.asMember() == nil {
		return lease.Answer{}, ReadInfo{}, &Error{Code: NotReady, Detail: "this sidecar is an agent: it has no replica to read from; ask without consistency=local", Err: errAgent}
	}
	at := n.freshAt()
	if at.IsZero() {
		return lease.Answer{}, ReadInfo{}, &Error{Code: NotReady, Detail: "this replica has not caught up since its start; ask without consistency=local"}
	}
	a := n.machine.answer(q)
	return a, ReadInfo{Index: a.Index, Staleness: max(0, time.Since(at))}, nil
}

// Confirm returns nil if a Raft leader can be reached that a majority of voters confirms now.
func (n *Node) Confirm(ctx context.Context) error {
	_, _, err := n.Query(ctx, lease.Query{Kind: lease.QueryLease}, Linearizable)
	return err
}
