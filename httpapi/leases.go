package httpapi

import (
	"net/http"

	"github.com/sidelock/sidelock/lease"
)

func (q *call) createLease() *problem {
	out, p := q.do(q.newLease(lease.OpCreateLease))
	if p != nil {
		return p
	}
	return q.granted(&out, func() { q.out.leaseGrant(&out) })
}

func (q *call) renewLease() *problem {
	id, p := q.leaseID()
	if p != nil {
		return p
	}
	out, p := q.do(lease.Command{Op: lease.OpRenewLease, Lease: id})
	if p != nil {
		return p
	}
	q.index(out.Index)
	q.out.leaseGrant(&out)
	return q.answer(http.StatusOK)
}

func (q *call) revokeLease() *problem {
	id, p := q.leaseID()
	if p != nil {
		return p
	}
	out, p := q.do(lease.Command{Op: lease.OpRevokeLease, Lease: id})
	if p != nil {
		return p
	}
	q.index(out.Index)
	q.out.item()
	q.out.string("lease", string(id))
	q.out.string("state", "revoked")
	q.out.end()
	return q.answer(http.StatusOK)
}

func (q *call) getLease() *problem {
	id, p := q.leaseID()
	if p != nil {
		return p
	}
	answer, p := q.query(lease.Query{Kind: lease.QueryLease, Lease: id})
	if p != nil {
		return p
	}
	if answer.Code != lease.OK || answer.Lease == nil {
		return q.unanswered(&answer)
	}
	q.out.leaseInfo(id, answer.Lease)
	return q.answer(http.StatusOK)
}

// leaseID is the checked lease ID in the path.
func (q *call) leaseID() (lease.ID, *problem) {
	id := lease.ID(q.gin.Param("lease"))
	if f := lease.ValidLeaseID(id); f != nil {
		return "", &problem{code: f.Code, param: f.Param, detail: f.Detail}
	}
	return id, nil
}
