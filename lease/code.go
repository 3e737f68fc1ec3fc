package lease

// Code classifies an answer. It is one closed set of strings, used in results, between nodes, in problem+json and
// in metrics; raftnode adds the codes of replication and httpapi those of HTTP itself.
type Code string

// The codes of the state machine. OK is the zero value.
const (
	OK Code = ""

	InvalidRequest  Code = "invalid_request"
	InvalidName     Code = "invalid_name"
	InvalidTTL      Code = "invalid_ttl"
	InvalidLease    Code = "invalid_lease"
	InvalidLimit    Code = "invalid_limit"
	InvalidOwner    Code = "invalid_owner"
	InvalidMinHold  Code = "invalid_min_hold"
	InvalidMetadata Code = "invalid_metadata"
	InvalidValue    Code = "invalid_value"
	InvalidToken    Code = "invalid_token"
	InvalidReason   Code = "invalid_reason"

	NotHolder      Code = "not_holder"       // the lease is alive and does not hold this name
	TokenRequired  Code = "token_required"   // an explicit lease releases a grant by naming its token
	LeaseExpired   Code = "lease_expired"    // the lease has ended, or was never made
	StaleToken     Code = "stale_token"      // no present holder has this token
	LeaseMismatch  Code = "lease_mismatch"   // a repeat with other parameters, or a lease that belongs elsewhere
	LockHeld       Code = "lock_held"        // not granted, and the caller would not wait
	WaitTimeout    Code = "wait_timeout"     // waited, not granted, and out of the queue again
	MinHold        Code = "min_hold"         // the last holder is gone, but its place stays taken a while longer
	TooManyWaiters Code = "too_many_waiters" // the queue of this name is full
	TooManyLeases  Code = "too_many_leases"  // the group is at its limit of leases or bytes

	// UnknownSession refuses a command whose session has ended or never was: nothing happened, and the sidecar
	// opens another session.
	UnknownSession Code = "unknown_session"
	// StaleCommand refuses a command whose sequence number the session has already left behind: a delayed
	// duplicate, of which nobody waits for the answer.
	StaleCommand Code = "stale_command"
	// NotBootstrapped refuses everything until the group's settings are in the log.
	NotBootstrapped Code = "not_bootstrapped"
)

// Codes lists every code that a Result or an Answer can carry.
func Codes() []Code {
	return []Code{
		OK, InvalidRequest, InvalidName, InvalidTTL, InvalidLease, InvalidLimit, InvalidOwner, InvalidMinHold,
		InvalidMetadata, InvalidValue, InvalidToken, InvalidReason, NotHolder, TokenRequired, LeaseExpired, StaleToken, LeaseMismatch, LockHeld,
		WaitTimeout, MinHold, TooManyWaiters, TooManyLeases, UnknownSession, StaleCommand, NotBootstrapped,
	}
}
