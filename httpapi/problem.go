package httpapi

import (
	"time"

	"github.com/sidelock/sidelock/lease"
)

// problem is a refusal on its way to the caller. Only code is required.
type problem struct {
	code   lease.Code
	detail string
	param  string
	lease  lease.ID      // of outcome_unknown, to repeat with
	result *lease.Result // what the state machine has to say about it
}

// problemType begins the type of every problem document; the code follows. It names, and is no address.
const problemType = "urn:sidelock:problem:"

// write appends the document; class is the code's.
func (p *problem) write(e *encoder, c class) {
	e.item()
	e.string("type", problemType+string(p.code))
	e.string("code", string(p.code))
	e.string("title", c.title)
	e.int("status", int64(c.status))
	e.bool("retryable", c.retryable)
	e.string("detail", p.text(c))
	if p.param != "" {
		e.string("param", p.param)
	}
	if p.lease != "" {
		e.string("lease", string(p.lease))
	}
	if p.result != nil {
		p.writeResult(e)
	}
	e.end()
}

func (p *problem) writeResult(e *encoder) {
	switch p.code {
	case lease.LockHeld, lease.WaitTimeout, lease.MinHold:
		e.int("queue_length", int64(p.result.QueueLength))
		e.holders(p.result.Holders, false)
	case lease.TooManyWaiters:
		e.int("queue_length", int64(p.result.QueueLength))
	case lease.StaleToken:
		e.holders(p.result.Holders, false)
	case lease.LeaseExpired:
		if p.result.Reason != lease.NotEnded {
			e.string("reason", p.result.Reason.String())
			e.ms("ended_ago_ms", p.result.EndedAgo)
		}
		if p.result.Why != "" {
			e.string("why", p.result.Why)
		}
	}
}

func (p *problem) text(c class) string {
	if p.detail != "" {
		return p.detail
	}
	if p.result != nil && p.result.Detail != "" {
		return p.result.Detail
	}
	if c.advice != "" {
		return c.advice
	}
	return c.title + "; see /openapi.yaml"
}

// retryAfter is the Retry-After header of a problem, in whole seconds; 0 is none.
func (p *problem) retryAfter(status int) int64 {
	switch status {
	case 423, 429, 503:
	default:
		return 0
	}
	d := RetryAfterDefault
	if p.result != nil && p.result.RetryAfter > 0 {
		d = p.result.RetryAfter
		if p.code != lease.MinHold { // a holder may let go before its deadline
			d = min(d, RetryAfterMost)
		}
	}
	return int64((d + time.Second - 1) / time.Second) // rounded up, so never 0
}
