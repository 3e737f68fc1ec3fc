package httpapi

import (
	"net/http"

	"github.com/sidelock/sidelock/lease"
)

// forceRelease ends one named grant on an administrator's word. The former holder learns at once, and why; the name is free when it
// lets go or at its old deadline, unless immediate is said, which is unsafe.
func (q *call) forceRelease(space lease.Space) *problem {
	name, p := q.name()
	if p != nil {
		return p
	}
	if p := q.lacks(admin); p != nil {
		return p
	}
	if !q.admin {
		return &problem{code: Forbidden, detail: "a release without the lease is forced, and for administrators: use the socket admin.sock in the sidecar's data directory, or sidelock release --force"}
	}
	out, p := q.do(lease.Command{Op: lease.OpForceRelease, Space: space, Name: name, Token: q.v.token, Reason: q.v.reason, Immediate: q.v.immediate})
	if p != nil {
		return p
	}
	q.api.log.Info("forced release", "lock", name, "kind", kindOf(space), "owner", out.Owner, "fencing_token", uint64(out.Token), "reason", q.v.reason, "immediate", q.v.immediate, "key", q.keyName())
	q.index(out.Index)
	q.out.forced(name, &out)
	return q.answer(http.StatusOK)
}
