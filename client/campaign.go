package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// CampaignOptions say how to stand for an election; see [HoldOptions] for what they have in common.
type CampaignOptions struct {
	TTL      time.Duration
	Owner    string
	Metadata map[string]string
	LeaseID  string
	Grace    time.Duration

	OnStandby  func(position int) // whenever the position in line, from 1, changes
	OnJeopardy func(validFor time.Duration, reason string)
}

// Leadership is an election won. Its methods may be called concurrently.
type Leadership struct{ t *tenure }

// Campaign stands for an election with a value (an address, say: what others need to know of the leader; up to 1 KiB),
// and returns when it leads. Lead under [Leadership.Context]. If ctx ends before, it leaves the line.
func (c *Client) Campaign(ctx context.Context, name, value string, o CampaignOptions) (*Leadership, error) {
	p := newParameters()
	p.text("owner", orElse(o.Owner, c.owner))
	p.text("value", value)
	p.duration("ttl", o.TTL)
	p.metadata(o.Metadata)
	t, err := c.begin(ctx, "lead", KindElection, name, p.v, tenureOptions{
		ttl: o.TTL, lease: o.LeaseID, grace: o.Grace, onPosition: o.OnStandby, onJeopardy: o.OnJeopardy,
	})
	if err != nil {
		return nil, err
	}
	return &Leadership{t}, nil
}

// Context is for the leader's work; it ends as that of a [Hold] does.
func (l *Leadership) Context() context.Context { return l.t.work }

// Name of the election.
func (l *Leadership) Name() string { return l.t.name }

// Token is the fencing token: send it along with what the leader does.
func (l *Leadership) Token() uint64 { return l.t.token }

// Lease is the lease ID: a secret.
func (l *Leadership) Lease() string { return l.t.lease }

// Valid is how long it may still be relied on if no further word comes, until the context ends; 0 once it has.
func (l *Leadership) Valid() time.Duration { return l.t.valid() }

// SetValue changes the value that observers see. It tries until it has an answer, ctx ends, or the leadership does. The
// leadership itself is not touched by an error; whether it is lost is for [Leadership.Context] to say.
func (l *Leadership) SetValue(ctx context.Context, value string) error {
	r, err := named("set value of", http.MethodPut, KindElection, l.t.name, "")
	if err != nil {
		return err
	}
	// Not l.t.work, which ends without a word of what became of the request; but no longer than it.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.t.work, func() { cancel(context.Cause(l.t.work)) })()
	r.lease = l.t.lease
	r.form = url.Values{"value": {value}}
	var g wireGrant
	_, err = l.t.c.persist(ctx, &r, &g, forever, nil)
	return err
}

// Resign gives the leadership up; as [Hold.Release].
func (l *Leadership) Resign(ctx context.Context) error { return l.t.end(ctx) }

// String is for logs; it does not contain the lease ID.
func (l *Leadership) String() string { return l.t.String() }

// GoString is String, so that no way of printing shows the lease ID.
func (l *Leadership) GoString() string { return l.String() }
