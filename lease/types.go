package lease

import "time"

// Time is cluster time in nanoseconds: time as the replicated log tells it. It begins at zero when the
// group is made, stands still while there is no Raft leader, and between two entries never runs faster than
// real time. It is comparable only with other Times of the same group.
type Time int64

// Add returns the time d after t.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns the duration from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Token is a fencing token. Every grant of the whole group carries a token greater than every earlier one.
// Tokens start near the Unix time in microseconds and stay below 2^53, so that they survive JSON.
type Token uint64

// ID names a lease. Whoever knows it may renew and release: it is a capability and never appears in logs,
// errors or metrics.
type ID string

// MadePrefix begins every lease ID that sidelock makes itself.
const MadePrefix = "sl_"

// Space separates names: a lock and an election of the same name have nothing to do with each other.
type Space uint8

// The spaces.
const (
	Locks Space = iota + 1
	Elections
)

// String returns the space's name as it appears in paths.
func (s Space) String() string {
	switch s {
	case Locks:
		return "locks"
	case Elections:
		return "elections"
	}
	return "unknown"
}

func (s Space) valid() bool { return s == Locks || s == Elections }

// Standing is a lease's place at a name.
type Standing uint8

// The standings: none, in the queue, among the holders.
const (
	Absent Standing = iota
	Waiting
	Holding
)

// EndReason says why a lease, or a holder's place, ended.
type EndReason uint8

// The reasons. NotEnded is the zero value and stands for "alive" or "not remembered".
const (
	NotEnded EndReason = iota
	Expired
	Released
	Revoked
	Disconnected
	Forced
	WaitOver // of a waiter alone: its caller would not wait any longer
)

var reasonNames = [...]string{"", "expired", "released", "revoked", "disconnected", "forced", "wait_timeout"}

// EndReasons lists every reason a lease can end for, as it is spelled in answers and metrics.
func EndReasons() []string { return append([]string(nil), reasonNames[1:WaitOver]...) }

func (r EndReason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// Pair is one entry of a metadata map. Lists of pairs are sorted by key, without repeats, so that equal maps
// have equal encodings.
type Pair struct{ Key, Value string }
