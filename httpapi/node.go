package httpapi

import (
	"context"
	"time"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// Node is what the API needs of a group member. Errors are *raftnode.Error; a domain refusal is an Outcome or an
// Answer with its Code and a nil error. All methods may be called concurrently.
type Node interface {
	// Do brings one command to its result, retrying inside until ctx's deadline. The node fills Command.Identity.
	Do(ctx context.Context, c lease.Command) (raftnode.Outcome, error)
	// Acquire is OpAcquire in Locks; the caller waits in line, at most wait. It returns when the lock is held,
	// or with the result of the applied withdrawal (Code WaitTimeout). A cancelled ctx means that the caller hung up.
	Acquire(ctx context.Context, c lease.Command, wait time.Duration) (raftnode.Outcome, error)
	// Query answers a question at the given consistency.
	Query(ctx context.Context, q lease.Query, c raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error)
	// Status is what this node knows without asking anybody.
	Status() raftnode.Status
	// Confirm returns nil if a Raft leader confirmed itself with a majority after the call began.
	Confirm(ctx context.Context) error
	// RemoveMember takes a member out of the group. Beside *raftnode.Error it returns raftnode's ErrNoSuchMember, ErrIsAgent, ErrLastVoter and
	// ErrNoMajority.
	RemoveMember(ctx context.Context, id string) error
	// MinTTL is the group's shortest TTL.
	MinTTL() time.Duration

	// QueryChange is Query about one name, answered when its index exceeds after, or after wait, with the answer either way.
	QueryChange(ctx context.Context, q lease.Query, c raftnode.Consistency, after uint64, wait time.Duration) (lease.Answer, raftnode.ReadInfo, error)
	// RenewUntilChange renews a campaign and answers when it begins to lead or is over, or after wait.
	RenewUntilChange(ctx context.Context, c lease.Command, wait time.Duration) (raftnode.Outcome, error)
	// Hold begins to hold a name for a connection; negative wait is without limit. There is a Holding only with an OK outcome.
	Hold(ctx context.Context, c lease.Command, wait time.Duration) (Holding, raftnode.Outcome, error)
	// Subscribe follows what happens after a position; nil is from now on.
	Subscribe(ctx context.Context, after *raftnode.EventID, f raftnode.Filter) (Subscription, error)
	// Leads tells whether a candidate of this sidecar leads an election, by its own safe deadline.
	Leads(election string) (token lease.Token, validFor time.Duration, yes bool)
	// Keeps lists what this sidecar keeps for clients that are connected to it, without asking anybody.
	Keeps() []raftnode.Keeping
	// Ending is closed when the sidecar ends its streams.
	Ending() <-chan struct{}
}

// Holding is a *raftnode.Hold.
type Holding interface {
	Changed() <-chan struct{}
	State() raftnode.HoldState
	End(raftnode.Ending)
}

// Subscription is a *raftnode.Subscription.
type Subscription interface {
	Next(ctx context.Context) (raftnode.Delivery, error)
	Position() raftnode.EventID
	Index() uint64
	Age() time.Duration
	Close()
}

var (
	_ Holding      = (*raftnode.Hold)(nil)
	_ Subscription = (*raftnode.Subscription)(nil)
)

// Recorder counts requests. Both labels are closed sets: Ops and Codes.
type Recorder interface {
	Request(op, code string, seconds float64)
	Jeopardy() // a client was told that its hold is in doubt
}

type noRecorder struct{}

func (noRecorder) Request(string, string, float64) {}
func (noRecorder) Jeopardy()                       {}

var _ Recorder = noRecorder{}
