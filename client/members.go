package client

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// removeWait is how long a sidecar may take to remove a member beyond its own time: a spare may have to take its place first.
const removeWait = 10 * time.Second

// Removed is a member that was taken out of the group, as it was before.
type Removed struct {
	MemberRef
	Role    string // "" where the sidecar did not know it
	Healthy bool   // it was heard of: if it runs it goes on as an agent, and may become a member again
}

// RemoveMember takes a member, named by its ID, out of the group: one that is gone for good and not to be waited for. It is for
// administrators, as [Client.ForceRelease] is. An [*Error] says with the code no_such_member, not_a_member, last_voter or
// no_majority_left what is in the way; then nothing was done.
func (c *Client) RemoveMember(ctx context.Context, id string) (*Removed, error) {
	r := request{call: "remove the member " + id, method: http.MethodDelete, path: "/v1/cluster/members/" + id, wait: removeWait}
	if !nameRule.MatchString(id) {
		r.call = "remove a member"
		return nil, invalid(r.call, "no_such_member", "id", "this is no ID of a member: those have 1 to 128 of A-Z a-z 0-9 . _ : -")
	}
	tries := 0
	var w wireRemoved
	_, err := c.persist(ctx, &r, &w, c.patient(), func(*request) { tries++ })
	var refused *Error
	switch {
	case err == nil:
		return &Removed{MemberRef: MemberRef(w.wireMemberRef), Role: w.Role, Healthy: w.Healthy}, nil
	case tries > 1 && errors.As(err, &refused) && refused.Code == "no_such_member":
		return &Removed{MemberRef: MemberRef{ID: id}}, nil // a try before this one, which was not answered, has done it
	}
	return nil, err
}

type wireRemoved struct {
	wireMemberRef
	Role    string `json:"role"` // null leaves ""
	Healthy bool   `json:"healthy"`
}

func (w *wireRemoved) missing() string {
	if w.ID == "" {
		return "id"
	}
	return ""
}

var _ checker = (*wireRemoved)(nil)
