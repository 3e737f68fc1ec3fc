package raftnode

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/store"
)

// Recovered is what a recovery made.
type Recovered struct {
	ClusterID string      // that the group has now
	Replaced  string      // that it had
	Token     lease.Token // every fencing token from now on is greater; 0 where none can have been granted
}

// Recover makes the data directory of a stopped node a group of one, where its group has lost most of its voters for good. ask is
// shown what there is, and returns nil to go on; after its error nothing has been changed. A recovery that was cut off is taken
// up where it stopped, after ask as well. release is the version of this build.
//
// Everything in the log counts as committed, for nobody is left to say what was. What the lost majority acknowledged and this
// directory never had is lost: of the survivors the one with the highest Term, then the highest Index, knows most.
//
// The directory gets a new cluster ID, so that members of the old group, who know nothing of this, are refused. And its log gets, in one
// write, a configuration of this node alone and a command that raises fencing tokens above all that were granted, here or by those
// who are lost. Leases go on as they are: cluster time has stood still.
func Recover(dir, release string, ask func(Survivor) error) (Recovered, error) {
	var failed error
	d, err := store.OpenOffline(dir, store.Options{Fatal: func(err error) { failed = err }, Release: release})
	if err != nil {
		return Recovered{}, err
	}
	done, err := recoverDir(d, ask)
	if failed != nil {
		err = failed // the first cause, and once
	}
	return done, errors.Join(err, d.Close())
}

func recoverDir(d *store.Dir, ask func(Survivor) error) (Recovered, error) {
	p, err := replay(d)
	if err != nil {
		return Recovered{}, err
	}
	s := p.survivor(d)
	if err := s.recoverable(); err != nil {
		return Recovered{}, err
	}
	r := rebirth{id: s.ID, now: time.Now()}
	if err := r.rehearse(p); err != nil {
		return Recovered{}, err
	}
	if err := ask(s); err != nil {
		return Recovered{}, err
	}
	done := Recovered{Replaced: s.ClusterID, Token: r.floor}
	done.ClusterID, err = d.Recover(newClusterID(), r.entries)
	return done, err
}

// recoverable says why there is nothing to recover.
func (s *Survivor) recoverable() error {
	switch {
	case s.ClusterID == "":
		return fmt.Errorf("%s belongs to no cluster yet, so there is nothing to recover: start it, or move it away", s.Dir)
	case s.By != "":
		return fmt.Errorf("cluster %s, to which %s belongs, has been recovered already, as cluster %s: a second group would grant the same locks. Move this directory away and start again: this node then joins that one; if all of that one's disks are lost too, start every node on an empty directory", s.ClusterID, s.Dir, s.By)
	case s.Index == 0:
		return fmt.Errorf("%s has no log, for this sidecar was an agent of cluster %s: recover the directory of a member", s.Dir, s.ClusterID)
	case len(s.Members) == 1 && s.Members[0].ID == s.ID && !s.Unfinished:
		return fmt.Errorf("%s is a group of one, cluster %s, and has lost nobody: start it", s.Dir, s.ClusterID)
	}
	return nil
}

// rebirth is what a recovery adds to the log.
type rebirth struct {
	id       string
	now      time.Time
	settings *lease.Settings // nil: the group never had a Raft leader, and the first one will write the floor of tokens
	floor    lease.Token
}

// tokenLeap is how far tokens rise where the clock is behind them: those who are lost will not have granted more. Where the clock is
// right it is far above them, for tokens begin at the microseconds of a group's first day and rise by one a grant.
const tokenLeap = 1 << 32

// rehearse finds out what is to be added, and whether the state machine takes it.
func (r *rebirth) rehearse(p *past) error {
	if err := CheckWallClock(r.now); err != nil {
		return err
	}
	settings, booted := p.state.Settings()
	if !booted {
		return nil
	}
	r.settings = &settings
	r.floor = lease.Token(r.now.UnixMicro())
	if last := p.state.LastToken(); r.floor <= last {
		r.floor = last + tokenLeap
	}
	term, index := p.term+1, p.index+2
	results, _ := p.state.Apply(index, term, r.raise(term))
	if len(results) != 1 || results[0].Code != lease.OK || p.state.LastToken() != r.floor {
		return fmt.Errorf("fencing tokens cannot be raised to %d (%+v): the clock says %s; set it right", r.floor, results, r.now.UTC().Format(time.RFC3339))
	}
	return nil
}

// raise is the entry that raises tokens. It lets no cluster time pass.
func (r *rebirth) raise(term uint64) lease.Entry {
	return lease.Entry{Term: term, Wall: r.now.UnixMicro(), Commands: []lease.Command{{Op: lease.OpBootstrap, Token: r.floor, Settings: r.settings}}}
}

func (r *rebirth) entries(term, index uint64) []*raft.Log {
	alone := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(r.id), Address: raft.ServerAddress(r.id), Suffrage: raft.Voter}}}
	logs := []*raft.Log{{Index: index, Term: term, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(alone), AppendedAt: r.now}}
	if r.settings != nil {
		raise := r.raise(term)
		logs = append(logs, &raft.Log{Index: index + 1, Term: term, Type: raft.LogCommand, Data: lease.AppendEntry(nil, &raise), AppendedAt: r.now})
	}
	return logs
}

// newClusterID draws a UUID (version 4). A founded group's is derived from its founders, whom this one does not have any more.
func newClusterID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
