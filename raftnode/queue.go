package raftnode

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sidelock/sidelock/lease"
)

// errNothing marks failures after which it is certain that the command was not and will not be applied.
var errNothing = errors.New("nothing happened")

// errFull means that the queue has no room for this command.
var errFull = fmt.Errorf("the queue of commands is full: %w", errNothing)

// proposal is a command on its way into the log.
type proposal struct {
	command []byte // encoded
	taken   atomic.Uint32
	done    func(lease.Result, error) // called once; must not block. An error wraps errNothing, or the outcome is unknown
}

const (
	proposalQueued = iota
	proposalSealed
	proposalCancelled
)

// cancel takes a proposal back if no batch has it yet; then nothing happened.
func (p *proposal) cancel() bool { return p.taken.CompareAndSwap(proposalQueued, proposalCancelled) }

func (p *proposal) seal() bool { return p.taken.CompareAndSwap(proposalQueued, proposalSealed) }

// queue holds the commands that wait for the next batch. It is bounded; renewals and releases have room of their own, so
// that load never costs anybody a lease.
type queue struct {
	mu      sync.Mutex
	waiting []*proposal
	closed  error
	ready   chan struct{} // has a value when somebody waits
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

// push adds a proposal, or says why not.
func (q *queue) push(p *proposal, vital bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed != nil:
		return q.closed
	case len(q.waiting) >= queueLimit+queueReserve, !vital && len(q.waiting) >= queueLimit:
		return errFull
	}
	q.waiting = append(q.waiting, p)
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return nil
}

// take returns the next batch, in the order of arrival, within the bounds of an entry.
func (q *queue) take() []*proposal {
	q.mu.Lock()
	defer q.mu.Unlock()
	var batch []*proposal
	bytes, n := 0, 0
	for _, p := range q.waiting {
		if len(batch) == maxBatchCommands || len(batch) > 0 && bytes+len(p.command) > maxBatchBytes {
			break
		}
		n++
		if p.seal() {
			batch = append(batch, p)
			bytes += len(p.command)
		}
	}
	q.waiting = q.waiting[n:]
	if len(q.waiting) == 0 {
		q.waiting = nil
	} else {
		select {
		case q.ready <- struct{}{}:
		default:
		}
	}
	return batch
}

// close refuses what comes and fails what waits: none of it was proposed.
func (q *queue) close(err error) {
	q.mu.Lock()
	q.closed = err
	left := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	for _, p := range left {
		if p.seal() {
			p.done(lease.Result{}, err)
		}
	}
}

// vital says whether a command is never refused for load: it keeps or frees what somebody has.
func vital(op lease.Op) bool {
	switch op {
	case lease.OpRenew, lease.OpRenewLease, lease.OpKeepAlive, lease.OpRelease, lease.OpRevokeLease, lease.OpWithdraw, lease.OpOpenSession:
		return true
	}
	return false
}
