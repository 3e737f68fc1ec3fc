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

// setJoining is called with mu held. While this node asks to be taken in it is no founder, and the way to the group is not
// forgotten: a fresh node that knows this one must find the group too.
func (f *Former) setJoining(g Group) {
	f.cfg.Logger.Info("met a group; asking it to take this node in", "cluster_id", g.ClusterID, "address", g.Address)
	f.status.Phase, f.status.ClusterID = Joining, g.ClusterID
	f.way = nil
	for _, a := range g.Addresses {
		f.remember(a)
	}
	for _, member := range slices.Sorted(maps.Keys(g.Members)) {
		f.remember(g.Members[member].Address)
	}
}

// remember takes an address into the way to the group, if there is room. Called with mu held.
func (f *Former) remember(a string) {
	delete(f.sighted, a)
	if a != "" && len(a) <= MaxText && !slices.Contains(f.own, a) && !slices.Contains(f.way, a) && len(f.own)+len(f.way)+len(f.sighted) < MaxUnion {
		f.way = append(f.way, a)
	}
}

// lookAgain makes a node that has met a group a fresh one again, for what it met may have been the remnant of one. The way
// there is as good as any address that discovery has just found: forgotten in time, if nobody leads there any more.
func (f *Former) lookAgain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.status.Phase != Joining {
		return
	}
	f.status.Phase, f.status.ClusterID = Fresh, ""
	way := f.way
	f.way, f.looked = nil, lookup{}
	for _, a := range way {
		f.renew(a, found)
	}
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
