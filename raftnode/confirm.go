package raftnode

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// confirmer finds out whether this node is still the Raft leader of its term, by a majority of voters (guard 3).
// raft's own VerifyLeader counts answers to requests that were sent before it was asked, and counts nonvoters; here
// only answers to AppendEntries that left after the question count, and only voters'. Concurrent questions share
// a round; a question may join only a round that starts after it.
type confirmer struct {
	member *member
	self   raft.ServerID
	term   uint64

	mu      sync.Mutex
	acks    map[raft.ServerID]uint64 // highest number of a request that each peer has answered in this term
	acked   chan struct{}            // has a value when acks has changed
	next    *round                   // gathering
	running bool
	kicked  atomic.Bool // raft has been asked and has not answered yet
}

type round struct {
	done chan struct{}
	err  error
}

const (
	confirmTimeout = time.Second // of one round; a leader that cannot reach a majority for so long has none
	confirmKick    = 20 * time.Millisecond
)

func newConfirmer(m *member, self raft.ServerID, term uint64) *confirmer {
	return &confirmer{member: m, self: self, term: term, acks: map[raft.ServerID]uint64{}, acked: make(chan struct{}, 1)}
}

// observe notes that a peer has answered a numbered AppendEntries with success.
func (c *confirmer) observe(peer raft.ServerID, term, number uint64) {
	if term != c.term {
		return
	}
	c.mu.Lock()
	c.acks[peer] = max(c.acks[peer], number)
	c.mu.Unlock()
	select {
	case c.acked <- struct{}{}:
	default:
	}
}

// confirm returns nil once a majority of voters has confirmed, in a round that began after the call, that this node
// leads. What was acknowledged before the call has then been applied here.
func (c *confirmer) confirm(ctx context.Context) error {
	c.mu.Lock()
	if c.next == nil {
		c.next = &round{done: make(chan struct{})}
	}
	mine := c.next
	if !c.running {
		c.running = true
		go c.rounds()
	}
	c.mu.Unlock()
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rounds runs round after round while anybody asks.
func (c *confirmer) rounds() {
	for {
		c.mu.Lock()
		this := c.next
		c.next = nil
		if this == nil {
			c.running = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		this.err = c.run()
		close(this.done)
	}
}

func (c *confirmer) run() error {
	after := c.member.transport.LastSent()
	limit := time.NewTimer(confirmTimeout)
	defer limit.Stop()
	for {
		if !c.leads() {
			return errReignOver
		}
		if c.majority(after) {
			return nil
		}
		c.kick()
		kick := time.NewTimer(confirmKick)
		again := c.gather(after, kick.C, limit.C)
		kick.Stop()
		if !again {
			return errNoQuorum
		}
	}
}

// kick makes raft send heartbeats at once. One question of raft's own is open at a time: its channel is short, and a main loop
// that is busy with its disk does not read it.
func (c *confirmer) kick() {
	if c.kicked.CompareAndSwap(false, true) {
		go func() {
			defer c.kicked.Store(false)
			// What raft makes of it does not matter here; it ends with the leadership at the latest.
			_ = c.member.raft.VerifyLeader().Error()
		}()
	}
}

// gather waits for a majority or for the next kick; false if the round has taken too long.
func (c *confirmer) gather(after uint64, kick, limit <-chan time.Time) bool {
	for {
		select {
		case <-c.acked:
			if c.majority(after) {
				return true
			}
		case <-kick:
			return true
		case <-c.member.down: // nobody leads here any more
			return true
		case <-limit:
			return false
		}
	}
}

// leads is what a group of one voter has to go by; in a larger one the answers show it: a majority that was in this term
// after the question had not yet elected another.
func (c *confirmer) leads() bool {
	r := c.member.raft
	return r.State() == raft.Leader && r.CurrentTerm() == c.term
}

// majority tells whether a majority of voters has answered a request numbered after.
func (c *confirmer) majority(after uint64) bool {
	servers := c.member.raft.GetConfiguration().Configuration().Servers
	c.mu.Lock()
	defer c.mu.Unlock()
	return confirmed(servers, c.self, c.acks, after)
}

// confirmed counts the voters, this node included if it is one, that have answered a request numbered after.
func confirmed(servers []raft.Server, self raft.ServerID, acks map[raft.ServerID]uint64, after uint64) bool {
	voters, yes := 0, 0
	for _, s := range servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if s.ID == self || acks[s.ID] > after {
			yes++
		}
	}
	return 2*yes > voters
}
