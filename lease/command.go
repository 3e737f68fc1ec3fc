package lease

import "time"

// Op is what a command does.
type Op uint8

// The operations. Their numbers are in logs and snapshots: they never change and are never reused.
const (
	OpOpenSession  Op = 1  // makes a sidecar session; the only command that needs none
	OpBootstrap    Op = 2  // sets Settings once and raises tokens to at least Token
	OpCreateLease  Op = 3  // makes an explicit lease
	OpRenewLease   Op = 4  // renews an explicit or implicit lease and reports all that it holds and waits for
	OpRevokeLease  Op = 5  // ends a lease, releasing everything
	OpAcquire      Op = 6  // acquires a lock or campaigns; said again it attaches, claims and reports
	OpRenew        Op = 7  // renews the lease that holds a lock, or holds or waits in an election
	OpRelease      Op = 8  // releases a lock, resigns, or leaves the queue
	OpWithdraw     Op = 9  // detaches one attempt of an acquire that timed out or hung up
	OpForceRelease Op = 10 // an administrator ends one named grant
	OpKeepAlive    Op = 11 // a sidecar renews the leases that it answers for: of waiting requests and of holds
	OpRaiseLevel   Op = 12 // the Raft leader raises the group's feature level by one, to Level; needs no session
)

// Given says which optional parameters of an acquire the caller gave itself. Only those are compared in a repeat.
type Given uint8

// The parameters that a repeat may or may not give again.
const (
	GivenLease Given = 1 << iota
	GivenOwner
	GivenTTL
	GivenLimit
	GivenMinHold
	GivenMetadata
	GivenValue
)

// SessionID identifies a sidecar session (Raft dissertation, 6.3). It is made by the log, so no two are equal.
type SessionID uint64

// Identity makes a command unique: a delayed or doubled duplicate has no effect of its own.
type Identity struct {
	Session SessionID
	Seq     uint64 // rises with each command of the session
	Low     uint64 // every command below has been answered or given up: its result may be forgotten
}

// Renewal is one lease of a KeepAlive.
type Renewal struct {
	Lease ID
	// Hold renews the lease wherever it stands. Without it only a lock's waiter is renewed, so that a grant that nobody
	// claims ends soon.
	Hold bool
}

// Command is one request to the state machine. Which fields matter depends on Op; the others stay zero.
// A Command is immutable once it has been proposed.
type Command struct {
	Identity
	Op    Op
	Space Space
	Name  string
	Lease ID // also for a new lease: what Apply needs is in the entry, randomness too
	Given Given

	Owner    string
	TTL      time.Duration
	Limit    uint32 // at most this many holders; 0 is shared: no limit of its own
	MinHold  time.Duration
	Metadata []Pair // sorted by key
	Value    string // an election's

	Wait    bool   // OpAcquire: stand in line if it cannot be granted at once
	Hold    bool   // OpAcquire: on behalf of a connection, which needs a lease of its own
	Attempt uint64 // OpAcquire, OpWithdraw: which attempt of the caller this is; random. OpOpenSession: a nonce
	Keep    bool   // OpWithdraw: a grant already made is kept and claimed, not given back
	Told    bool   // OpWithdraw: the caller knew that it held, so this is an end like any other, and min_hold counts
	Latest  bool   // OpWithdraw: the caller was still there when the attempt had been applied, so those before it are his earlier ones
	Leave   bool   // OpWithdraw: the sidecar ends the attempt, not its caller: the place is not given up
	Cancel  uint64 // OpWithdraw: sequence number of the acquire that its sidecar gave up; it must not run later

	Token     Token  // OpRelease, OpForceRelease: the grant that is meant; OpBootstrap: the floor of tokens
	Reason    string // OpForceRelease: why, for the former holder
	Immediate bool   // OpForceRelease: free the name at once; unsafe

	Renewals []Renewal // OpKeepAlive
	Node     string    // OpOpenSession: name of the sidecar
	Settings *Settings // OpBootstrap
	Level    uint32    // OpRaiseLevel
}

// Entry is the payload of one Raft log entry: a batch of commands under one stamp.
type Entry struct {
	Term     uint64    // the Raft term in which it was stamped; in another term it is ignored
	Now      Time      // cluster time, stamped after the batch was closed
	Wall     int64     // Unix microseconds, for people to read; decides nothing
	Commands []Command // may be empty: a tick
}
