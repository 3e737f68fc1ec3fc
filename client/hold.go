package client

import (
	"context"
	"time"
)

// HoldOptions say how a lock is to be held. The zero value is an exclusive lock with a TTL of 15 s, waited for as long
// as it takes.
type HoldOptions struct {
	TTL      time.Duration     // how long a dead machine keeps others out: from 1 s to 24 h; 0 is 15 s
	Wait     time.Duration     // how long to stand in line; 0 is until the context ends
	NoWait   bool              // refuse with [ErrHeld] if it is held; not together with Wait
	Limit    int               // at most so many holders; 0 is 1
	Shared   bool              // no limit of its own; not together with Limit
	MinHold  time.Duration     // its place stays taken so long from the grant, however it ends
	Owner    string            // for people; "" is the client's
	Metadata map[string]string // for people; up to 4 KiB
	LeaseID  string            // "" is a new one; a former one resumes what it holds, if that has not ended

	// Grace is how long before the safe deadline the context ends, for the work to stop in; 0 is [DefaultGrace] of the
	// TTL.
	Grace time.Duration

	// OnQueued is called with the position in line, from 1, whenever that changes. OnJeopardy is called when the sidecar
	// cannot renew and less than half of the TTL is left, with the time left until the safe deadline. They are called one
	// after the other, from a goroutine of their own; one that is slow misses calls.
	OnQueued   func(position int)
	OnJeopardy func(validFor time.Duration, reason string)
}

// DefaultGrace is the larger of 50 ms and 2 % of the TTL.
func DefaultGrace(ttl time.Duration) time.Duration { return max(50*time.Millisecond, ttl/50) }

// Hold is a lock that the sidecar renews as long as a connection lasts. Its methods may be called concurrently.
type Hold struct{ t *tenure }

// Hold waits for a lock and holds it until [Hold.Release], or until ctx ends. If the program dies, the lock is free at
// once; if the machine does, after the TTL. Work under [Hold.Context], which ends before the lock can be somebody else's.
//
// The error is [ErrHeld] if o.Wait is over or o.NoWait is set and others have it. If ctx ends while it waits, it leaves
// the line. If ctx ends later, [Hold.Context] ends, and the lock is released by Release, or else ten
// seconds after the safe deadline. To bound the wait alone use o.Wait.
func (c *Client) Hold(ctx context.Context, name string, o HoldOptions) (*Hold, error) {
	like := LockOptions{TTL: o.TTL, Limit: o.Limit, Shared: o.Shared, MinHold: o.MinHold, Owner: o.Owner, Metadata: o.Metadata}
	t, err := c.begin(ctx, "hold", KindLock, name, like.parameters(c).v, tenureOptions{
		ttl: o.TTL, wait: o.Wait, noWait: o.NoWait, lease: o.LeaseID, grace: o.Grace, onPosition: o.OnQueued, onJeopardy: o.OnJeopardy,
	})
	if err != nil {
		return nil, err
	}
	return &Hold{t}, nil
}

// Context is for the work that the lock protects. It ends with the context given to [Client.Hold], with Release (cause
// [ErrReleased]), or, a grace before the safe deadline at the latest, when the lock is lost: context.Cause is then a
// [*LostError].
func (h *Hold) Context() context.Context { return h.t.work }

// Name of the lock.
func (h *Hold) Name() string { return h.t.name }

// Token is the fencing token: send it along to whatever the lock protects.
func (h *Hold) Token() uint64 { return h.t.token }

// Lease is the lease ID: a secret.
func (h *Hold) Lease() string { return h.t.lease }

// Valid is how long the lock may still be relied on if no further word comes, until the context ends; 0 once it has.
func (h *Hold) Valid() time.Duration { return h.t.valid() }

// Release ends the hold and waits for the answer of the sidecar. The context ends first; stop the work before. If ctx
// ends first the release goes on for a few seconds in the background. The error is the [*LostError] if the lock had been
// lost before, or [ErrUnavailable] if no sidecar answered: it then ends by itself with its TTL. Repeated calls are
// harmless.
func (h *Hold) Release(ctx context.Context) error { return h.t.end(ctx) }

// String is for logs; it does not contain the lease ID.
func (h *Hold) String() string { return h.t.String() }

// GoString is String, so that no way of printing shows the lease ID.
func (h *Hold) GoString() string { return h.String() }
