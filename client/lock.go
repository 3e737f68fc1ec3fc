package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// LockOptions say how a lock is to be taken. The zero value is an exclusive lock with a TTL of 15 s.
type LockOptions struct {
	TTL      time.Duration     // from 1 s to 24 h; 0 is 15 s
	Wait     time.Duration     // for [Client.Lock]: how long to stand in line; 0 is until the context ends
	Limit    int               // at most so many holders; 0 is 1
	Shared   bool              // no limit of its own; not together with Limit
	MinHold  time.Duration     // its place stays taken so long from the grant, however it ends
	Owner    string            // for people; "" is the client's
	Metadata map[string]string // for people; up to 4 KiB
	LeaseID  string            // "" is a new one; one of [NewLeaseID] makes a call after a crash a repeat of one before
}

func (o *LockOptions) parameters(c *Client) parameters {
	p := newParameters()
	p.text("owner", orElse(o.Owner, c.owner))
	p.duration("ttl", o.TTL)
	p.place(o.Limit, o.Shared)
	p.duration("min_hold", o.MinHold)
	p.metadata(o.Metadata)
	return p
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// Lock is a lock that this program took and renews by itself: with [Lock.Renew] at best every third of the TTL, before
// [Lock.Valid] is used up. A [Hold] is easier: there the sidecar renews. Its methods may be called concurrently.
type Lock struct {
	c     *Client
	name  string
	token uint64
	lease string

	mu    sync.Mutex
	until deadline
	over  bool // released, or lost
}

// TryLock takes a lock if it is free. If it is held the error is [ErrHeld], an [*Error] with the holders.
func (c *Client) TryLock(ctx context.Context, name string, o LockOptions) (*Lock, error) {
	a := acquisition{c: c, options: o, left: c.patient()}
	return a.run(ctx, name)
}

// Lock takes a lock, or waits in line until it gets it, ctx ends, or o.Wait is over ([ErrHeld]). A call that ends
// without the lock leaves the line.
func (c *Client) Lock(ctx context.Context, name string, o LockOptions) (*Lock, error) {
	a := acquisition{c: c, options: o, left: forever, waits: true}
	if o.Wait > 0 {
		start := c.now()
		a.left = func() time.Duration { return o.Wait - c.now().since(start) }
	}
	return a.run(ctx, name)
}

// acquisition is one call of TryLock or Lock.
type acquisition struct {
	c       *Client
	options LockOptions
	left    patience
	waits   bool // in line, for as long as there is patience

	ended int // leases of ours that had ended before we heard that they held
}

func (a *acquisition) run(ctx context.Context, name string) (*Lock, error) {
	for {
		lock, err := a.attempt(ctx, name)
		var refused *Error
		switch {
		case err == nil:
			return lock, nil
		case !errors.As(err, &refused):
			return nil, err
		case refused.Code == "lease_expired" && a.options.LeaseID == "" && (a.waits || a.ended < freshLeaseTries):
			// The lease was made, perhaps granted, and has ended while no answer came through. Nobody relied on it.
			a.ended++
			sleep(ctx, min(a.left(), pause(a.ended, nil)))
		case refused.Code == "wait_timeout" && a.waits && a.left() > 0:
			// The longest wait that a sidecar accepts is over, or its clock runs a little ahead.
		default:
			return nil, err
		}
	}
}

// attempt is an acquire with one lease ID.
func (a *acquisition) attempt(ctx context.Context, name string) (*Lock, error) {
	r, err := named("acquire", http.MethodPost, KindLock, name, "")
	if err != nil {
		return nil, err
	}
	if r.lease, err = leaseOrNew(r.call, a.options.LeaseID); err != nil {
		return nil, err
	}
	r.form = a.options.parameters(a.c).v
	var g wireGrant
	sent, err := a.c.persist(ctx, &r, &g, a.left, a.prepare)
	if err != nil {
		if mayHaveHappened(err) {
			a.c.abandon(KindLock, name, r.lease)
		}
		return nil, err
	}
	l := &Lock{c: a.c, name: name, token: *g.Token, lease: r.lease, until: deadline{sent, g.ValidFor.duration()}}
	if a.c.now().since(sent) < g.ValidFor.duration()/4 {
		return l, nil
	}
	// It stood in line, and what the answer says counts from when it was asked. Renewing is how one learns the rest.
	if err := l.claim(ctx); err != nil {
		if mayHaveHappened(err) {
			a.c.abandon(KindLock, name, r.lease)
		}
		return nil, err
	}
	return l, nil
}

// prepare tells the sidecar how long to wait, before each try anew.
func (a *acquisition) prepare(r *request) {
	if !a.waits {
		return
	}
	r.wait = max(0, min(longestWait, a.left()))
	r.form.Set("wait", r.wait.Truncate(time.Millisecond).String())
}

// claim renews a lock that nobody relies on yet, so there is no deadline to its tries.
func (l *Lock) claim(ctx context.Context) error { return l.renew(ctx, "claim", l.c.patient()) }

// abandon gives back, with one try in the background, what a call that failed may have been granted. It would otherwise
// keep others out for a TTL.
func (c *Client) abandon(kind Kind, name, lease string) {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), releaseWithin)
		defer cancel()
		_ = c.end(ctx, "abandon", kind, name, lease, func() time.Duration { return 0 })
	}()
}

// end releases a lease's place.
func (c *Client) end(ctx context.Context, verb string, kind Kind, name, lease string, left patience) error {
	r, err := named(verb, http.MethodDelete, kind, name, "")
	if err != nil {
		return err
	}
	r.lease = lease
	_, err = c.persist(ctx, &r, nil, left, nil)
	var refused *Error
	if errors.As(err, &refused) && refused.Code == "lease_expired" && (refused.Reason == Released || refused.Reason == Disconnected) {
		return nil // an earlier try, or a stream that was closed, has done it
	}
	return err
}

// Name of the lock.
func (l *Lock) Name() string { return l.name }

// Token is the fencing token: send it along to whatever the lock protects.
func (l *Lock) Token() uint64 { return l.token }

// Lease is the lease ID: a secret.
func (l *Lock) Lease() string { return l.lease }

// Valid is how long the lock may still be relied on without asking anybody; 0 once that is over, or after Unlock.
func (l *Lock) Valid() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return 0
	}
	return max(0, l.until.left(l.c.now()))
}

// prolong notes what the answer to a request says that was sent at d.from; answers may come in any order.
func (l *Lock) prolong(d deadline) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.from.mono.After(l.until.from.mono) {
		l.until = d
	}
}

func (l *Lock) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

// Renew prolongs the lock to its full TTL, counted from when the request was sent. It tries until it has an answer, ctx
// ends, or the lock is not valid any more; then the error is a [*LostError]. On [ErrLost] stop the work; on any other
// error the lock is still held while it is Valid.
func (l *Lock) Renew(ctx context.Context) error {
	within := l.Valid()
	if within == 0 {
		within = answerWithin // one last try: the group may know better
	}
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := l.renew(bounded, "renew", l.Valid)
	switch {
	case errors.Is(err, ErrLost):
		l.finish()
	case err != nil && ctx.Err() == nil && l.Valid() == 0 && !definite(err):
		return &LostError{Kind: KindLock, Name: l.name, Token: l.token, Reason: Deadline, Silent: true}
	}
	return err
}

func (l *Lock) renew(ctx context.Context, verb string, left patience) error {
	r, err := named(verb, http.MethodPut, KindLock, l.name, "")
	if err != nil {
		return err
	}
	r.lease = l.lease
	var g wireGrant
	sent, err := l.c.persist(ctx, &r, &g, left, nil)
	if err != nil {
		return err
	}
	if *g.Token != l.token {
		return &strange{r.call, "another token than before"}
	}
	l.prolong(deadline{sent, g.ValidFor.duration()})
	return nil
}

// Unlock gives the lock back. Stop the work before. If no sidecar can be reached the error is [ErrUnavailable], and the
// lock ends by itself with its TTL. [ErrLost] says that it had been lost before.
func (l *Lock) Unlock(ctx context.Context) error {
	l.finish()
	return l.c.end(ctx, "release", KindLock, l.name, l.lease, l.c.patient())
}

// String is for logs; it does not contain the lease ID.
func (l *Lock) String() string { return fmt.Sprintf("lock %s, token %d", l.name, l.token) }

// GoString is String, so that no way of printing shows the lease ID.
func (l *Lock) GoString() string { return l.String() }
