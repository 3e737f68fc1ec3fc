package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"time"
)

// temporary says whether the same call may succeed later: where no sidecar answered, or one that could not or had too
// much to do. Everything else is a definite refusal and is never repeated. Repeating is safe because the client chooses
// the lease ID: a call that had its effect has none the second time.
func temporary(err error) bool {
	var refused *Error
	if errors.As(err, &refused) {
		switch refused.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	var gone *unreachable
	return errors.As(err, &gone) && !misconfigured(gone.err)
}

// definite says of an error that it is a sidecar's last word.
func definite(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && !temporary(err)
}

// misconfigured is a connection that will not come about by waiting.
func misconfigured(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.Is(err, fs.ErrPermission) || errors.As(err, &certificate) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch)
}

// pause is how long to wait after the given number of failures in a row, the last with err. It is spread, so that the
// clients of a sidecar that was away do not come all at once.
func pause(failures int, err error) time.Duration {
	d := min(longestPause, firstPause<<min(failures-1, 16))
	d = d/2 + rand.N(d/2)
	var refused *Error
	if errors.As(err, &refused) && refused.RetryAfter > 0 {
		asked := min(longestAsked, refused.RetryAfter)
		return max(d, asked+rand.N(asked/4+1))
	}
	return d
}

// patience is how long a call goes on trying: what is left of it, now.
type patience func() time.Duration

// forever is for what ends with its context.
func forever() time.Duration { return 1<<63 - 1 }

// patient is the patience of a call that does not wait.
func (c *Client) patient() patience {
	start := c.now()
	return func() time.Duration { return c.retryFor - c.now().since(start) }
}

// persist tries until it succeeds, is refused, ctx ends or patience is at its end; at least once. prepare, if there is
// one, is called before each try. sent is when the successful try left.
func (c *Client) persist(ctx context.Context, r *request, into any, left patience, prepare func(*request)) (sent instant, err error) {
	var last error
	for failures := 0; ; {
		if ctx.Err() != nil {
			return sent, &ended{r.call, context.Cause(ctx), last, failures > 0}
		}
		if prepare != nil {
			prepare(r)
		}
		sent, err = c.once(ctx, r, into)
		if err == nil || !temporary(err) {
			return sent, err
		}
		if ctx.Err() != nil {
			return sent, &ended{r.call, context.Cause(ctx), last, true}
		}
		last = err
		failures++
		remaining := left()
		if remaining <= 0 {
			return sent, err
		}
		if c.onRetry != nil {
			c.onRetry(err)
		}
		sleep(ctx, min(remaining, pause(failures, err)))
	}
}

// sleep waits for d or for ctx to end.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// mayHaveHappened says of a failed call that its effect is unknown: it was sent, and no answer said otherwise.
func mayHaveHappened(err error) bool {
	var gone *unreachable
	var stopped *ended
	return errors.As(err, &gone) || errors.As(err, &stopped) && stopped.asked || errors.Is(err, ErrOutcomeUnknown)
}
