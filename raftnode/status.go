package raftnode

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
)

// contacts are when each peer was last known to be alive.
type contacts struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (c *contacts) seen(id string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string]time.Time{}
	}
	if at.After(c.last[id]) {
		c.last[id] = at
	}
}

// ago returns how long ago a peer was last known to be alive; negative if never.
func (c *contacts) ago(id string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.last[id]
	if !ok {
		return -1
	}
	return time.Since(at)
}

// observe hears of each AppendEntries that a peer answered with success.
// It counts as alive when the request left: the answer may have lain about.
func (n *Node) observe(peer raft.ServerID, term, number uint64, sent time.Time) {
	n.contact.seen(string(peer), sent)
	if r := n.reign.Load(); r != nil {
		r.confirms.observe(peer, term, number)
	}
}

// freshness tells how old this replica is: the last time at which it is known to have applied all that the Raft
// leader had.
type freshness struct {
	mu      sync.Mutex
	at      time.Time // zero: not since the start of this process
	asked   time.Time // of the newest answer not reached yet
	applied uint64
}

// reached takes into account what this replica has applied.
func (f *freshness) reached(applied uint64) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if applied >= f.applied && f.asked.After(f.at) {
		f.at = f.asked
	}
	return f.at
}

// led takes into account that this node was Raft leader until the given time, which no leader's answer says.
func (f *freshness) led(until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if until.After(f.at) {
		f.at = until
	}
}

func (f *freshness) heard(asked time.Time, leaderApplied uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if asked.After(f.asked) {
		f.asked, f.applied = asked, leaderApplied
	}
}

// forget is for a node that has no replica any more.
func (f *freshness) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.asked, f.applied = time.Time{}, time.Time{}, 0
}

// freshAt returns the last time at which this replica had applied all that was committed; zero if that is not known
// of this run yet.
func (n *Node) freshAt() time.Time {
	if n.reigning() != nil {
		return n.majorityContact()
	}
	return n.fresh.reached(n.machine.applied.Load())
}

// ReplicaAge is how long ago this node's replica is known to have had all that was committed; negative if there is none, or none that has
// caught up.
func (n *Node) ReplicaAge() time.Duration {
	at := n.freshAt()
	if n.asMember() == nil || at.IsZero() {
		return -1
	}
	return max(0, time.Since(at))
}

// majorityContact is the last time at which a majority of voters is known to have followed this leader; zero if that is not known.
func (n *Node) majorityContact() time.Time {
	var agos []time.Duration
	voters := 0
	m := n.asMember()
	if m == nil {
		return time.Time{}
	}
	c, _ := m.configuration()
	for _, s := range c.Servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if s.ID == n.id {
			agos = append(agos, 0)
		} else if ago := n.contact.ago(string(s.ID)); ago >= 0 {
			agos = append(agos, ago)
		}
	}
	if majority := voters/2 + 1; len(agos) >= majority {
		slices.Sort(agos)
		return time.Now().Add(-agos[majority-1])
	}
	return time.Time{}
}

// healthyWithin is how recent a contact must be for a member to count as healthy.
func (n *Node) healthyWithin() time.Duration { return max(3*n.cfg.Timing.Heartbeat, time.Second) }

// nameOf returns a member's label, or its ID while that is not known.
func (n *Node) nameOf(id string) string {
	if id == string(n.id) {
		return n.cfg.Name
	}
	if e, ok := n.port.Book().Lookup(id); ok && e.Name != "" {
		return e.Name
	}
	return id
}

// watchReadiness makes the node ready once it has caught up, and the group has its voters or a minute has passed.
func (n *Node) watchReadiness() {
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	for {
		if st := n.Status(); n.caughtUp() && (st.Voters > 0 && st.HealthyVoters == st.Voters || time.Since(n.started) > readyAnyway) {
			n.ready.Store(true)
			n.checkTiming()
			return
		}
		select {
		case <-n.ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// checkTiming tells an operator whose timing does not fit the group: its shortest TTL was written down when it was made.
func (n *Node) checkTiming() {
	if shortest := n.MinTTL(); shortest < 2*n.cfg.Timing.Election {
		n.log.Warn("--raft-timing does not fit this group: leases may be as short as its election timeout, and end in every election",
			"raft_timing", n.cfg.Timing.Name, "shortest_ttl", shortest, "election_timeout", n.cfg.Timing.Election)
	}
}

const (
	readyEvery  = 20 * time.Millisecond
	readyAnyway = time.Minute
)

// MinTTL returns the shortest TTL of the group, as this node knows it.
func (n *Node) MinTTL() time.Duration {
	if known := n.machine.shortest.Load(); known > 0 {
		return time.Duration(known)
	}
	if r := n.roster.Load(); r != nil && r.MinTTL > 0 { // there is no replica here
		return time.Duration(r.MinTTL)
	}
	return n.cfg.Settings.MinTTL
}

// Counts returns the sizes of this node's replica.
func (n *Node) Counts() (c lease.Counts) {
	n.machine.read(func(s *lease.State) { c = s.Counts() })
	return c
}

// Bounds returns what the group's settings let the sizes grow to; the zero Settings on a node without a replica.
func (n *Node) Bounds() (b lease.Settings) {
	n.machine.read(func(s *lease.State) { b, _ = s.Settings() })
	return b
}
