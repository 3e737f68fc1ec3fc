package httpapi

import (
	"net/http"

	"github.com/sidelock/sidelock/lease"
)

func (q *call) acquireLock() *problem {
	c, p := q.acquisition()
	if p != nil {
		return p
	}
	out, p := q.do(c)
	if p != nil {
		return p
	}
	return q.granted(&out, func() { q.out.lockGrant(c.Name, &out) })
}

// acquisition is the command that acquires a lock.
func (q *call) acquisition() (lease.Command, *problem) {
	name, p := q.name()
	if p != nil {
		return lease.Command{}, p
	}
	c := q.newLease(lease.OpAcquire)
	c.Space, c.Name = lease.Locks, name
	c.Limit, c.MinHold = DefaultLimit, q.v.minHold
	if q.v.given.has(pLimit) || q.v.given.has(pMode) {
		c.Limit = q.v.limit
		c.Given |= lease.GivenLimit
	}
	if q.v.given.has(pMinHold) {
		c.Given |= lease.GivenMinHold
	}
	c.Wait = q.v.wait > 0
	c.Attempt = newAttempt()
	return c, nil
}

func (q *call) holdLock() *problem {
	c, p := q.acquisition()
	if p != nil {
		return p
	}
	return q.hold(c, lockWords)
}

func (q *call) renewLock() *problem {
	c, p := q.onLease(lease.OpRenew, lease.Locks)
	if p != nil {
		return p
	}
	out, p := q.do(c)
	if p != nil {
		return p
	}
	q.index(out.Index)
	q.out.lockGrant(c.Name, &out)
	return q.answer(http.StatusOK)
}

func (q *call) releaseLock() *problem { return q.release(lease.Locks, "released") }

func (q *call) getLock() *problem {
	name, p := q.longPoll()
	if p != nil {
		return p
	}
	answer, p := q.query(lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: name, Token: q.v.token})
	if p != nil {
		return p
	}
	if answer.Code != lease.OK || answer.Info == nil {
		return q.unanswered(&answer)
	}
	q.out.lock(answer.Info, false, q.v.token != 0)
	return q.answer(http.StatusOK)
}

func (q *call) listLocks() *problem {
	return q.list(lease.Locks, func(info *lease.Info) { q.out.lock(info, true, false) })
}
