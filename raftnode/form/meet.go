package form

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// meet describes the formed group of the nodes that have joined one: first is of them, and there is no other group.
func meet(first Status, nodes map[string]Status) *Group {
	g := &Group{ClusterID: first.ClusterID, Address: first.Address, Members: map[string]Label{}}
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		if n := nodes[id]; n.Phase == Joined {
			g.Addresses = append(g.Addresses, n.Address)
			for member, l := range n.Members {
				if _, known := g.Members[member]; !known && len(g.Members) < MaxMembers {
					g.Members[member] = l
				}
			}
		}
	}
	slices.Sort(g.Addresses)
	g.Addresses = slices.Compact(g.Addresses)
	return g
}

// setJoining is called with mu held. From now on, until the process ends, this node is no founder, and the way to the group
// is not forgotten: a fresh node that knows this one must find the group too.
func (f *Former) setJoining(g Group) {
	f.cfg.Logger.Info("met a group; asking it to take this node in", "cluster_id", g.ClusterID, "address", g.Address)
	f.status.Phase, f.status.ClusterID = Joining, g.ClusterID
	way := slices.Clone(g.Addresses)
	for _, l := range g.Members {
		way = append(way, l.Address)
	}
	for _, a := range way {
		delete(f.sighted, a)
		if a != "" && len(a) <= MaxText && len(f.own)+len(f.sighted) < MaxUnion && !slices.Contains(f.own, a) {
			f.own = append(f.own, a)
		}
	}
	slices.Sort(f.own)
}

// unasked tells whether there is an address that was not asked in this round, or may be.
func (f *Former) unasked(seen map[string]answer) bool {
	if f.cfg.Find != nil && f.looked.begun.IsZero() {
		return true
	}
	return slices.ContainsFunc(f.union(), func(a string) bool {
		_, asked := seen[a]
		return !asked
	})
}

// outside is why a node that founds nothing has to wait.
func (f *Former) outside(nodes map[string]Status, faults []string) string {
	why := fmt.Sprintf("this node founds no group (--cluster-state existing, or --member never) and looks for one: %d other nodes found, none belongs to one", len(nodes)-1)
	if more := f.incomplete(); more != "" {
		faults = append(faults, "this node "+more)
	}
	if len(faults) > 0 {
		why += "; " + strings.Join(faults, "; ")
	}
	return why
}

// founders counts the nodes that may be on a list.
func founders(nodes map[string]Status) (n int) {
	for _, s := range nodes {
		if !s.Existing {
			n++
		}
	}
	return n
}
