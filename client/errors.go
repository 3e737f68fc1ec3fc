package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// The errors that programs branch on, for errors.Is. Details are in [*Error] and [*LostError], for errors.As.
var (
	// ErrHeld: others have the lock, and the wait, if any, is over (lock_held, wait_timeout, min_hold).
	ErrHeld = errors.New("held by others")
	// ErrLost: what was held is not held any more (not_holder, lease_expired, or a [*LostError]). Stop the work.
	ErrLost = errors.New("no longer held")
	// ErrStaleToken: no present holder has this token.
	ErrStaleToken = errors.New("stale token")
	// ErrUnavailable: no sidecar answered, or it could not (502, 503, 504), as long as the call was willing to try.
	ErrUnavailable = errors.New("unavailable")
	// ErrOutcomeUnknown: the call may have had its effect. A lease that nobody uses ends by itself.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrTooMany: a limit of the sidecar or its group is reached (429).
	ErrTooMany = errors.New("too many at once")
	// ErrForbidden: the caller may not do this, or not here (401, 403).
	ErrForbidden = errors.New("forbidden")
	// ErrInvalid: the request itself is wrong (400, 404, 405, 413, 415, 422); repeating it is useless.
	ErrInvalid = errors.New("invalid request")
	// ErrNotSidelock: what answered does not speak sidelock's API.
	ErrNotSidelock = errors.New("not an answer of sidelock")
	// ErrReleased is the cause with which the context of a [Hold] or a [Leadership] ends by Release or Resign.
	ErrReleased = errors.New("released by its holder")
)

// Error is a refusal by a sidecar: its problem document. Its text never contains a lease ID.
type Error struct {
	Status      int    // of HTTP
	Code        string // such as "lock_held"; "" if what answered was no sidecar
	Title       string
	Detail      string // what is wrong and what to do
	Retryable   bool   // the same call may succeed later
	RetryAfter  time.Duration
	Param       string   // the parameter at fault
	Holders     []Holder // at most 16
	QueueLength int
	Reason      Reason // why the lease ended, of lease_expired
	EndedAgo    time.Duration
	Why         string // the reason given with a forced release
	Lease       string // to repeat the call with, of outcome_unknown; secret

	call string // what was asked, for the text
}

// Error says what was asked, what is wrong and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "sidelock: %s: %s", e.call, e.Title)
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	switch {
	case len(e.Holders) > 0:
		e.writeHolders(&b)
	case e.Reason != "":
		fmt.Fprintf(&b, ": %s %s ago", e.Reason, e.EndedAgo)
		if e.Why != "" {
			fmt.Fprintf(&b, ": %s", e.Why)
		}
	case e.Detail != "":
		fmt.Fprintf(&b, ": %s", e.Detail)
	}
	return b.String()
}

// writeHolders says who is in the way, which is more use than general advice.
func (e *Error) writeHolders(b *strings.Builder) {
	h := e.Holders[0]
	fmt.Fprintf(b, ": by %s for %s", h.Owner, h.HeldFor)
	if len(e.Holders) > 1 {
		fmt.Fprintf(b, ", and %d more", len(e.Holders)-1)
	}
	if h.MinHoldLeft > 0 {
		fmt.Fprintf(b, ", %s more at least", h.MinHoldLeft)
	}
}

// Is makes errors.Is work with the errors of this package.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrHeld:
		return e.Code == "lock_held" || e.Code == "wait_timeout" || e.Code == "min_hold"
	case ErrLost:
		return e.Code == "not_holder" || e.Code == "lease_expired"
	case ErrStaleToken:
		return e.Code == "stale_token"
	case ErrOutcomeUnknown:
		return e.Code == "outcome_unknown"
	case ErrUnavailable:
		return e.Status == http.StatusBadGateway || e.Status == http.StatusServiceUnavailable || e.Status == http.StatusGatewayTimeout
	case ErrTooMany:
		return e.Status == http.StatusTooManyRequests
	case ErrForbidden:
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	case ErrInvalid:
		switch e.Status {
		case 400, 404, 405, 413, 415, 422:
			return true
		}
	case ErrNotSidelock:
		return e.Code == ""
	}
	return false
}

// invalid is a refusal by the client itself, before anything is sent.
func invalid(call, code, param, detail string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Title: "Request is not valid", Param: param, Detail: detail, call: call}
}

// Reason is why a lease or a hold ended.
type Reason string

// The reasons. Deadline is this package's own: see [LostError].
const (
	Expired         Reason = "expired"          // not renewed in time
	Released        Reason = "released"         // by somebody who has its lease ID
	Revoked         Reason = "revoked"          // likewise
	Disconnected    Reason = "disconnected"     // the sidecar saw the connection closed
	Forced          Reason = "forced"           // by an administrator; Why says why
	ClusterReplaced Reason = "cluster_replaced" // the group is another one than before
	Deadline        Reason = "deadline"         // no word came until the safe deadline
)

// LostError is the cause with which the context of a [Hold] or a [Leadership] ends when it is lost, and what a renewal
// returns that found no answer in time. It matches [ErrLost].
type LostError struct {
	Kind   Kind
	Name   string
	Token  uint64
	Reason Reason
	Why    string // beside Forced, the administrator's words
	// Silent says that nobody said it is lost: the deadline passed without word. In the group's eyes it may still be
	// held, for a while.
	Silent bool
}

// Error says what was lost and why.
func (e *LostError) Error() string {
	switch {
	case e.Silent:
		return fmt.Sprintf("sidelock: %s %s (token %d) is in doubt: no word from the sidecar until the safe deadline", e.Kind, e.Name, e.Token)
	case e.Why != "":
		return fmt.Sprintf("sidelock: %s %s (token %d) is lost: %s: %s", e.Kind, e.Name, e.Token, e.Reason, e.Why)
	}
	return fmt.Sprintf("sidelock: %s %s (token %d) is lost: %s", e.Kind, e.Name, e.Token, e.Reason)
}

// Is matches [ErrLost].
func (e *LostError) Is(target error) bool { return target == ErrLost }

// unreachable is a try that got no answer, or half of one: what it asked for may have happened.
type unreachable struct {
	call string
	err  error
}

func (e *unreachable) Error() string {
	if why := distrust(e.err); why != "" {
		return fmt.Sprintf("sidelock: %s: %s: %v", e.call, why, e.err)
	}
	switch {
	case notMet(e.err):
	case tooSlow(e.err):
		return fmt.Sprintf("sidelock: %s: the sidecar takes connections and does not answer: it is stopped, or hangs", e.call)
	case errors.Is(e.err, io.EOF), errors.Is(e.err, io.ErrUnexpectedEOF), errors.Is(e.err, syscall.ECONNRESET):
		return fmt.Sprintf("sidelock: %s: the sidecar ended the connection: %v", e.call, e.err)
	}
	return fmt.Sprintf("sidelock: %s: no answer from the sidecar; is it running? %v", e.call, e.err)
}

// notMet says whether there was no connection at all.
func notMet(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns)
}

// tooSlow says whether patience was all that ended.
func tooSlow(err error) bool {
	var timed interface{ Timeout() bool }
	return errors.Is(err, errTooSlow) || errors.As(err, &timed) && timed.Timeout()
}

// distrust says what to do where TLS was the matter; "" where it was not.
func distrust(err error) string {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate):
		return "the sidecar's certificate is not trusted here; name the authority that signed it, or use a host name that it has"
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return "what answered does not speak TLS; if it is the sidecar, its address begins with http://"
	}
	return ""
}

func (e *unreachable) Is(target error) bool { return target == ErrUnavailable }

func (e *unreachable) Unwrap() error { return e.err }

// errTooSlow is a try that was given up. It is not context.DeadlineExceeded: that is for the caller's own context.
var errTooSlow = errors.New("nothing came for too long")

// errNoWord is a wait that was over before it was clear whether anybody is there.
var errNoWord = errors.New("nothing came in time")

// strange is an answer that makes no sense.
type strange struct{ call, what string }

func (e *strange) Error() string {
	return fmt.Sprintf("sidelock: %s: what answered does not speak sidelock's API (%s); check the address", e.call, e.what)
}

func (e *strange) Is(target error) bool { return target == ErrNotSidelock }

// ended is a call that its context ended, with the error of the last try where there was one.
type ended struct {
	call        string
	cause, last error
	asked       bool // something was sent, and may have its effect
}

func (e *ended) Error() string {
	if e.last == nil {
		return fmt.Sprintf("sidelock: %s: %v", e.call, e.cause)
	}
	return fmt.Sprintf("sidelock: %s: %v; until then: %v", e.call, e.cause, e.last)
}

func (e *ended) Unwrap() []error {
	if e.last == nil {
		return []error{e.cause}
	}
	return []error{e.cause, e.last}
}
