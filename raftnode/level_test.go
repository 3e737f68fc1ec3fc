package raftnode

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/peer"
)

func TestNextLevelIsRaisedToWhenAllUnderstandIt(t *testing.T) {
	for _, c := range []struct {
		current, most, understood uint32
		next                      uint32
		yes                       bool
	}{
		{1, 1, 1, 2, false},
		{1, 2, 1, 2, false}, // one of them is older
		{1, 2, 0, 2, false}, // one of them has not said
		{1, 2, 2, 2, true},
		{1, 1, 2, 2, false}, // this one is older
		{1, 3, 3, 2, true},  // one after the other
		{2, 3, 3, 3, true},
		{3, 3, 3, 4, false},
		{3, 3, 2, 4, false},
	} {
		if next, yes := levelToRaise(c.current, c.most, c.understood); next != c.next && yes || yes != c.yes {
			t.Errorf("%+v: %d %v", c, next, yes)
		}
	}
}

// TestLevelIsRaisedOnceItHasBeenUnderstoodForAWhile, and asked for once at a time.
func TestLevelIsRaisedOnceItHasBeenUnderstoodForAWhile(t *testing.T) {
	clock := &handClock{at: time.Hour}
	m := newMachine(noRecorder{}, clock, func(err error) { t.Error(err) })
	r := &reign{machine: m, clock: clock, queue: newQueue(), log: slog.New(slog.DiscardHandler)}
	l := newLevelRaiser(r, 3)
	asks := func(understood uint32, after time.Duration) *proposal {
		t.Helper()
		clock.at += after
		l.look(understood)
		batch := r.queue.take()
		if len(batch) > 1 {
			t.Fatalf("%d commands", len(batch))
		}
		if len(batch) == 0 {
			return nil
		}
		return batch[0]
	}
	silent := func(understood uint32, after time.Duration) {
		t.Helper()
		if asks(understood, after) != nil {
			t.Fatalf("asked for a raise after %v with %d understood", after, understood)
		}
	}
	silent(1, levelStable)
	silent(2, levelStable) // the first time that they all do
	silent(2, levelStable-1)
	silent(1, 0) // an older one has come back
	silent(2, levelStable)
	silent(0, levelStable-1)
	silent(3, levelStable)
	p := asks(3, levelStable)
	if p == nil {
		t.Fatal("not asked for a raise")
	}
	c, rest, err := lease.DecodeCommand(p.command)
	if lease.MaxLevel == 1 {
		if above, ok := errors.AsType[*lease.LevelError](err); !ok || above.Group != 2 {
			t.Errorf("raised to something else than the next: %v", err)
		}
	} else if err != nil || len(rest) > 0 || c.Op != lease.OpRaiseLevel || c.Level != 2 || c.Session != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	silent(3, levelStable) // it is on its way
	p.done(lease.Result{}, errReignOver)
	if p = asks(3, 0); p == nil {
		t.Fatal("not tried again")
	}
	m.level.Store(2)
	p.done(lease.Result{}, nil)
	silent(3, levelStable-1) // the one after that has its own time
	if p = asks(3, levelStable); p == nil {
		t.Fatal("not raised to the one after")
	}
	m.level.Store(3)
	p.done(lease.Result{}, nil)
	silent(9, time.Hour)
}

func TestPeerBelowTheLevelIsRefused(t *testing.T) {
	hello := func(features uint32) peer.Hello {
		return peer.Hello{NodeID: "id-1", Name: "n1", About: peer.About{Release: "1.2.3", Features: features}}
	}
	for _, c := range []struct{ level, features uint32 }{{1, 0}, {1, 1}, {1, 9}, {2, 2}, {2, 3}} {
		if code, why := refuseLevel(c.level, hello(c.features)); code != "" || why != "" {
			t.Errorf("%+v: %s %s", c, code, why)
		}
	}
	for _, c := range []struct{ level, features uint32 }{{2, 0}, {2, 1}, {3, 2}} {
		code, why := refuseLevel(c.level, hello(c.features))
		if code != "feature_level" || !strings.HasPrefix(why, "the caller (node id-1, n1, release \"1.2.3\") understands feature level ") || !strings.HasSuffix(why, "a level never goes back") {
			t.Errorf("%+v: %s %s", c, code, why)
		}
	}
}

// above is a snapshot, and an entry, of a group that is one level above this build.
func above() (snapshot, entry []byte) {
	e := lease.Entry{Term: 1, Commands: []lease.Command{{Op: lease.OpRaiseLevel, Level: lease.MaxLevel + 1}}}
	return append([]byte("sidelock-state\x00\x03v\x01"), byte(lease.MaxLevel)+1), lease.AppendEntry(nil, &e)
}

func wantWayOut(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, lease.ErrNewer) {
		t.Fatalf("not refused as newer: %v", err)
	}
	for _, part := range []string{"this build understands feature level ", "upgrade this node", "Way out: ", "feature_level"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing: %v", part, err)
		}
	}
}

// TestReplicaStopsAtALevelAboveItsOwn, be it told by an entry or by a snapshot, and says the way out.
func TestReplicaStopsAtALevelAboveItsOwn(t *testing.T) {
	snapshot, entry := above()
	for name, tell := range map[string]func(*machine) error{
		"entry": func(m *machine) error {
			err, _ := m.Apply(&raft.Log{Index: 1, Term: 1, Data: entry}).(error)
			return err
		},
		"snapshot": func(m *machine) error { return m.Restore(io.NopCloser(bytes.NewReader(snapshot))) },
	} {
		var told error
		m := newMachine(noRecorder{}, SystemClock{}, func(err error) { told = err })
		wantWayOut(t, tell(m))
		wantWayOut(t, told)
		tick := lease.Entry{Term: 1}
		if err, failed := m.Apply(&raft.Log{Index: 2, Term: 1, Data: lease.AppendEntry(nil, &tick)}).(error); !failed || m.applied.Load() != 0 {
			t.Errorf("%s: went on after it: %v", name, err)
		}
		if _, err := m.Snapshot(); err == nil {
			t.Errorf("%s: can be made a snapshot of", name)
		}
	}
}

// TestDirectoryAboveTheLevelIsRefusedBeforeRaftStarts: an older snapshot, or the log before the raise, must not make the node take part.
func TestDirectoryAboveTheLevelIsRefusedBeforeRaftStarts(t *testing.T) {
	snapshot, entry := above()
	tick := lease.AppendEntry(nil, &lease.Entry{Term: 1})
	logOf := func(first uint64, data ...[]byte) raft.LogStore {
		s := raft.NewInmemStore()
		for i, d := range data {
			kind := raft.LogCommand
			if d == nil {
				kind, d = raft.LogConfiguration, []byte("what raft writes")
			}
			if err := s.StoreLog(&raft.Log{Index: first + uint64(i), Term: 1, Type: kind, Data: d}); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	snapshotsOf := func(contents ...[]byte) raft.SnapshotStore {
		s, err := raft.NewFileSnapshotStoreWithLogger(t.TempDir(), 2, newRaftLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		_, transport := raft.NewInmemTransport("")
		for i, b := range contents {
			sink, err := s.Create(raft.SnapshotVersionMax, uint64(i+1)*10, 1, raft.Configuration{}, 1, transport)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sink.Write(b); err != nil {
				t.Fatal(err)
			}
			if err := sink.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	var old bytes.Buffer
	if _, err := lease.New().Snapshot().WriteTo(&old); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		logs      raft.LogStore
		snapshots raft.SnapshotStore
	}{
		"nothing":                        {logOf(1), snapshotsOf()},
		"a log":                          {logOf(1, nil, tick, nil, tick), snapshotsOf()},
		"a snapshot and the rest":        {logOf(8, tick, tick, tick, tick), snapshotsOf(old.Bytes())},
		"a raise behind a snapshot":      {logOf(9, entry, entry, tick), snapshotsOf(old.Bytes())}, // which its level answers for
		"a damaged entry, Raft's to see": {logOf(1, tick[:1]), snapshotsOf()},
		"a damaged snapshot, as well":    {logOf(1), snapshotsOf([]byte("sidelock"))},
	} {
		if err := checkLevel(c.logs, c.snapshots); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		logs      raft.LogStore
		snapshots raft.SnapshotStore
	}{
		"a raise":                  {logOf(1, nil, tick, entry, tick), snapshotsOf()},
		"a raise after a snapshot": {logOf(10, tick, entry), snapshotsOf(old.Bytes())},
		"a snapshot":               {logOf(1), snapshotsOf(snapshot)},
		"the newest snapshot":      {logOf(1, nil, tick), snapshotsOf(old.Bytes(), snapshot)},
	} {
		t.Run(name, func(t *testing.T) { wantWayOut(t, checkLevel(c.logs, c.snapshots)) })
	}
}
