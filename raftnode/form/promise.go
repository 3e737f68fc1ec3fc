package form

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
)

// Promise is the list of founding members that a node agrees to.
type Promise struct {
	Nodes  []string `json:"nodes"`  // node IDs, ascending, none twice
	Voters int      `json:"voters"` // the first so many of Nodes vote
}

// Equal tells whether two promises are the same.
func (p Promise) Equal(q Promise) bool { return p.Voters == q.Voters && slices.Equal(p.Nodes, q.Nodes) }

// Has tells whether the node is on the list.
func (p Promise) Has(id string) bool { return slices.Contains(p.Nodes, id) }

func (p Promise) check() error {
	if n := len(p.Nodes); n == 0 || n > MaxSize || p.Voters < 1 || p.Voters > n {
		return fmt.Errorf("a promise of %d voters of %d nodes", p.Voters, n)
	}
	for i, id := range p.Nodes {
		if id == "" || len(id) > MaxText || (i > 0 && p.Nodes[i-1] >= id) {
			return fmt.Errorf("a promise whose list is not in order at %.40q", id)
		}
	}
	return nil
}

// sum hashes the list for one purpose. Lengths go in, so that no two lists look alike.
func (p Promise) sum(purpose string) [sha256.Size]byte {
	b := binary.AppendUvarint([]byte("sidelock "+purpose+" v1\n"), uint64(p.Voters))
	for _, id := range p.Nodes {
		b = append(binary.AppendUvarint(b, uint64(len(id))), id...)
	}
	return sha256.Sum256(b)
}

// Digest is a short text that two nodes can compare.
func (p Promise) Digest() string {
	s := p.sum("promise")
	return hex.EncodeToString(s[:16])
}

// ClusterID derives the cluster's UUID (version 8, RFC 9562) from the list.
func (p Promise) ClusterID() string {
	s := p.sum("cluster")
	s[6] = s[6]&0x0f | 0x80
	s[8] = s[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", s[0:4], s[4:6], s[6:8], s[8:10], s[10:16])
}

// Member is one founding member. ID and Voter are the same on all nodes; Name
// and Address are what this node last heard, empty if it heard nothing.
type Member struct {
	ID      string
	Name    string
	Address string
	Voter   bool
}

// Result is a group that this node belongs to, or one that it met.
type Result struct {
	ClusterID string
	Members   []Member // the founding list in order of ID; nil for a node that joined later
	Met       *Group   // a group that is there, which has to take this node in; nothing else is set then, and nothing was written
}

// label copies what is known of the nodes on the list.
func (p Promise) label(to, from map[string]Label) {
	for _, id := range p.Nodes {
		if l, ok := from[id]; ok {
			to[id] = l
		}
	}
}

// result writes a promise out.
func (p Promise) result(labels map[string]Label) Result {
	r := Result{ClusterID: p.ClusterID()}
	for i, id := range p.Nodes {
		r.Members = append(r.Members, Member{ID: id, Name: labels[id].Name, Address: labels[id].Address, Voter: i < p.Voters})
	}
	return r
}

// Alone returns the promise and the result of a group of one.
func Alone(id, name, address string) (Promise, Result) {
	p := Promise{Nodes: []string{id}, Voters: 1}
	return p, p.result(map[string]Label{id: {Name: name, Address: address}})
}

// lowest returns the list that a set of nodes leads to. Who waits for an
// existing group is not on it.
func lowest(nodes map[string]Status, size, voters int) Promise {
	var list []string
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		if !nodes[id].Existing && len(list) < size {
			list = append(list, id)
		}
	}
	return Promise{Nodes: list, Voters: min(voters, size)}
}
