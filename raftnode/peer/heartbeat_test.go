package peer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/sidelock/sidelock/internal/sim"
)

func heartbeatOf(id raft.ServerID, term uint64) *raft.AppendEntriesRequest {
	return &raft.AppendEntriesRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: []byte(id)}, Term: term,
	}
}

// scriptedStore gives one answer after the other, and the last for ever.
type scriptedStore struct{ answers []bool }

func (s *scriptedStore) OnBusy(func()) {}
func (s *scriptedStore) Busy() (uint64, time.Time, bool) {
	a := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return 7, time.Now(), a
}

// steppingStore is always busy, but with another StoreLogs each time.
type steppingStore struct{ epoch uint64 }

func (s *steppingStore) OnBusy(func()) {}
func (s *steppingStore) Busy() (uint64, time.Time, bool) {
	s.epoch++
	return s.epoch, time.Now(), true
}

type stalledStore struct{ since time.Time }

func (s stalledStore) OnBusy(func())                   {}
func (s stalledStore) Busy() (uint64, time.Time, bool) { return 1, s.since, true }

func TestHeartbeatIsAnsweredInPlaceOfRaftOnlyWhenRaftWouldSayYes(t *testing.T) {
	busy := &scriptedStore{[]bool{true}}
	for name, c := range map[string]struct {
		store Busy
		view  *view
		req   any
		want  bool
	}{
		"follower inside StoreLogs": {busy, &view{state: raft.Follower, term: 3}, heartbeatOf("l", 3), true},
		"not inside StoreLogs":      {&scriptedStore{[]bool{false}}, &view{state: raft.Follower, term: 3}, heartbeatOf("l", 3), false},
		"StoreLogs ends meanwhile":  {&scriptedStore{[]bool{true, false}}, &view{state: raft.Follower, term: 3}, heartbeatOf("l", 3), false},
		"another StoreLogs follows": {&steppingStore{}, &view{state: raft.Follower, term: 3}, heartbeatOf("l", 3), false},
		"StoreLogs hangs":           {stalledStore{time.Now().Add(-StoreStallLimit - time.Second)}, &view{state: raft.Follower, term: 3}, heartbeatOf("l", 3), false},
		"older term":                {busy, &view{state: raft.Follower, term: 4}, heartbeatOf("l", 3), false},
		"newer term":                {busy, &view{state: raft.Follower, term: 2}, heartbeatOf("l", 3), false},
		"candidate":                 {busy, &view{state: raft.Candidate, term: 3}, heartbeatOf("l", 3), false},
		"leader":                    {busy, &view{state: raft.Leader, term: 3}, heartbeatOf("l", 3), false},
		"carries a commit index":    {busy, &view{state: raft.Follower, term: 3}, &raft.AppendEntriesRequest{Term: 3, LeaderCommitIndex: 1}, false},
		"carries entries":           {busy, &view{state: raft.Follower, term: 3}, &raft.AppendEntriesRequest{Term: 3, Entries: []*raft.Log{{Index: 1}}}, false},
		"builds on an entry":        {busy, &view{state: raft.Follower, term: 3}, &raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 1, PrevLogTerm: 1}, false},
		"vote":                      {busy, &view{state: raft.Follower, term: 3}, &raft.RequestVoteRequest{Term: 3}, false},
		"before Bind":               {busy, nil, heartbeatOf("l", 3), false},
		"no store":                  {nil, &view{state: raft.Follower, term: 3}, heartbeatOf("l", 3), false},
	} {
		t.Run(name, func(t *testing.T) {
			tr := &Transport{cfg: TransportConfig{ID: "me", Store: c.store}}
			if c.view != nil {
				tr.Bind(c.view)
			}
			ch := make(chan raft.RPCResponse, 1)
			if got := tr.answerBusy(raft.RPC{Command: c.req, RespChan: ch}); got != c.want {
				t.Fatalf("answered: %v", got)
			}
			if !c.want {
				return
			}
			r := (<-ch).Response.(*raft.AppendEntriesResponse)
			if !r.Success || r.Term != 3 || r.LastLog != 0 {
				t.Fatalf("%+v", r)
			}
		})
	}
}

func TestHeartbeatsGoThroughRaftsMainThread(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		defer a.close()
		defer b.close()
		b.trans.SetHeartbeatHandler(func(raft.RPC) { t.Error("a heartbeat passed by the main thread") })
		errs := make(chan error, 1)
		var resp raft.AppendEntriesResponse
		go func() { errs <- a.trans.AppendEntries(b.id, address(b.id), heartbeatOf(a.id, 1), &resp) }()
		rpc := <-b.trans.Consumer()
		rpc.Respond(&raft.AppendEntriesResponse{Term: 1, Success: true}, nil)
		if err := <-errs; err != nil || !resp.Success {
			t.Fatalf("%+v %v", resp, err)
		}
	})
}

func TestWaitingHeartbeatIsAnsweredWhenStoreLogsBegins(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		defer a.close()
		defer b.close()
		b.trans.Bind(&view{state: raft.Follower, term: 1})
		errs := make(chan error, 1)
		go func() {
			var resp raft.AppendEntriesResponse
			errs <- a.trans.AppendEntries(b.id, address(b.id), heartbeatOf(a.id, 1), &resp)
		}()
		synctest.Wait() // it waits for the main thread now, which takes nothing
		select {
		case err := <-errs:
			t.Fatalf("answered too early: %v", err)
		default:
		}
		start := time.Now()
		b.store.begin()
		if err := <-errs; err != nil || time.Since(start) != 0 {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		b.store.end()
	})
}

func TestLaterRequestOfOneLeaderReplacesItsWaitingOne(t *testing.T) {
	answers := make([]chan raft.RPCResponse, 0)
	rpc := func(cmd any) raft.RPC {
		ch := make(chan raft.RPCResponse, 1)
		answers = append(answers, ch)
		return raft.RPC{Command: cmd, RespChan: ch}
	}
	entries := heartbeatOf("l", 1)
	entries.PrevLogEntry = 1
	var q queue
	for _, cmd := range []any{heartbeatOf("l", 1), entries, heartbeatOf("k", 1), heartbeatOf("l", 2), heartbeatOf("l", 1)} {
		q.add(rpc(cmd))
	}
	if len(q) != 4 || len(answers[0]) != 1 || (<-answers[0]).Error == nil {
		t.Fatalf("%d wait", len(q))
	}
	for range MaxQueuedRPCs {
		q.add(rpc(&raft.RequestVoteRequest{}))
	}
	if len(q) != MaxQueuedRPCs || (<-answers[len(answers)-1]).Error == nil {
		t.Fatalf("%d wait", len(q))
	}
	q.add(rpc(&raft.InstallSnapshotRequest{}))
	if len(q) != MaxQueuedRPCs+1 {
		t.Fatal("a snapshot was refused without being read")
	}
}
