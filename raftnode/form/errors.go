package form

import (
	"fmt"
	"strings"
)

// ConflictError says that this node promised one list and another node another,
// or joined a group of another. Neither can be undone by a node alone.
type ConflictError struct {
	Mine    Promise
	Theirs  string // promise or cluster of the other node, for people
	ID      string // the other node
	Address string
}

var _ error = (*ConflictError)(nil)

// Error names both lists and the way out.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("this node promised to found a group of %s (cluster %s), but %s at %s %s. Way out: decide which group is to be; "+
		"on each node that is not of it, stop sidelock, move the data directory away and start again",
		list(e.Mine), e.Mine.ClusterID(), e.ID, e.Address, e.Theirs)
}

// ForgottenError says that a group counts on a promise that this directory does not hold.
type ForgottenError struct {
	ID        string
	ClusterID string
	Address   string
}

var _ error = (*ForgottenError)(nil)

// Error tells what happened and the way out.
func (e *ForgottenError) Error() string {
	return fmt.Sprintf("cluster %s (seen at %s) lists this node, %s, as a founding member, but its data directory has forgotten the promise: a part of it was lost. "+
		"Way out: stop this node, move its data directory away and start again; it is a new node then, which the group takes in", e.ClusterID, e.Address, e.ID)
}

// ForeignError says that two nodes belong to different clusters.
type ForeignError struct {
	Mine, Theirs string // cluster IDs
	ID, Address  string // the other node
}

var _ error = (*ForeignError)(nil)

// Error names both clusters.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s at %s belongs to cluster %s, this node to cluster %s; one of them has the other's address in --join by mistake", e.ID, e.Address, e.Theirs, e.Mine)
}

// Compare refuses a node of another cluster by name; nodes that have not joined
// belong to none.
func Compare(mine, theirs Status) error {
	if mine.ClusterID != "" && theirs.ClusterID != "" && mine.ClusterID != theirs.ClusterID {
		return &ForeignError{Mine: mine.ClusterID, Theirs: theirs.ClusterID, ID: theirs.ID, Address: theirs.Address}
	}
	return nil
}

func list(p Promise) string {
	return fmt.Sprintf("%s with %d voters", strings.Join(p.Nodes, ", "), p.Voters)
}

// describe says what a promised or joined node is bound to.
func describe(s Status) string {
	switch {
	case s.Phase == Joined:
		return "belongs to cluster " + s.ClusterID
	case s.Phase == Joining:
		return "asks cluster " + s.ClusterID + " to take it in"
	case s.Promise != nil:
		return "promised to found a group of " + list(*s.Promise)
	}
	return "is " + string(s.Phase)
}
