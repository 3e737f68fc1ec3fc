package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/raft"
)

// Recovery is a recovery under way: what was decided before anything was changed.
type Recovery struct {
	ClusterID string `json:"cluster_id"` // that the group gets
	Term      uint64 `json:"term"`       // of the entries that it adds to the log, and of no others
}

// UnfinishedError says that a recovery was begun in the directory, and not finished.
type UnfinishedError struct {
	Dir      string
	Recovery Recovery
}

var _ error = (*UnfinishedError)(nil)

// Error tells a person what to do.
func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("%s: a recovery of this directory, as cluster %s, was begun and not finished: run `sidelock recover --data-dir %s` again", e.Dir, e.Recovery.ClusterID, e.Dir)
}

// Last returns the term and the index of the last entry that this directory has,
// in its log or within its newest snapshot.
func (d *Dir) Last() (term, index uint64, err error) {
	meta, err := d.snapshots().newest()
	if err != nil {
		return 0, 0, d.fail.report(err)
	}
	if meta != nil {
		term, index = meta.Term, meta.Index
	}
	last, err := d.log.LastIndex()
	if err != nil || last == 0 {
		return term, index, err
	}
	var entry raft.Log
	if err := d.log.GetLog(last, &entry); err != nil {
		return 0, 0, err
	}
	return max(term, entry.Term), max(index, last), nil
}

// Recover gives the directory a cluster ID of its own and adds entries to its
// log, so that it is a group of one from then on. It is for a directory opened by
// OpenOffline whose group has lost its quorum, and its caller has asked the
// operator. entries makes what is to be added, of the given term, from the given
// index on; it must be the same for the same arguments, but for what only people read.
//
// raft.RecoverCluster is not used: it goes by a new snapshot and an emptied log,
// in many writes, with the new members in the snapshot alone, where a crash in
// between leaves the new configuration under the old name. Here the log goes on.
// The order of writes, each of them whole or absent:
//
//  1. the decision, under which Open refuses the directory;
//  2. Raft's term, above all that the log has seen;
//  3. the entries, in one transaction;
//  4. the new cluster ID, with the old one among those replaced.
//
// After a crash anywhere a second Recover goes on where the first one stopped,
// with the first one's cluster ID, which it returns.
func (d *Dir) Recover(clusterID string, entries func(term, index uint64) []*raft.Log) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return "", ErrClosed
	case !d.offline:
		return "", errors.New("recover: the directory was not opened for it")
	case !d.member.Joined():
		return "", fmt.Errorf("recover: %s belongs to no cluster yet", d.path)
	}
	term, index, err := d.Last()
	if err != nil {
		return "", err
	}
	if d.member.Recovering == nil {
		if err := d.beginRecovery(clusterID, term); err != nil {
			return "", err
		}
	}
	r := d.member.Recovering
	if term != r.Term { // else the entries are there already: no others have this term
		if err := d.stable.SetUint64([]byte(keyCurrentTerm), r.Term); err != nil {
			return "", err
		}
		if err := d.log.StoreLogs(entries(r.Term, index+1)); err != nil {
			return "", err
		}
	}
	return r.ClusterID, d.finishRecovery()
}

// beginRecovery is called with mu held.
func (d *Dir) beginRecovery(clusterID string, last uint64) error {
	current, err := d.stable.GetUint64([]byte(keyCurrentTerm))
	if err != nil && !errors.Is(err, errKeyNotFound) {
		return err
	}
	next := d.member
	next.Recovering = &Recovery{ClusterID: clusterID, Term: max(current, last) + 1}
	return d.saveMembership(next)
}

// finishRecovery is called with mu held.
func (d *Dir) finishRecovery() error {
	next := d.member
	next.Replaced = append([]string{next.ClusterID}, next.Replaced...)
	next.Replaced = slices.Clip(next.Replaced[:min(len(next.Replaced), MaxReplaced)])
	next.ClusterID, next.Recovering = next.Recovering.ClusterID, nil
	next.Promise = &Promise{Nodes: []string{d.identity.NodeID}, Voters: 1}
	next.Logged, next.Grown, next.Retired = true, true, false // there have been others, so it may be started as one of several
	return d.saveMembership(next)
}
