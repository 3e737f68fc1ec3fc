package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// read makes the request of a read.
func (c *Client) read(verb string, kind Kind, name, below string) (request, error) {
	r, err := named(verb, http.MethodGet, kind, name, below)
	r.query = url.Values{}
	if c.local {
		r.query.Set("consistency", "local")
	}
	return r, err
}

// GetLock returns a lock's state. A name that nobody uses is a lock that nobody holds.
func (c *Client) GetLock(ctx context.Context, name string) (*LockState, error) {
	r, err := c.read("get", KindLock, name, "")
	if err != nil {
		return nil, err
	}
	var w wireState
	if _, err := c.persist(ctx, &r, &w, c.patient(), nil); err != nil {
		return nil, err
	}
	l := w.lock()
	return &l, nil
}

// CheckToken returns nil if a present holder of the lock has this token, and [ErrStaleToken] if none has.
func (c *Client) CheckToken(ctx context.Context, name string, token uint64) error {
	r, err := c.read("check the token of", KindLock, name, "")
	if err != nil {
		return err
	}
	r.query.Set("token", strconv.FormatUint(token, 10))
	var w wireState
	_, err = c.persist(ctx, &r, &w, c.patient(), nil)
	return err
}

// GetElection returns an election's state. A name that nobody uses is an election without a leader.
func (c *Client) GetElection(ctx context.Context, name string) (*Election, error) {
	r, err := c.read("get", KindElection, name, "")
	if err != nil {
		return nil, err
	}
	var w wireState
	if _, err := c.persist(ctx, &r, &w, c.patient(), nil); err != nil {
		return nil, err
	}
	e := w.election()
	return &e, nil
}

// ListOptions bound a list.
type ListOptions struct {
	Prefix string // only names that begin so
	After  string // only names greater than this one
}

// Locks runs through all locks in use, sorted by name, fetching pages as it goes. An error ends the sequence.
func (c *Client) Locks(ctx context.Context, o ListOptions) iter.Seq2[LockState, error] {
	return list(ctx, c, KindLock, o, (*wireState).lock)
}

// Elections is [Client.Locks] for elections.
func (c *Client) Elections(ctx context.Context, o ListOptions) iter.Seq2[Election, error] {
	return list(ctx, c, KindElection, o, (*wireState).election)
}

func list[T any](ctx context.Context, c *Client, kind Kind, o ListOptions, state func(*wireState) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for {
			page, err := c.page(ctx, kind, o)
			if err != nil {
				yield(none, err)
				return
			}
			entries := page.Locks
			if kind == KindElection {
				entries = page.Elections
			}
			for i := range entries {
				entries[i].staleness = page.staleness
				if !yield(state(&entries[i]), nil) {
					return
				}
			}
			if page.Next <= o.After { // the end, or a sidecar that goes in circles
				return
			}
			o.After = page.Next
		}
	}
}

func (c *Client) page(ctx context.Context, kind Kind, o ListOptions) (*wirePage, error) {
	r := request{call: fmt.Sprintf("list %ss", kind), method: http.MethodGet, path: fmt.Sprintf("/v1/%ss", kind)}
	p := newParameters()
	p.text("prefix", o.Prefix)
	p.text("after", o.After)
	p.text("limit", strconv.Itoa(listPage))
	if c.local {
		p.text("consistency", "local")
	}
	r.query = p.v
	var page wirePage
	_, err := c.persist(ctx, &r, &page, c.patient(), nil)
	return &page, err
}

// History returns what happened to a lock or an election, as far as it is remembered.
func (c *Client) History(ctx context.Context, kind Kind, name string) (*History, error) {
	r, err := c.read("history of", kind, name, "/history")
	if err != nil {
		return nil, err
	}
	var w wireHistory
	if _, err := c.persist(ctx, &r, &w, c.patient(), nil); err != nil {
		return nil, err
	}
	return &History{Name: w.Name, Events: pastEvents(w.Events), Notable: pastEvents(w.Notable), Index: w.Index}, nil
}

// Cluster returns the group as this sidecar last knew it; it works without a majority.
func (c *Client) Cluster(ctx context.Context) (*Cluster, error) {
	r := request{call: "get the cluster", method: http.MethodGet, path: "/v1/cluster"}
	var w wireCluster
	if _, err := c.persist(ctx, &r, &w, c.patient(), nil); err != nil {
		return nil, err
	}
	return w.cluster(), nil
}

// Get asks for any path, such as "/v1/cluster", and returns the JSON of the answer as it came. It is for what has no
// method of its own here, and tries again as the other reads do.
func (c *Client) Get(ctx context.Context, path string, query url.Values) (json.RawMessage, error) {
	r := request{call: "GET " + path, method: http.MethodGet, path: path, query: query}
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#") {
		return nil, invalid(r.call, "invalid_request", "path", "a path begins with / and has its query beside it")
	}
	var raw json.RawMessage
	_, err := c.persist(ctx, &r, &raw, c.patient(), nil)
	return raw, err
}
