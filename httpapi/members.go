package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// removeMember takes a member out of the group on an administrator's word. It is for one that is gone for good: one that runs goes on as an
// agent. A key that reaches some names alone is not enough, for a group has but one set of members.
func (q *call) removeMember() *problem {
	switch {
	case !q.admin:
		return &problem{code: Forbidden, detail: "members are removed by administrators: use the socket admin.sock in the sidecar's data directory, or sidelock remove"}
	case q.key != nil && !q.key.ReachesAll():
		return q.outOfReach("members of the group")
	}
	id := q.gin.Param("id")
	if lease.ValidName(id) != nil { // nor is it an ID that any sidecar draws
		return &problem{code: NoSuchMember}
	}
	gone := q.member(id) // as it was: after this nobody lists it as a member
	ctx, cancel := context.WithTimeout(q.r.Context(), RemoveTimeout)
	defer cancel()
	q.proposed = true
	if err := q.api.node.RemoveMember(ctx, id); err != nil {
		return q.notRemoved(err)
	}
	q.api.log.Info("member removed", "id", id, "name", gone.Name, "role", string(gone.Role), "key", q.keyName())
	q.out.item()
	q.out.string("state", "removed")
	q.out.string("name", gone.Name)
	q.out.string("id", id)
	q.out.stringOrNull("address", gone.Address)
	q.out.stringOrNull("role", string(gone.Role))
	q.out.bool("healthy", gone.Healthy)
	q.out.end()
	return q.answer(http.StatusOK)
}

// member is what this sidecar knows of another; of one that it does not know, the ID.
func (q *call) member(id string) raftnode.Member {
	for _, m := range q.api.node.Status().Members {
		if m.ID == id {
			return m
		}
	}
	return raftnode.Member{ID: id, Name: id}
}

// notRemoved turns an error of RemoveMember into a problem.
func (q *call) notRemoved(err error) *problem {
	for refusal, code := range map[error]lease.Code{
		raftnode.ErrNoSuchMember: NoSuchMember, raftnode.ErrIsAgent: NotAMember, raftnode.ErrLastVoter: LastVoter, raftnode.ErrNoMajority: NoMajorityLeft,
	} {
		if errors.Is(err, refusal) {
			return &problem{code: code}
		}
	}
	return q.failed(err)
}
