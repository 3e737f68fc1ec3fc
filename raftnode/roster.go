package raftnode

import (
	"cmp"
	"encoding/json"
	"hash/fnv"
	"slices"

	"github.com/hashicorp/raft"
)

// roster is the group as its Raft leader sees it: every sidecar, members and agents. All others learn it from the leader's answers to
// their pings, and it is what GET /v1/cluster tells.
type roster struct {
	Cluster string   `json:"cluster"`
	Term    uint64   `json:"term"`
	Index   uint64   `json:"index"` // of Raft's configuration
	Leader  string   `json:"leader"`
	Level   uint32   `json:"level"`             // the group's feature level
	MinTTL  int64    `json:"min_ttl,omitempty"` // the group's shortest TTL, in nanoseconds
	Nodes   []listed `json:"nodes"`

	version uint64
	encoded []byte
}

// listed is one sidecar of a roster.
type listed struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Address   string `json:"address"`
	Role      Role   `json:"role"`
	Zone      string `json:"zone,omitempty"`
	Release   string `json:"release,omitempty"`
	Ephemeral bool   `json:"ephemeral,omitempty"`
}

// lists tells whether a node is in Raft's configuration.
func (r *roster) lists(id string) bool {
	return slices.ContainsFunc(r.Nodes, func(l listed) bool { return l.ID == id && l.Role != Agent })
}

// seal puts the nodes in order and gives the roster the number by which others say which they have.
func (r *roster) seal() error {
	slices.SortFunc(r.Nodes, func(a, b listed) int { return cmp.Compare(a.ID, b.ID) })
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	h := fnv.New64a()
	h.Write(b) // never fails
	r.version, r.encoded = h.Sum64(), b
	return nil
}

// decodeRoster reads what seal encoded.
func decodeRoster(b []byte) (*roster, error) {
	var r roster
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, err
	}
	return &r, r.seal()
}

// drawRoster is the roster as this node sees it, if it is the Raft leader; nil while a change of the configuration is not committed:
// others act on it, and who leaves goes by it.
func (n *Node) drawRoster(m *member, term uint64) *roster {
	c, index := m.configuration()
	if index > m.raft.CommitIndex() {
		return nil
	}
	r := &roster{Cluster: n.clusterID(), Term: term, Index: index, Leader: string(n.id), Level: n.FeatureLevel(), MinTTL: n.machine.shortest.Load()}
	for _, s := range c.Servers {
		l := n.describe(string(s.ID))
		l.Role = Spare
		if s.Suffrage == raft.Voter {
			l.Role = Voter
		}
		r.Nodes = append(r.Nodes, l)
	}
	for _, h := range n.roll.present() {
		if !contains(c, raft.ServerID(h.NodeID)) {
			r.Nodes = append(r.Nodes, n.describe(h.NodeID))
		}
	}
	if err := r.seal(); err != nil {
		n.log.Error("the roster cannot be encoded", "err", err) // strings and numbers: it can
	}
	return r
}

// describe is what this node knows of another, or of itself; as an agent, until more is known.
func (n *Node) describe(id string) listed {
	if id == string(n.id) {
		return listed{ID: id, Name: n.cfg.Name, Address: n.address(), Role: Agent, Zone: n.cfg.Zone, Release: n.cfg.Version, Ephemeral: n.cfg.Ephemeral}
	}
	l := listed{ID: id, Role: Agent}
	if old := n.roster.Load(); old != nil {
		if i := slices.IndexFunc(old.Nodes, func(o listed) bool { return o.ID == id }); i >= 0 {
			l = old.Nodes[i]
			l.Role = Agent
		}
	}
	if e, ok := n.port.Book().Lookup(id); ok {
		l.Name, l.Address = e.Name, e.Address
	}
	if h, ok := n.roll.hello(id); ok {
		l.Name, l.Address, l.Zone, l.Release, l.Ephemeral = h.Name, h.Address, h.About.Zone, h.About.Release, h.About.Ephemeral
	}
	return l
}

// learnRoster takes a roster in: this node's own as Raft leader, or the leader's.
func (n *Node) learnRoster(r *roster) {
	old := n.roster.Load()
	if old != nil && (old.version == r.version || r.Cluster == old.Cluster && r.Term < old.Term) {
		return
	}
	n.roster.Store(r)
	known := map[string]bool{}
	for _, l := range r.Nodes {
		known[l.ID] = true
	}
	n.learnWhereabouts(r)
	n.forgetOthers(known)
	n.shifted()
}
