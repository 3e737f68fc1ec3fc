package lease

import "time"

// Result is what one command came to. It is immutable and may be shared.
type Result struct {
	Code  Code
	Index uint64 // log index of the entry that first applied the command

	// Of the lease and its place, where there is one.
	Created   bool // this command made the grant, the place in line, or the lease
	Standing  Standing
	Lease     ID
	Owner     string
	Token     Token
	Limit     uint32
	TTL       time.Duration
	Remaining time.Duration // until the lease's deadline, at the moment of applying
	MinHold   time.Duration
	Value     string
	Metadata  []Pair
	Position  int     // in the queue, from 1; 0 when not waiting
	Places    []Place // OpCreateLease, OpRenewLease: all it holds and waits for

	// Of a lease that has ended.
	Reason   EndReason
	EndedAgo time.Duration
	Why      string // the reason given with a forced release

	// Of a refusal.
	Holders     []Holder // at most MaxListedHolders
	QueueLength int
	RetryAfter  time.Duration // when trying again may help; 0 if unknown
	Param       string        // the parameter that is at fault
	Detail      string        // for people

	Session SessionID // OpOpenSession

	Left time.Duration // OpRenew, OpRenewLease: what was left of the lease before it was renewed
	Kept []Kept        // OpKeepAlive: one for each renewal, in order
}

// Kept is what became of one renewal of a KeepAlive.
type Kept struct {
	Code      Code // OK, LeaseExpired, or LeaseMismatch for a lease that is its caller's to renew
	Standing  Standing
	Token     Token
	Remaining time.Duration // until the lease's deadline
	Position  int           // in the queue, from 1
	Reason    EndReason     // of a lease that has ended
	Why       string
}

// Holder describes a lease that holds a name, as others may see it. Lease IDs are never shown.
type Holder struct {
	Owner        string
	Token        Token
	Limit        uint32
	Held         time.Duration // since the grant
	ExpiresIn    time.Duration // until the deadline, or until the place of an ended holder is free
	LastRenewed  time.Duration // ago
	GrantedWall  int64         // Unix microseconds
	Via          string        // the sidecar it came through
	Value        string
	Metadata     []Pair
	Ended        EndReason     // the lease has ended, its place is still taken
	MinHoldUntil time.Duration // remaining time its place stays taken however it ends
}

// Waiter describes a lease in a queue.
type Waiter struct {
	Owner    string
	Limit    uint32
	Waiting  time.Duration
	Value    string
	Metadata []Pair
	Via      string
}

// Place describes one name that a lease holds or waits for.
type Place struct {
	Space    Space
	Name     string
	Standing Standing
	Token    Token
	Position int
}

// Past is a remembered event of a name.
type Past struct {
	Kind  EventKind
	Owner string
	Token Token
	Via   string        // the sidecar it came through
	Ago   time.Duration // in cluster time
	Wall  int64         // Unix microseconds
	Held  time.Duration // of a holder's end: since its grant
	Quiet time.Duration // of a holder's end: since its lease was last renewed
	Why   string        // the reason given with a forced release
}

// Info is the state of one name.
type Info struct {
	Space       Space
	Name        string
	Index       uint64 // of the last change of holders, queue or value; 0 if never used
	Limit       uint32 // the strictest of its holders; 0 if none or all shared
	Holders     []Holder
	Queue       []Waiter
	HolderCount int
	QueueLength int
}

// LeaseInfo is the state of one lease.
type LeaseInfo struct {
	Explicit  bool
	Owner     string
	TTL       time.Duration
	Remaining time.Duration
	Metadata  []Pair
	Places    []Place
}

// EventKind says what happened to a name.
type EventKind uint8

// The kinds of events.
const (
	EventGranted EventKind = iota + 1
	EventReleased
	EventExpired
	EventRevoked
	EventDisconnected
	EventForced
	EventQueued
	EventLeft         // a waiter left the queue, of its own will or because its lease ended
	EventValueChanged // an election's leader has another value
	EventFreed        // the place of an ended holder became free (min_hold, forced release)
)

var eventNames = [...]string{"", "granted", "released", "expired", "revoked", "disconnected", "forced", "queued", "left", "value_changed", "freed"}

// EventNames lists every kind of event, as it is spelled in answers.
func EventNames() []string { return append([]string(nil), eventNames[1:]...) }

func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return "unknown"
}

// Event is one thing that happened in Apply, in order.
type Event struct {
	Kind   EventKind
	Space  Space
	Name   string
	Lease  ID // never shown to others
	Owner  string
	Token  Token
	At     Time
	Wall   int64
	Via    string        // the sidecar it came through
	Value  string        // of an election's candidate
	Reason EndReason     // of the lease's end, for EventLeft and the ends
	Late   time.Duration // EventExpired: applied this long after the deadline
	Waited time.Duration // EventGranted: time spent in the queue
	Held   time.Duration // of a holder's end: since its grant
	Quiet  time.Duration // of a holder's end: since its lease was last renewed
	Why    string
}
