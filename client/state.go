package client

import "time"

// Kind tells locks and elections apart; they have separate names.
type Kind string

// The kinds.
const (
	KindLock     Kind = "lock"
	KindElection Kind = "election"
)

// LockState is a lock as everybody may see it.
type LockState struct {
	Name    string
	Held    bool // by anyone
	Limit   int  // the strictest of its holders; 0 is none
	Holders []Holder
	Queue   []Waiter // in order; not in lists
	Index   uint64   // of the last change of holders or queue

	// HolderCount and QueueLength count all; lists show at most 16 holders and no queue.
	HolderCount, QueueLength int
	Staleness                time.Duration // of a local read: how old it may be
}

// Holder is a lease that holds a lock, or holds its place still.
type Holder struct {
	Owner     string
	Token     uint64
	Limit     int // at most so many holders; 0 is no limit
	HeldFor   time.Duration
	ExpiresIn time.Duration // until its deadline, if it is not renewed
	Metadata  map[string]string

	// Not in refusals:
	GrantedAt      time.Time // by the Raft leader's wall clock
	LastRenewedAgo time.Duration
	ViaNode        string // the sidecar it came through

	Ended       Reason // why it has ended, where only its place is still taken; else ""
	MinHoldLeft time.Duration
}

// Waiter is a lease in a lock's queue.
type Waiter struct {
	Owner      string
	Limit      int // 0 is no limit
	WaitingFor time.Duration
}

// Election is an election as everybody may see it.
type Election struct {
	Name       string
	Leader     *Leader     // nil: nobody leads
	Candidates []Candidate // standing by, in order; not in lists
	Index      uint64      // of the last change of leader, candidates or value

	CandidateCount int
	Staleness      time.Duration // of a local read: how old it may be
}

// Leader leads an election.
type Leader struct {
	Owner          string
	Value          string
	Token          uint64
	LeadingFor     time.Duration
	ExpiresIn      time.Duration // until its deadline, if it is not renewed
	Metadata       map[string]string
	GrantedAt      time.Time // by the Raft leader's wall clock
	LastRenewedAgo time.Duration
	ViaNode        string // the sidecar it came through
	Ended          Reason // as for [Holder]
	MinHoldLeft    time.Duration
}

// Candidate stands by in an election.
type Candidate struct {
	Owner      string
	Value      string
	WaitingFor time.Duration
	Metadata   map[string]string
	ViaNode    string
}

// History is what happened to a lock or an election, oldest first, as far as it is remembered.
type History struct {
	Name    string
	Events  []PastEvent
	Notable []PastEvent // those that were not plain grants and releases, remembered longer
	Index   uint64
}

// PastEvent is one event of a [History].
type PastEvent struct {
	Type           string // granted, released, expired, revoked, disconnected, forced, …
	Owner          string
	Token          uint64 // 0: none
	At             time.Time
	Ago            time.Duration
	ViaNode        string
	HeldFor        time.Duration // where a holder ended
	LastRenewedAgo time.Duration // at the time of the event, where a holder ended
	Why            string        // beside a forced release
}

// Cluster is the group as one sidecar last knew it.
type Cluster struct {
	ID                        string // "" until there is one
	Node                      Self   // the sidecar that answered
	Members                   []Member
	RaftLeader                *MemberRef // nil: none known
	Term                      uint64
	CommitIndex, AppliedIndex uint64
	FailureTolerance          int // how many more voters may be lost; negative without a majority
}

// Self is a sidecar as it speaks of itself.
type Self struct {
	Name, ID string
	Role     string // voter, spare or agent; "" before it has joined the group
	Version  string
}

// Member is one sidecar of the group.
type Member struct {
	MemberRef
	Role        string // voter, spare or agent
	Zone        string // what fails together with it; "" if nothing was said
	Healthy     bool
	LastContact time.Duration // -1: never, or not known there
	Version     string        // "" if not known
}

// MemberRef names a sidecar.
type MemberRef struct {
	Name, ID, Address string
}
