package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

const membershipFile = "membership.json"

// Promise is the list of founding members that this node agreed to, once.
type Promise struct {
	Nodes  []string `json:"nodes"`  // node IDs, ascending, none twice
	Voters int      `json:"voters"` // the first so many of Nodes vote
}

// Equal tells whether two promises are the same.
func (p Promise) Equal(q Promise) bool {
	return p.Voters == q.Voters && slices.Equal(p.Nodes, q.Nodes)
}

// check refuses a list that could not have come from an agreement.
func (p Promise) check() error {
	switch {
	case len(p.Nodes) == 0 || len(p.Nodes) > MaxListed:
		return fmt.Errorf("a list of %d nodes; 1 to %d are possible", len(p.Nodes), MaxListed)
	case p.Voters < 1 || p.Voters > len(p.Nodes):
		return fmt.Errorf("%d voters of %d nodes", p.Voters, len(p.Nodes))
	}
	for i := 1; i < len(p.Nodes); i++ {
		if p.Nodes[i-1] >= p.Nodes[i] {
			return fmt.Errorf("list not in ascending order at %s", p.Nodes[i])
		}
	}
	return nil
}

// Membership is what this node has decided about the group it belongs to.
type Membership struct {
	Promise   *Promise `json:"promise,omitempty"`    // nil until promised; changed by a recovery alone
	ClusterID string   `json:"cluster_id,omitempty"` // empty until joined; changed by a recovery alone

	// Replaced are the cluster IDs that this group had before recoveries, newest first.
	Replaced []string `json:"replaced,omitempty"`
	// ReplacedBy is the cluster that took the place of this one by a recovery, once this node has heard of it: nothing may bring this one back.
	ReplacedBy string `json:"replaced_by,omitempty"`
	// Logged is set once this node's log has begun: from then on an empty log is a lost one.
	Logged bool `json:"logged,omitempty"`
	// Grown is set once the group has had other members than this node.
	Grown bool `json:"grown,omitempty"`
	// Retired is set while this node, with a log, is no member of Raft's configuration.
	Retired bool `json:"retired,omitempty"`

	// Recovering is set while a recovery is under way: until it is finished the directory is good for nothing else.
	Recovering *Recovery `json:"recovering,omitempty"`
}

// Joined tells whether the node belongs to a cluster.
func (m Membership) Joined() bool { return m.ClusterID != "" }

// foundingVoter tells whether the node wrote Raft's first configuration.
func (m Membership) foundingVoter(id string) bool {
	return m.Promise != nil && slices.Contains(m.Promise.Nodes[:m.Promise.Voters], id)
}

// Membership returns what was decided so far.
func (d *Dir) Membership() Membership {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.member
	if m.Promise != nil {
		p := Promise{Nodes: slices.Clone(m.Promise.Nodes), Voters: m.Promise.Voters}
		m.Promise = &p
	}
	m.Replaced = slices.Clone(m.Replaced)
	return m
}

// SetPromise writes the promise durably. The same promise again is fine; another
// one, or one after joining without a promise, is ErrMembershipFixed: two lists
// promised by one node could become two groups that both think it is theirs.
func (d *Dir) SetPromise(p Promise) error {
	if err := p.check(); err != nil {
		return fmt.Errorf("promise: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return ErrClosed
	case d.member.Promise != nil && d.member.Promise.Equal(p):
		return nil
	case d.member.Promise != nil:
		return fmt.Errorf("promised %v, asked to promise %v: %w", d.member.Promise.Nodes, p.Nodes, ErrMembershipFixed)
	case d.member.Joined():
		return fmt.Errorf("joined %s, asked to promise %v: %w", d.member.ClusterID, p.Nodes, ErrMembershipFixed)
	}
	next := d.member
	next.Promise = &Promise{Nodes: slices.Clone(p.Nodes), Voters: p.Voters}
	return d.saveMembership(next)
}

// SetJoined writes durably that this node belongs to the cluster. A founder
// (who promised) must have bootstrapped Raft before, so that an empty log in a
// joined directory always means a lost one; that is checked.
func (d *Dir) SetJoined(clusterID string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return ErrClosed
	case clusterID == "":
		return errors.New("join: empty cluster ID")
	case d.member.ClusterID == clusterID:
		return nil
	case d.member.Joined():
		return fmt.Errorf("joined %s, asked to join %s: %w", d.member.ClusterID, clusterID, ErrMembershipFixed)
	}
	next := d.member
	next.ClusterID = clusterID
	last, err := d.log.LastIndex()
	if err != nil {
		return err
	}
	next.Logged = last > 0
	if err := d.checkFounded(next); err != nil {
		return fmt.Errorf("join %s before Raft was bootstrapped: %w", clusterID, err)
	}
	return d.saveMembership(next)
}

// saveMembership is called with mu held.
func (d *Dir) saveMembership(next Membership) error {
	path := filepath.Join(d.path, membershipFile)
	watched := d.fail.begin(path, task{what: "a write"})
	defer watched.end()
	if err := d.origin.write(path, "membership", next); err != nil {
		return d.fail.report(err)
	}
	d.member = next
	return nil
}

// loadMembership reads what was decided before.
func (o origin) loadMembership(dir string) (Membership, error) {
	path := filepath.Join(dir, membershipFile)
	var m Membership
	if err := o.read(path, "membership", &m); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Membership{}, nil
		}
		return Membership{}, err
	}
	if m.Promise != nil {
		if err := m.Promise.check(); err != nil {
			return Membership{}, &FormatError{File: path, Reason: err.Error(), Err: err}
		}
	}
	return m, nil
}

// SetLogged writes durably that this node's log has begun: from then on an empty one is a lost one.
func (d *Dir) SetLogged() error { return d.change(func(m *Membership) { m.Logged = true }) }

// SetGrown writes durably that the group has had other members.
func (d *Dir) SetGrown() error { return d.change(func(m *Membership) { m.Grown = true }) }

// SetRetired writes durably whether this node, with its log, is out of Raft's configuration.
func (d *Dir) SetRetired(retired bool) error {
	return d.change(func(m *Membership) { m.Retired = retired })
}

// SetReplacedBy writes down that the node's cluster was recovered elsewhere, under another ID.
func (d *Dir) SetReplacedBy(cluster string) error {
	return d.change(func(m *Membership) { m.ReplacedBy = cluster })
}

// change writes a changed membership, if it is one.
func (d *Dir) change(f func(*Membership)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.member
	f(&next)
	switch {
	case d.closed:
		return ErrClosed
	case next.Logged == d.member.Logged && next.Grown == d.member.Grown && next.Retired == d.member.Retired && next.ReplacedBy == d.member.ReplacedBy:
		return nil
	}
	return d.saveMembership(next)
}

// Follow makes a directory without a log belong to another cluster than before, which has replaced its own.
func (d *Dir) Follow(clusterID string, replaced []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return ErrClosed
	case d.member.Logged:
		return fmt.Errorf("follow %s with a log of %s: %w", clusterID, d.member.ClusterID, ErrMembershipFixed)
	}
	return d.saveMembership(Membership{ClusterID: clusterID, Replaced: slices.Clone(replaced)})
}
