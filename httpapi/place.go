package httpapi

// What the handlers of locks, elections and leases share.

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/http"
	"time"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// name is the checked name in the path.
func (q *call) name() (string, *problem) {
	name := q.gin.Param("name")
	if f := lease.ValidName(name); f != nil {
		return "", &problem{code: f.Code, param: f.Param, detail: f.Detail}
	}
	return name, nil
}

// longPoll is the checked name of a GET that may wait for a change.
func (q *call) longPoll() (string, *problem) {
	if q.v.given.has(pWait) && !q.v.given.has(pIndex) {
		return "", missing(pIndex, "wait goes with index: the one of the last answer, so that a change in between is not missed")
	}
	return q.name()
}

// newLease begins a command that makes a lease, or repeats the making of one.
func (q *call) newLease(op lease.Op) lease.Command {
	c := lease.Command{
		Op: op, Lease: q.v.lease, Owner: q.v.owner, TTL: q.v.ttl, Metadata: q.v.metadata,
	}
	for _, g := range [...]struct {
		p param
		g lease.Given
	}{{pLease, lease.GivenLease}, {pOwner, lease.GivenOwner}, {pTTL, lease.GivenTTL}, {pMetadata, lease.GivenMetadata}} {
		if q.v.given.has(g.p) {
			c.Given |= g.g
		}
	}
	if c.Lease == "" {
		c.Lease = newLeaseID()
	}
	if c.Owner == "" {
		c.Owner = q.api.nodeName[0]
	}
	if c.TTL == 0 {
		c.TTL = max(DefaultTTL, q.v.minTTL)
	}
	return c
}

// onLease begins a command on a name by the lease that holds it or waits for it.
func (q *call) onLease(op lease.Op, space lease.Space) (lease.Command, *problem) {
	name, p := q.name()
	if p != nil {
		return lease.Command{}, p
	}
	if q.v.lease == "" {
		return lease.Command{}, missing(pLease, "give the lease that the acquire returned: lease=…, or the header "+leaseHeader)
	}
	return lease.Command{Op: op, Space: space, Name: name, Lease: q.v.lease}, nil
}

func missing(id param, detail string) *problem {
	return &problem{code: specs[id].code, param: specs[id].name, detail: detail}
}

// granted answers a call that made or found what it asked for.
func (q *call) granted(out *raftnode.Outcome, encode func()) *problem {
	q.index(out.Index)
	encode()
	if out.Created {
		return q.answer(http.StatusCreated)
	}
	return q.answer(http.StatusOK)
}

// release ends one lease's place at a name.
func (q *call) release(space lease.Space, state string) *problem {
	if q.v.lease == "" && q.v.given.has(pToken) && q.v.given.has(pReason) {
		return q.forceRelease(space)
	}
	if q.v.lease == "" && q.v.given.has(pToken) && q.admin {
		return missing(pReason, "a forced release says why, for the former holder: reason=…")
	}
	if q.v.given.has(pReason) || q.v.given.has(pImmediate) {
		return invalid("reason", "reason and immediate belong to a forced release, which names the grant by token and gives no lease")
	}
	if p := q.lacks(write); p != nil {
		return p
	}
	c, p := q.onLease(lease.OpRelease, space)
	if p != nil {
		return p
	}
	c.Token = q.v.token
	out, p := q.do(c)
	if p != nil {
		return p
	}
	q.index(out.Index)
	q.out.ended(c.Name, state)
	return q.answer(http.StatusOK)
}

// unanswered turns the refusal of a query into a problem.
func (q *call) unanswered(a *lease.Answer) *problem {
	if a.Code == lease.OK {
		q.api.log.Error("an answer of the node is empty", "op", q.route.op)
		return &problem{code: Internal}
	}
	r := &lease.Result{Code: a.Code, Index: a.Index, Reason: a.Ended, EndedAgo: time.Duration(a.EndAgo), Why: a.Why}
	if a.Info != nil {
		r.Holders = a.Info.Holders
	}
	return &problem{code: a.Code, result: r}
}

// newLeaseID draws 130 bits.
func newLeaseID() lease.ID { return lease.ID(lease.MadePrefix + rand.Text()) }

func newAttempt() uint64 {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(fmt.Sprintf("httpapi: no randomness: %v", err)) // documented never to happen
	}
	return binary.LittleEndian.Uint64(b[:])
}
