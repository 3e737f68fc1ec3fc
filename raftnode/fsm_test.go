package raftnode

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
)

func TestReplicaThatCannotApplyAnEntryAppliesNothingMore(t *testing.T) {
	fatal := 0
	m := newMachine(noRecorder{}, SystemClock{}, func(error) { fatal++ })
	settings := lease.DefaultSettings()
	entry := func(index uint64, now lease.Time) *raft.Log {
		e := lease.Entry{Term: 1, Now: now, Commands: []lease.Command{{Op: lease.OpBootstrap, Settings: &settings, Token: lease.Token(index)}}}
		return &raft.Log{Index: index, Term: 1, Data: lease.AppendEntry(nil, &e)}
	}
	if _, ok := m.Apply(entry(1, 0)).([]lease.Result); !ok {
		t.Fatal("a good entry is not applied")
	}
	if got := time.Duration(m.shortest.Load()); got != time.Second {
		t.Errorf("the shortest TTL is %v", got)
	}
	for i, l := range []*raft.Log{{Index: 2, Term: 1, Data: []byte("what is this?")}, entry(3, 0)} {
		if _, failed := m.Apply(l).(error); !failed {
			t.Errorf("entry %d after the damage was applied", i)
		}
	}
	if m.applied.Load() != 1 || fatal != 1 {
		t.Errorf("the state is at %d, fatal was called %d times", m.applied.Load(), fatal)
	}
	if _, err := m.Snapshot(); err == nil {
		t.Error("a state with a hole can be made a snapshot of")
	}
}
