package raftnode

import (
	"time"

	"github.com/sidelock/sidelock/lease"
)

// Outcome is what a command came to, as its caller may rely on it.
type Outcome struct {
	lease.Result
	// ValidFor is how long the lease can be relied upon from now, without asking anybody: what the state machine
	// had left when it applied the command, less the time since the command was first sent, less a margin. It is
	// zero where the result carries no living lease.
	ValidFor time.Duration

	sent  time.Duration // when the command was first sent, by the boot clock
	until time.Duration // the safe deadline, by the boot clock; 0 where there is none
}

// Consistency says what a read must be.
type Consistency uint8

// The consistencies.
const (
	Linearizable Consistency = iota // confirmed by a majority after it was asked
	Local                           // this node's replica, labelled with its index and age
)

// ReadInfo labels an answer.
type ReadInfo struct {
	Index     uint64        // the log index at which the answer holds true
	Staleness time.Duration // Local only: since this node had applied all that was committed
}

// Role is what a member does in the group.
type Role string

// The roles.
const (
	Voter Role = "voter"
	Spare Role = "spare"
	Agent Role = "agent"
)

// Member is one sidecar of the group, as this node last knew it.
type Member struct {
	ID          string
	Name        string
	Address     string // host:port of the peer port; may be empty when unknown
	Role        Role
	Healthy     bool
	LastContact time.Duration // negative: never, or not known on this node
	Version     string
	Zone        string
}

// Status is what this node knows of its group without asking anybody.
type Status struct {
	ID, Name         string
	ClusterID        string
	Members          []Member
	Leader           *Member // the Raft leader, nil if none is known
	IsLeader         bool
	Term             uint64
	LastIndex        uint64
	CommitIndex      uint64
	AppliedIndex     uint64 // handed to the state machine
	StateIndex       uint64 // of the last command in this node's state
	Voters           int
	HealthyVoters    int
	Role             Role   // of this node; empty before it has joined
	FailureTolerance int    // how many more voters may be lost; negative without a quorum
	FeatureLevel     uint32 // of the group, as far as this node has applied its log
	Ready            bool   // joined, caught up; stays true until draining
	NotReady         string // why not, for people
	Draining         bool
}

// The codes of replication, beside those of lease.
const (
	NoLeader       lease.Code = "no_leader"       // nothing happened: nobody leads, or nobody reachable
	NoQuorum       lease.Code = "no_quorum"       // nothing happened: the Raft leader could not confirm itself
	NotReady       lease.Code = "not_ready"       // nothing happened: this node has not joined or caught up
	Overloaded     lease.Code = "overloaded"      // nothing happened: a bounded queue is full
	Draining       lease.Code = "draining"        // nothing happened: this node is stopping
	StorageFailed  lease.Code = "storage_failed"  // nothing happened: the disk failed before anything was proposed
	OutcomeUnknown lease.Code = "outcome_unknown" // it may have happened; repeat with the same lease
)

// Codes lists the codes of replication.
func Codes() []lease.Code {
	return []lease.Code{NoLeader, NoQuorum, NotReady, Overloaded, Draining, StorageFailed, OutcomeUnknown}
}

// Error is a failure of replication. Unless its Code is OutcomeUnknown, nothing happened.
type Error struct {
	Code   lease.Code
	Detail string // for people: what is wrong and what to do
	Err    error  // what caused it, if anything; never shown to clients
}

func (e *Error) Error() string {
	if e.Err != nil {
		return string(e.Code) + ": " + e.Detail + ": " + e.Err.Error()
	}
	return string(e.Code) + ": " + e.Detail
}

func (e *Error) Unwrap() error { return e.Err }
