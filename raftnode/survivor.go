package raftnode

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/store"
)

// Survivor is what a stopped node's data directory holds, for a person who compares several.
type Survivor struct {
	Dir       string
	ID        string
	ClusterID string
	Replaced  []string // cluster IDs from before earlier recoveries, newest first
	By        string   // cluster that took the place of this one by a recovery, if this directory was told of one

	Term, Index uint64    // of the last entry: what survivors are compared by
	Written     time.Time // when a Raft leader made that entry; zero if that is not known
	Members     []Member  // of the newest configuration in the log: ID, Role, and Name and Address where last known

	Counts lease.Counts
	Token  lease.Token // the last one granted, as far as this directory knows

	Unfinished bool // a recovery of the directory was begun, and not finished
}

// past is what the log of a directory comes to.
type past struct {
	state       *lease.State
	term, index uint64 // of the last entry
	conf        raft.Configuration
	written     time.Time
}

// replay reads all that a directory has, verified: the newest snapshot and every entry behind it. As raft itself would, it stops at the
// first thing that cannot be used.
func replay(d *store.Dir) (*past, error) {
	p := &past{state: lease.New()}
	if err := p.restore(d); err != nil {
		return nil, err
	}
	_, _, logs := d.RaftStores()
	first, err := logs.FirstIndex()
	if err != nil {
		return nil, err
	}
	last, err := logs.LastIndex()
	if err != nil {
		return nil, err
	}
	for i := max(first, p.index+1); i <= last && last > 0; i++ {
		var entry raft.Log
		if err := logs.GetLog(i, &entry); err != nil {
			return nil, err
		}
		if err := p.apply(&entry); err != nil {
			return nil, err
		}
	}
	if err := p.state.Check(); err != nil {
		return nil, fmt.Errorf("%s: what the log comes to is no possible state (%w): use another survivor", d.Path(), err)
	}
	return p, nil
}

func (p *past) restore(d *store.Dir) error {
	snapshots, err := d.Snapshots(hclog.NewNullLogger())
	if err != nil {
		return err
	}
	list, err := snapshots.List()
	if err != nil || len(list) == 0 {
		return err
	}
	meta, src, err := snapshots.Open(list[0].ID)
	if err != nil {
		return err
	}
	p.state, err = lease.Restore(src)
	if err := errors.Join(err, src.Close()); err != nil {
		return fmt.Errorf("%s: the snapshot cannot be used: %w", d.Path(), err)
	}
	p.term, p.index, p.conf = meta.Term, meta.Index, meta.Configuration
	return nil
}

func (p *past) apply(l *raft.Log) error {
	switch l.Type {
	case raft.LogCommand:
		entry, err := lease.DecodeEntry(l.Data)
		if err != nil {
			return fmt.Errorf("log entry %d cannot be applied: %w", l.Index, err)
		}
		p.state.Apply(l.Index, l.Term, entry)
	case raft.LogConfiguration:
		p.conf = raft.DecodeConfiguration(l.Data)
	}
	p.term, p.index, p.written = l.Term, l.Index, l.AppendedAt
	return nil
}

func (p *past) survivor(d *store.Dir) Survivor {
	m := d.Membership()
	s := Survivor{Dir: d.Path(), ID: d.Identity().NodeID, ClusterID: m.ClusterID, Replaced: m.Replaced, By: m.ReplacedBy, Term: p.term, Index: p.index,
		Written: p.written, Counts: p.state.Counts(), Token: p.state.LastToken(), Unfinished: m.Recovering != nil}
	peers := d.Peers()
	for _, server := range p.conf.Servers {
		member := Member{ID: string(server.ID), Role: Spare}
		if server.Suffrage == raft.Voter {
			member.Role = Voter
		}
		last := peers[member.ID]
		member.Name, member.Address = last.Name, last.Address
		s.Members = append(s.Members, member)
	}
	return s
}
