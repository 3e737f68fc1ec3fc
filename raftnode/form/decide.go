package form

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// step is what follows from a round.
type step struct {
	promise *Promise      // write this promise; the phase is Writing already
	form    bool          // all on the list have promised it
	met     *Group        // this group is there already; the phase is Joining
	waiting string        // else: why not
	until   time.Duration // and when to look again at the latest, if > 0
}

// decide draws the consequences of one round. It and Answer share a lock, so
// that whoever was told that we are fresh was told before we decided, and has
// told us his candidates before that.
func (f *Former) decide(seen map[string]answer) (step, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	nodes, faults := f.gather(seen)
	var s step
	var err error
	if f.status.Promise != nil {
		s, err = f.afterPromise(nodes)
	} else {
		s, err = f.beforePromise(seen, nodes, faults)
	}
	switch {
	case s.promise != nil:
		f.status.Phase = Writing
	case s.met != nil:
		f.setJoining(*s.met)
	}
	f.waiting = s.waiting
	return s, err
}

// gather folds the answers into nodes by ID, ours among them as it is now, and
// lists what is wrong, in the order of addresses.
func (f *Former) gather(seen map[string]answer) (nodes map[string]Status, faults []string) {
	nodes = map[string]Status{f.cfg.ID: f.snapshot()}
	for _, addr := range slices.Sorted(maps.Keys(seen)) {
		a := seen[addr]
		if a.err != nil {
			faults = append(faults, fmt.Sprintf("%s: %v", addr, a.err))
			continue
		}
		if other, twice := nodes[a.status.ID]; twice && other.Instance != a.status.Instance {
			faults = append(faults, fmt.Sprintf("%s: two processes use the identity %s: a data directory was copied; remove the copy", addr, a.status.ID))
			continue
		}
		if a.status.ID != f.cfg.ID {
			nodes[a.status.ID] = a.status
		}
	}
	return nodes, faults
}

// afterPromise is the second half: wait for the others on the list.
func (f *Former) afterPromise(nodes map[string]Status) (step, error) {
	mine := *f.status.Promise
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		n := nodes[id]
		switch {
		case n.Phase == Joined && n.ClusterID == mine.ClusterID():
			return step{form: true}, nil // it has heard all on the list, us included
		case n.Phase == Joined, n.Promise != nil && !n.Promise.Equal(mine):
			return step{}, &ConflictError{Mine: mine, Theirs: describe(n), ID: id, Address: n.Address}
		}
	}
	var missing []string
	for _, id := range mine.Nodes {
		if n, ok := nodes[id]; !ok || n.Promise == nil {
			missing = append(missing, f.call(id))
		}
	}
	if len(missing) == 0 {
		return step{form: true}, nil
	}
	return step{waiting: "this node has promised; waiting for the same promise of " + strings.Join(missing, ", ") +
		". If one of them is gone for good, move the data directories of all away and start again"}, nil
}

// beforePromise is the first half: is there a group already, or a list to promise?
func (f *Former) beforePromise(seen map[string]answer, nodes map[string]Status, faults []string) (step, error) {
	theirs, s, err := f.bound(nodes)
	if s.met != nil && f.unasked(seen) {
		s = step{waiting: fmt.Sprintf("cluster %s at %s is formed; asking the other addresses whether there is another", s.met.ClusterID, s.met.Address)}
	}
	if err != nil || s.waiting != "" || s.met != nil {
		f.stable = ""
		return s, err
	}
	if f.cfg.Existing {
		return step{waiting: f.outside(nodes, faults)}, nil
	}
	if theirs != nil && f.mayFollow(*theirs, nodes) {
		return step{promise: theirs}, nil
	}
	union := f.union()
	if why := f.obstacle(union, seen, nodes, faults); why != "" {
		f.stable = ""
		return step{waiting: why}, nil
	}
	mine := lowest(nodes, f.cfg.ClusterSize, f.cfg.Voters)
	if theirs != nil && !theirs.Equal(mine) {
		f.stable = ""
		return step{waiting: "another node has promised to found a group of " + list(*theirs) + ", which does not fit this node"}, nil
	}
	if wait := f.unchangedFor(view(union, seen)); wait > 0 {
		return step{waiting: "all candidates agree; waiting for that to last " + f.cfg.StableFor.String(), until: wait}, nil
	}
	if f.cfg.Find != nil && !f.looked.begun.After(f.stableAt) {
		return step{waiting: "all candidates agree; waiting for --join to be looked up once more"}, nil
	}
	if !mine.Has(f.cfg.ID) {
		return step{waiting: fmt.Sprintf("%s are enough for cluster size %d; this node is one more and waits to be taken in", strings.Join(mine.Nodes, ", "), f.cfg.ClusterSize)}, nil
	}
	return step{promise: &mine}, nil
}

// bound looks at those who have promised or joined. It returns the one list that
// was promised, if any, or the group that is formed, or why this node has to wait.
func (f *Former) bound(nodes map[string]Status) (*Promise, step, error) {
	var first *Status
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		n := nodes[id]
		if n.Phase != Promised && n.Phase != Joined {
			continue
		}
		if n.Phase == Joined && n.Promise != nil && n.Promise.Has(f.cfg.ID) {
			return nil, step{}, &ForgottenError{ID: f.cfg.ID, ClusterID: n.ClusterID, Address: n.Address}
		}
		if first != nil && cluster(n) != cluster(*first) {
			return nil, step{waiting: fmt.Sprintf("the join addresses lead to different groups: %s at %s %s, but %s at %s %s; remove the wrong one from --join",
				first.ID, first.Address, describe(*first), n.ID, n.Address, describe(n))}, nil
		}
		if first == nil || first.Phase != Joined && n.Phase == Joined {
			first = &n
		}
	}
	switch {
	case first == nil:
		return nil, step{}, nil
	case first.Phase == Joined:
		return nil, step{met: meet(*first, nodes)}, nil
	case !first.Promise.Has(f.cfg.ID):
		return nil, step{waiting: fmt.Sprintf("a group of %s is forming without this node; waiting to be taken in", list(*first.Promise))}, nil
	}
	return first.Promise, step{}, nil
}

// cluster is the ID of the group that a promised or joined node is bound to.
func cluster(s Status) string {
	if s.Phase == Joined {
		return s.ClusterID
	}
	return s.Promise.ClusterID()
}

// mayFollow tells whether this node may promise what another has promised: it is
// on the list, wants such a group, and everybody on the list is there and bound
// to nothing else. That nobody promised another list was seen before.
func (f *Former) mayFollow(p Promise, nodes map[string]Status) bool {
	if len(p.Nodes) != f.cfg.ClusterSize || p.Voters != f.cfg.Voters || !p.Has(f.cfg.ID) {
		return false
	}
	for _, id := range p.Nodes {
		if n, ok := nodes[id]; !ok || (n.Phase != Fresh && n.Promise == nil) {
			return false
		}
	}
	return true
}

// obstacle tells what keeps the candidates from agreeing, empty if nothing does.
func (f *Former) obstacle(union []string, seen map[string]answer, nodes map[string]Status, faults []string) string {
	for _, addr := range union {
		if _, ok := seen[addr]; !ok {
			faults = append(faults, addr+": just heard of")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		n := nodes[id]
		switch {
		case n.Phase == Joining:
			faults = append(faults, f.call(id)+": "+describe(n))
		case n.Incomplete != "":
			faults = append(faults, f.call(id)+": "+n.Incomplete)
		case !n.Existing && (n.ClusterSize != f.cfg.ClusterSize || n.Voters != f.cfg.Voters):
			faults = append(faults, fmt.Sprintf("%s: has --cluster-size %d and %d voters, this node has %d and %d; make them equal", f.call(id), n.ClusterSize, n.Voters, f.cfg.ClusterSize, f.cfg.Voters))
		case n.Phase == Writing:
			faults = append(faults, f.call(id)+": is writing a promise")
		case !slices.Equal(n.Union, union):
			faults = append(faults, f.call(id)+": knows of other candidates"+difference(union, n.Union))
		}
	}
	if len(faults) > 0 {
		return "not all candidates agree: " + strings.Join(faults, "; ")
	}
	if n := founders(nodes); n < f.cfg.ClusterSize {
		why := fmt.Sprintf("%d of %d nodes found; add the others to --join", n, f.cfg.ClusterSize)
		if others := len(nodes) - n; others > 0 {
			why += fmt.Sprintf("; %d more wait for a group that exists (--cluster-state existing, or --member never)", others)
		}
		return why
	}
	return ""
}

// difference names what one union has and the other has not.
func difference(mine, theirs []string) string {
	var parts []string
	for _, a := range mine {
		if !slices.Contains(theirs, a) {
			parts = append(parts, "without "+a)
		}
	}
	for _, a := range theirs {
		if !slices.Contains(mine, a) {
			parts = append(parts, "with "+a)
		}
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// unchangedFor returns how long v must still stay as it is.
func (f *Former) unchangedFor(v string) time.Duration {
	if f.stable != v {
		f.stable, f.stableAt = v, time.Now()
	}
	return f.cfg.StableFor - time.Since(f.stableAt)
}

// view is what must not change: the addresses and who is there, in which process.
func view(union []string, seen map[string]answer) string {
	var b strings.Builder
	for _, addr := range union {
		fmt.Fprintf(&b, "%q %q %q\n", addr, seen[addr].status.ID, seen[addr].status.Instance)
	}
	return b.String()
}

// call names a node for people.
func (f *Former) call(id string) string {
	l, ok := f.labels[id]
	switch {
	case id == f.cfg.ID:
		return "this node"
	case !ok:
		return id
	}
	return fmt.Sprintf("%s (%s at %s)", id, l.Name, l.Address)
}
