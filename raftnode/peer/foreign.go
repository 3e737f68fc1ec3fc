package peer

import (
	"fmt"
	"slices"
)

// foreign says that two nodes are of different clusters, and what to do. Where one cluster is what a recovery made of the other, the
// member of the old one has to come back as a new node: it knows nothing of the recovery, and must not take part with the
// log that it has.
func foreign(a, b side) string {
	for _, pair := range [][2]side{{a, b}, {b, a}} {
		old, now := pair[0], pair[1]
		if old.cluster != "" && slices.Contains(now.ancestors, old.cluster) {
			return fmt.Sprintf("cluster %q, to which %s belongs, was replaced by recovery as %q, of which %s is: move the data directory of the former away and start it again; it joins as a new member",
				old.cluster, old, now.cluster, now)
		}
	}
	return fmt.Sprintf("%s is of cluster %q, %s of cluster %q: correct --join, or empty the data directory of the one that is wrong", a, a.cluster, b, b.cluster)
}

// side is one of two nodes that met.
type side struct {
	role      string // "the caller"; may be empty
	id, name  string
	cluster   string
	ancestors []string
}

func (s side) String() string {
	if s.role == "" {
		return fmt.Sprintf("node %s (%s)", s.id, s.name)
	}
	return fmt.Sprintf("%s (node %s, %s)", s.role, s.id, s.name)
}

func (h Hello) side(role string) side { return side{role, h.NodeID, h.Name, h.ClusterID, h.Ancestors} }
func (i Identity) side(role string) side {
	return side{role, i.NodeID, i.Name, i.ClusterID, i.Ancestors}
}
