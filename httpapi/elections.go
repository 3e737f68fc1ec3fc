package httpapi

import (
	"net/http"

	"github.com/sidelock/sidelock/lease"
)

// campaign stands in line without hanging: a standby is an answer, and the line is the caller's to keep alive.
func (q *call) campaign() *problem {
	c, p := q.candidature()
	if p != nil {
		return p
	}
	out, p := q.do(c)
	if p != nil {
		return p
	}
	return q.granted(&out, func() { q.out.candidacy(c.Name, &out) })
}

// candidature is the command that campaigns.
func (q *call) candidature() (lease.Command, *problem) {
	name, p := q.name()
	if p != nil {
		return lease.Command{}, p
	}
	c := q.newLease(lease.OpAcquire)
	c.Space, c.Name = lease.Elections, name
	c.Limit, c.Wait = DefaultLimit, true
	c.Value = q.v.value
	if q.v.given.has(pValue) {
		c.Given |= lease.GivenValue
	}
	c.Attempt = newAttempt()
	return c, nil
}

func (q *call) holdCandidacy() *problem {
	c, p := q.candidature()
	if p != nil {
		return p
	}
	return q.hold(c, electionWords)
}

func (q *call) renewCandidacy() *problem {
	c, p := q.onLease(lease.OpRenew, lease.Elections)
	if p != nil {
		return p
	}
	if q.v.given.has(pValue) {
		c.Value = q.v.value
		c.Given |= lease.GivenValue
	}
	out, p := q.do(c)
	if p != nil {
		return p
	}
	q.index(out.Index)
	q.out.candidacy(c.Name, &out)
	return q.answer(http.StatusOK)
}

func (q *call) resign() *problem { return q.release(lease.Elections, "resigned") }

func (q *call) getElection() *problem {
	name, p := q.longPoll()
	if p != nil {
		return p
	}
	answer, p := q.query(lease.Query{Kind: lease.QueryName, Space: lease.Elections, Name: name})
	if p != nil {
		return p
	}
	if answer.Code != lease.OK || answer.Info == nil {
		return q.unanswered(&answer)
	}
	q.out.election(answer.Info, false)
	return q.answer(http.StatusOK)
}

func (q *call) listElections() *problem {
	return q.list(lease.Elections, func(info *lease.Info) { q.out.election(info, true) })
}
