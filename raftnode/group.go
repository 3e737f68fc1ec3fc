package raftnode

import (
	"slices"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// Status returns what this node knows of its group, without asking anybody.
func (n *Node) Status() Status {
	st := Status{ID: string(n.id), Name: n.cfg.Name, ClusterID: n.clusterID(), Draining: n.draining.Load(), FailureTolerance: -1}
	if !n.joined.Load() {
		st.NotReady = n.whyNotJoined()
		return st
	}
	st.Role = Agent
	if m := n.asMember(); m != nil {
		st.LastIndex, st.CommitIndex, st.AppliedIndex = m.raft.LastIndex(), m.raft.CommitIndex(), m.raft.AppliedIndex()
	}
	st.Term, st.StateIndex, st.FeatureLevel = n.term(), n.machine.applied.Load(), n.FeatureLevel()
	st.IsLeader = n.reigning() != nil
	leader := n.knownLeader()
	for _, l := range n.group() {
		m := n.statusOf(l)
		if l.ID == st.ID {
			st.Role = l.Role
		}
		if l.Role == Voter {
			st.Voters++
			if m.Healthy {
				st.HealthyVoters++
			}
		}
		st.Members = append(st.Members, m)
	}
	if i := slices.IndexFunc(st.Members, func(m Member) bool { return m.ID == leader }); i >= 0 {
		st.Leader = &st.Members[i]
		st.FailureTolerance = st.HealthyVoters - (st.Voters/2 + 1)
	}
	st.Ready = n.ready.Load() && !st.Draining
	if !st.Ready {
		st.NotReady = "this node has not caught up with its group yet"
		if why := n.refusal(); why != "" {
			st.NotReady = why
		}
		if st.Draining {
			st.NotReady = "this node is stopping"
		}
	}
	return st
}

// whyNotJoined says what a node that belongs to no group yet waits for.
func (n *Node) whyNotJoined() string {
	if why := n.refusal(); why != "" {
		return why
	}
	if n.clusterID() != "" {
		return "the group has been found; waiting for its Raft leader to take this node in"
	}
	if why := n.former.Waiting(); why != "" {
		return why
	}
	return "the group is being formed"
}

// group lists the sidecars: as the Raft leader told last, put right by this member's own configuration where that is newer.
func (n *Node) group() []listed {
	r := n.roster.Load()
	m := n.asMember()
	if m == nil {
		if r == nil {
			return []listed{n.describe(string(n.id))}
		}
		return r.Nodes
	}
	c, index := m.configuration()
	if r != nil && r.Index >= index {
		return r.Nodes
	}
	var nodes []listed
	for _, s := range c.Servers {
		l := n.describe(string(s.ID))
		l.Role = Spare
		if s.Suffrage == raft.Voter {
			l.Role = Voter
		}
		nodes = append(nodes, l)
	}
	if r != nil {
		for _, l := range r.Nodes {
			if l.Role == Agent && !contains(c, raft.ServerID(l.ID)) {
				nodes = append(nodes, l)
			}
		}
	}
	return nodes
}

func (n *Node) statusOf(l listed) Member {
	m := Member{ID: l.ID, Name: l.Name, Address: l.Address, Role: l.Role, Version: l.Release, Zone: l.Zone, LastContact: n.contact.ago(l.ID)}
	if l.Role == Agent && n.reigning() != nil {
		m.LastContact = n.heardAgo(l)
	}
	if l.ID == string(n.id) {
		m.Name, m.Address, m.Version, m.LastContact = n.cfg.Name, n.address(), n.cfg.Version, 0
	}
	if m.Name == "" {
		m.Name = l.ID
	}
	m.Healthy = m.LastContact >= 0 && m.LastContact <= n.healthyWithin()
	return m
}

// caughtUp tells whether this node knows all that its role needs: a member has applied what was committed, an agent has heard from the
// Raft leader.
func (n *Node) caughtUp() bool {
	if n.asMember() != nil {
		return !n.freshAt().IsZero()
	}
	return n.ponged.Load() != 0
}

// about is what this node is like.
func (n *Node) about() peer.About {
	return peer.About{Release: n.cfg.Version, Features: n.features(), Zone: n.cfg.Zone, Agent: n.cfg.Agent, Ephemeral: n.cfg.Ephemeral,
		Voters: n.cfg.Voters, Spares: n.cfg.Spares}
}

// admitPeer tells why a node may not send its callers' requests here, if this one leads: nodes are checked before they join.
func (n *Node) admitPeer(h peer.Hello) (peer.Code, string) {
	r := n.roster.Load()
	if n.reigning() == nil || r == nil {
		return "", ""
	}
	if code, message := refuseLevel(n.FeatureLevel(), h); code != "" {
		return code, message
	}
	if e, here := n.roll.look(h.NodeID); here && e.links > 0 {
		return "", ""
	}
	for _, l := range r.Nodes {
		if l.Name != h.Name || l.ID == h.NodeID {
			continue
		}
		if ago := n.heardAgo(l); ago >= 0 && ago < n.healthyWithin() {
			return peer.CodeNameInUse, "the name " + h.Name + " is in use by node " + l.ID + " at " + l.Address +
				", which is alive: give each sidecar its own --node; if that one is gone, this one is taken in a moment"
		}
	}
	return "", ""
}

// learnWhereabouts takes names and addresses out of a roster, but those that nodes told this one themselves.
func (n *Node) learnWhereabouts(r *roster) {
	for _, l := range r.Nodes {
		if l.ID == string(n.id) {
			continue
		}
		if _, linked := n.roll.look(l.ID); !linked {
			n.port.Book().Learn(l.ID, peer.Entry{Address: l.Address, Name: l.Name})
		}
	}
}

// forgetOthers drops from the address book who is not of the group any more, once there are many of them.
func (n *Node) forgetOthers(known map[string]bool) {
	book := n.port.Book().Snapshot()
	if len(book) <= len(known)+strangers {
		return
	}
	for id := range book {
		if !known[id] {
			n.port.Book().Forget(id)
			n.port.ForgetLife(id)
		}
	}
}

// strangers is how many nodes that are not of the group any more are remembered.
const strangers = 32

// doubt forgets that a node leads, by hearsay, when it says itself that it does not.
func (n *Node) doubt(leader string) {
	if r := n.rumour.Load(); r != nil && r.ID == leader && n.rumour.CompareAndSwap(r, nil) {
		n.leaderChange.broadcast()
	}
}

// isHealthy tells whether a contact so long ago counts.
func (n *Node) isHealthy(ago time.Duration) bool { return ago >= 0 && ago <= n.healthyWithin() }

// refusal says why peers do not take this node's requests; empty if they do, or nobody was asked.
func (n *Node) refusal() string {
	if why := n.refused.Load(); why != nil {
		return *why
	}
	return ""
}
