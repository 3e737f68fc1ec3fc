package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// tenure is one lease kept by a hold stream: what a [Hold] and a [Leadership] have in common. One goroutine does
// everything with it, its [watch]; here is what that shares with callers.
type tenure struct {
	c       *Client
	kind    Kind
	name    string
	options tenureOptions
	request request // of its streams, without what changes

	work    context.Context // for the work under it
	stop    context.CancelCauseFunc
	once    sync.Once
	release chan struct{} // closed when Release has been called
	settled chan struct{} // closed when it is held, or never will be
	done    chan struct{} // closed when the watch has ended

	// Set before settled is closed:
	failed error // it will never be held
	token  uint64
	lease  string
	grace  time.Duration

	mu     sync.Mutex
	until  deadline
	lost   *LostError // it was held, and is not any more
	result error      // of the release; set before done is closed
}

// tenureOptions are what holds and campaigns are asked alike.
type tenureOptions struct {
	ttl        time.Duration
	wait       time.Duration // 0 is no limit
	noWait     bool
	lease      string
	grace      time.Duration
	onPosition func(int)
	onJeopardy func(time.Duration, string)
}

// begin starts a tenure and returns when it is held.
func (c *Client) begin(ctx context.Context, verb string, kind Kind, name string, form url.Values, o tenureOptions) (*tenure, error) {
	r, err := named(verb, http.MethodPost, kind, name, "/hold")
	if err != nil {
		return nil, err
	}
	r.form = form
	if r.lease, err = leaseOrNew(r.call, o.lease); err != nil {
		return nil, err
	}
	if o.noWait && o.wait != 0 {
		return nil, invalid(r.call, "invalid_wait", "wait", "give Wait or NoWait, not both")
	}
	if o.ttl == 0 {
		o.ttl = defaultTTL
	}
	if o.grace < 0 || o.grace > o.ttl/2 {
		return nil, invalid(r.call, "invalid_ttl", "ttl", fmt.Sprintf("Grace may be up to half of the TTL, which is %s", o.ttl))
	}
	if ctx.Err() != nil {
		return nil, &ended{call: r.call, cause: context.Cause(ctx)}
	}
	t := &tenure{
		c: c, kind: kind, name: name, options: o, request: r,
		release: make(chan struct{}), settled: make(chan struct{}), done: make(chan struct{}),
	}
	t.work, t.stop = context.WithCancelCause(ctx)
	go newWatch(ctx, t).run()
	<-t.settled
	if t.failed != nil {
		return nil, t.failed
	}
	return t, nil
}

// valid is how long the context will last if no further word comes.
func (t *tenure) valid() time.Duration {
	if t.work.Err() != nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, t.until.left(t.c.now())-t.grace)
}

// end is Release and Resign.
func (t *tenure) end(ctx context.Context) error {
	t.once.Do(func() {
		t.stop(ErrReleased) // first, so that nothing is done under it when others may have it
		close(t.release)
	})
	select {
	case <-t.done:
	case <-ctx.Done():
		select {
		case <-t.done:
		default:
			return &ended{call: fmt.Sprintf("release %s %s", t.kind, t.name), cause: context.Cause(ctx)}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost != nil {
		return t.lost
	}
	return t.result
}

func (t *tenure) String() string { return fmt.Sprintf("%s %s, token %d", t.kind, t.name, t.token) }

// lostError makes the error that its holder is given.
func (t *tenure) lostError(reason Reason, why string) *LostError {
	if reason == "" {
		reason = Expired
	}
	return &LostError{Kind: t.kind, Name: t.name, Token: t.token, Reason: reason, Why: why, Silent: reason == Deadline}
}

// lostBy is lostError for a refusal that says so, else nil.
func (t *tenure) lostBy(err error) *LostError {
	var refused *Error
	if errors.Is(err, ErrLost) && errors.As(err, &refused) {
		return t.lostError(refused.Reason, refused.Why)
	}
	return nil
}
