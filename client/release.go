package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// Release releases a lock, or resigns from an election, by its lease ID: for programs that did not take it themselves, or not in this
// life. token names the grant and is needed only for a lease that holds several names; 0 is none. Said again it succeeds
// again; [ErrLost] says that the lease ended otherwise.
func (c *Client) Release(ctx context.Context, kind Kind, name, lease string, token uint64) error {
	r, err := named("release", http.MethodDelete, kind, name, "")
	if err != nil {
		return err
	}
	r.lease = lease
	if token != 0 {
		r.query = url.Values{"token": {strconv.FormatUint(token, 10)}}
	}
	_, err = c.persist(ctx, &r, nil, c.patient(), nil)
	return err
}
