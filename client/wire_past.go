package client

import "time"

// wireHistory is what a name's history looks like on the wire, and wireCluster a group.
type wireHistory struct {
	Name    string          `json:"name"`
	Events  []wirePastEvent `json:"events"`
	Notable []wirePastEvent `json:"notable"`
	Index   uint64          `json:"index"`
}

func (h *wireHistory) missing() string {
	if h.Name == "" {
		return "name"
	}
	return ""
}

type wirePastEvent struct {
	Event          string       `json:"event"`
	Owner          string       `json:"owner"`
	Token          uint64       `json:"token"` // null leaves 0
	At             time.Time    `json:"at"`
	Ago            milliseconds `json:"ago_ms"`
	ViaNode        string       `json:"via_node"`
	HeldFor        milliseconds `json:"held_ms"`
	LastRenewedAgo milliseconds `json:"last_renewed_ago_ms"`
	Why            string       `json:"why"`
}

func pastEvents(list []wirePastEvent) []PastEvent {
	out := make([]PastEvent, len(list))
	for i, e := range list {
		out[i] = PastEvent{
			Type: e.Event, Owner: e.Owner, Token: e.Token, At: e.At, Ago: e.Ago.duration(), ViaNode: e.ViaNode,
			HeldFor: e.HeldFor.duration(), LastRenewedAgo: e.LastRenewedAgo.duration(), Why: e.Why,
		}
	}
	return out
}

type wireCluster struct {
	ID               string         `json:"id"`   // null leaves ""
	Node             Self           `json:"node"` // a role or a version of null leaves ""
	Members          []wireMember   `json:"members"`
	RaftLeader       *wireMemberRef `json:"raft_leader"`
	Term             *uint64        `json:"term"`
	CommitIndex      uint64         `json:"commit_index"`
	AppliedIndex     uint64         `json:"applied_index"`
	FailureTolerance int            `json:"failure_tolerance"`
}

type wireMemberRef struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	Address string `json:"address"` // null leaves ""
}

type wireMember struct {
	wireMemberRef
	Role        string        `json:"role"`
	Zone        string        `json:"zone"` // null leaves ""
	Healthy     bool          `json:"healthy"`
	LastContact *milliseconds `json:"last_contact_ms"`
	Version     string        `json:"version"` // null leaves ""
}

func (c *wireCluster) missing() string {
	if c.Term == nil {
		return "term"
	}
	return ""
}

func (c *wireCluster) cluster() *Cluster {
	out := &Cluster{
		ID: c.ID, Node: c.Node, Term: *c.Term, CommitIndex: c.CommitIndex, AppliedIndex: c.AppliedIndex, FailureTolerance: c.FailureTolerance,
	}
	if c.RaftLeader != nil {
		leader := MemberRef(*c.RaftLeader)
		out.RaftLeader = &leader
	}
	for _, m := range c.Members {
		member := Member{MemberRef: MemberRef(m.wireMemberRef), Role: m.Role, Zone: m.Zone, Healthy: m.Healthy, LastContact: -1, Version: m.Version}
		if m.LastContact != nil {
			member.LastContact = m.LastContact.duration()
		}
		out.Members = append(out.Members, member)
	}
	return out
}

var _ = []checker{(*wireHistory)(nil), (*wireCluster)(nil), (*wireForced)(nil)}
