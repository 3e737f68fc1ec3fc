package peer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/sidelock/sidelock/internal/sim"
)

// respond answers everything that comes with what f says, until the transport
// closes, and gives what came.
func respond(nd *node, f func(cmd any) (any, error)) {
	trans := nd.trans // of now: a restart makes another
	go func() {
		for {
			select {
			case rpc := <-trans.Consumer():
				if _, ok := rpc.Command.(*raft.InstallSnapshotRequest); ok {
					io.Copy(io.Discard, rpc.Reader)
				}
				resp, err := f(rpc.Command)
				rpc.Respond(resp, err)
			case <-trans.ctx.Done():
				return
			}
		}
	}()
}

func yes(cmd any) (any, error) {
	switch c := cmd.(type) {
	case *raft.AppendEntriesRequest:
		return &raft.AppendEntriesResponse{Term: c.Term, Success: true}, nil
	case *raft.RequestVoteRequest:
		return &raft.RequestVoteResponse{Term: c.Term, Granted: true}, nil
	case *raft.RequestPreVoteRequest:
		return &raft.RequestPreVoteResponse{Term: c.Term, Granted: true}, nil
	case *raft.TimeoutNowRequest:
		return &raft.TimeoutNowResponse{}, nil
	case *raft.InstallSnapshotRequest:
		return &raft.InstallSnapshotResponse{Term: c.Term, Success: true}, nil
	}
	return nil, fmt.Errorf("unexpected %T", cmd)
}

func entry(term uint64) *raft.AppendEntriesRequest {
	return &raft.AppendEntriesRequest{Term: term, PrevLogEntry: 9, PrevLogTerm: 1, Entries: []*raft.Log{{Index: 10, Term: term}}}
}

func TestEveryRequestOfRaftPasses(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		defer a.close()
		defer b.close()
		respond(b, yes)
		var vote raft.RequestVoteResponse
		if err := a.trans.RequestVote(b.id, address(b.id), &raft.RequestVoteRequest{Term: 2}, &vote); err != nil || !vote.Granted {
			t.Fatalf("%+v %v", vote, err)
		}
		var pre raft.RequestPreVoteResponse
		if err := raft.WithPreVote(a.trans).RequestPreVote(b.id, address(b.id), &raft.RequestPreVoteRequest{Term: 2}, &pre); err != nil || !pre.Granted {
			t.Fatalf("%+v %v", pre, err)
		}
		if err := a.trans.TimeoutNow(b.id, address(b.id), &raft.TimeoutNowRequest{}, &raft.TimeoutNowResponse{}); err != nil {
			t.Fatal(err)
		}
		var snap raft.InstallSnapshotResponse
		data := bytes.NewReader(make([]byte, 1<<20))
		if err := a.trans.InstallSnapshot(b.id, address(b.id), &raft.InstallSnapshotRequest{Size: 1 << 20}, &snap, data); err != nil || !snap.Success {
			t.Fatalf("%+v %v", snap, err)
		}
		if a.trans.LocalAddr() != address(a.id) {
			t.Fatal("the Raft address is not the ID")
		}
	})
}

func TestNoPipelining(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		defer a.close()
		defer b.close()
		p, err := a.trans.AppendEntriesPipeline(b.id, address(b.id))
		if p != nil {
			p.Close()
		}
		if !errors.Is(err, raft.ErrPipelineReplicationNotSupported) {
			t.Fatalf("%v", err)
		}
	})
}

func TestCommitIndexIsBoundedByTheEntriesSent(t *testing.T) {
	for _, c := range []struct{ prev, entries, commit, want uint64 }{
		{5, 2, 100, 7}, {5, 2, 7, 7}, {5, 2, 3, 3}, {5, 0, 100, 5}, {0, 1, 100, 1}, {0, 0, 0, 0},
	} {
		req := &raft.AppendEntriesRequest{Term: 1, PrevLogEntry: c.prev, LeaderCommitIndex: c.commit, Entries: make([]*raft.Log, c.entries)}
		if got := clampCommit(req); got.LeaderCommitIndex != c.want || req.LeaderCommitIndex != c.commit {
			t.Errorf("%+v: %d, the original %d", c, got.LeaderCommitIndex, req.LeaderCommitIndex)
		}
	}
}

func TestSuccessIsReportedWithNumberOfItsRequest(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		defer a.close()
		defer b.close()
		answers := []raft.AppendEntriesResponse{{Term: 4, Success: true}, {Term: 4}, {Term: 5, Success: true}, {Term: 4, Success: true}}
		respond(b, func(any) (any, error) { r := answers[0]; answers = answers[1:]; return &r, nil })
		var reported []string
		a.trans.Observe(func(peer raft.ServerID, term, number uint64, _ time.Time) {
			reported = append(reported, fmt.Sprintf("%s/%d/%d", peer, term, number))
		})
		var asked uint64
		for i := range 4 {
			if i == 3 {
				asked = a.trans.LastSent()
			}
			var resp raft.AppendEntriesResponse
			if err := a.trans.AppendEntries(b.id, address(b.id), heartbeatOf(a.id, 4), &resp); err != nil {
				t.Fatal(err)
			}
		}
		if asked != 3 || fmt.Sprint(reported) != "[id-n2/4/1 id-n2/4/4]" {
			t.Fatalf("asked at %d, reported %v", asked, reported)
		}
	})
}

func TestFailedHeartbeatIsNotRetriedAndFailedEntriesAreWhileLeading(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		defer a.close()
		b.close()
		v := &view{state: raft.Leader, term: 4}
		a.trans.Bind(v)
		var resp raft.AppendEntriesResponse
		if err := a.trans.AppendEntries(b.id, address(b.id), heartbeatOf(a.id, 4), &resp); err == nil || a.trans.LastSent() != 1 {
			t.Fatalf("%v after %d tries", err, a.trans.LastSent())
		}
		for name, end := range map[string]func(){
			"no longer leader": func() { v.mu.Lock(); v.state = raft.Follower; v.mu.Unlock() },
			"newer term":       func() { v.mu.Lock(); v.term = 5; v.mu.Unlock() },
			"peer removed":     func() { v.mu.Lock(); v.gone = true; v.mu.Unlock() },
		} {
			v.mu.Lock()
			v.state, v.term, v.gone = raft.Leader, 4, false
			v.mu.Unlock()
			start, before := time.Now(), a.trans.LastSent()
			stop := time.AfterFunc(time.Minute, end)
			err := a.trans.AppendEntries(b.id, address(b.id), entry(4), &resp)
			stop.Stop()
			if d := time.Since(start); err == nil || d < time.Minute || d > time.Minute+2*RetryPause {
				t.Fatalf("%s: %v after %v", name, err, d)
			}
			if tries := a.trans.LastSent() - before; tries < 2000 {
				t.Fatalf("%s: %d tries in a minute", name, tries)
			}
		}
	})
}

func TestCloseEndsRetries(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		b.close()
		a.trans.Bind(&view{state: raft.Leader, term: 4})
		time.AfterFunc(time.Second, func() { a.trans.Close() })
		var resp raft.AppendEntriesResponse
		start := time.Now()
		if err := a.trans.AppendEntries(b.id, address(b.id), entry(4), &resp); err == nil || time.Since(start) > time.Second+RetryPause {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		a.close()
	})
}

func TestNothingIsSentWhileOwnLogWriteHangs(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		defer a.close()
		defer b.close()
		came := 0
		respond(b, func(cmd any) (any, error) { came++; return yes(cmd) })
		a.store.begin()
		var resp raft.AppendEntriesResponse
		if err := a.trans.AppendEntries(b.id, address(b.id), heartbeatOf(a.id, 4), &resp); err != nil {
			t.Fatal(err)
		}
		time.Sleep(StoreStallLimit + time.Millisecond)
		if err := a.trans.AppendEntries(b.id, address(b.id), heartbeatOf(a.id, 4), &resp); !errors.Is(err, ErrStoreStalled) {
			t.Fatalf("%v", err)
		}
		if err := a.trans.AppendEntries(b.id, address(b.id), entry(4), &resp); !errors.Is(err, ErrStoreStalled) {
			t.Fatalf("%v", err)
		}
		err := a.trans.InstallSnapshot(b.id, address(b.id), &raft.InstallSnapshotRequest{}, &raft.InstallSnapshotResponse{}, &bytes.Reader{})
		if !errors.Is(err, ErrStoreStalled) || came != 1 {
			t.Fatalf("%v, %d requests arrived", err, came)
		}
	})
}

// After a peer's restart every pooled connection is dead. One vote request lost
// so costs an election round.
func TestRestartedPeerAnswersTheFirstRequest(t *testing.T) {
	for name, restart := range map[string]func(*testing.T, *sim.Net, *node){
		"process": func(t *testing.T, n *sim.Net, b *node) { b.close(); b.open(t, n) },
		"machine": func(t *testing.T, n *sim.Net, b *node) { n.Crash(b.host); b.close(); n.Restart(b.host); b.open(t, n) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *sim.Net) {
				a, b := pairOf(t, n)
				defer a.close()
				// Fill the pool: requests at one time, each on a connection of its own.
				respond(b, func(cmd any) (any, error) { time.Sleep(10 * time.Millisecond); return yes(cmd) })
				n.Delay(a.host, b.host, 5*time.Millisecond)
				done := make(chan error)
				for range DefaultMaxPool {
					go func() {
						done <- a.trans.RequestVote(b.id, address(b.id), &raft.RequestVoteRequest{Term: 1}, &raft.RequestVoteResponse{})
					}()
				}
				for range DefaultMaxPool {
					if err := <-done; err != nil {
						t.Fatal(err)
					}
				}
				if n.Conns() != DefaultMaxPool {
					t.Fatalf("%d connections", n.Conns())
				}
				restart(t, n, b)
				defer b.close()
				respond(b, yes)
				start := time.Now()
				var vote raft.RequestVoteResponse
				if err := a.trans.RequestVote(b.id, address(b.id), &raft.RequestVoteRequest{Term: 2}, &vote); err != nil || !vote.Granted {
					t.Fatalf("%+v %v", vote, err)
				}
				if d := time.Since(start); d > 100*time.Millisecond {
					t.Fatalf("took %v", d)
				}
			})
		})
	}
}

func TestVoteDoesNotReachAnotherNodeAtReusedAddress(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		defer a.close()
		respond(b, yes)
		ask := func() error {
			return a.trans.RequestVote(b.id, address(b.id), &raft.RequestVoteRequest{Term: 1}, &raft.RequestVoteResponse{})
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		b.close()
		c := newNode("n2")
		c.id = "wiped"
		c.port = openPort(t, n, "n2", func(_ *Config, id *Identity) { id.NodeID = "wiped" })
		var err error
		if c.trans, err = NewTransport(TransportConfig{Port: c.port, ID: c.id}); err != nil {
			t.Fatal(err)
		}
		defer c.close()
		respond(c, func(cmd any) (any, error) { t.Errorf("got %T", cmd); return yes(cmd) })
		if err := ask(); err == nil {
			t.Fatal("the new node's vote was taken for the old one's")
		} else if _, ok := errors.AsType[*WrongNodeError](err); !ok {
			t.Fatalf("%v", err)
		}
		// The old node is found elsewhere, and reached without any change in Raft.
		d := newNode("n3")
		d.id = b.id
		d.port = openPort(t, n, "n3", func(_ *Config, id *Identity) { id.NodeID = string(b.id) })
		if d.trans, err = NewTransport(TransportConfig{Port: d.port, ID: d.id}); err != nil {
			t.Fatal(err)
		}
		defer d.close()
		respond(d, yes)
		if _, _, err := d.port.DialAddr(t.Context(), KindProbe, "n1:5626"); err != nil {
			t.Fatal(err)
		}
		if err := ask(); err != nil {
			t.Fatalf("after the move: %v", err)
		}
	})
}

// While a snapshot is on its way the follower's main thread answers no
// heartbeat. Their failures must not end the snapshot.
func TestFailingHeartbeatsDoNotBreakSnapshotUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		defer a.close()
		defer b.close()
		done := make(chan error, 1)
		const size = 64 << 20 // 256 s are allowed for it
		go func() {
			done <- a.trans.InstallSnapshot(b.id, address(b.id), &raft.InstallSnapshotRequest{Size: size}, &raft.InstallSnapshotResponse{},
				io.LimitReader(zeroes{}, size))
		}()
		rpc := <-b.trans.Consumer()
		for range 20 {
			var resp raft.AppendEntriesResponse
			if err := a.trans.AppendEntries(b.id, address(b.id), heartbeatOf(a.id, 1), &resp); err == nil {
				t.Fatal("answered by nobody")
			}
			io.CopyN(io.Discard, rpc.Reader, size/40)
		}
		io.Copy(io.Discard, rpc.Reader)
		rpc.Respond(&raft.InstallSnapshotResponse{Success: true}, nil)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// Raft would wait longer after each failed try: up to 10 s.
func TestSnapshotWaitsForPeerWhileLeadingAndUsesNoOldConnection(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		defer a.close()
		respond(b, yes)
		a.trans.Bind(&view{state: raft.Leader, term: 4})
		var resp raft.AppendEntriesResponse
		if err := a.trans.AppendEntries(b.id, address(b.id), heartbeatOf(a.id, 4), &resp); err != nil {
			t.Fatal(err) // leaves a connection in the pool
		}
		n.Crash(b.host)
		b.close()
		back := time.Now().Add(time.Minute)
		time.AfterFunc(time.Minute, func() { n.Restart(b.host); b.open(t, n); respond(b, yes) })
		err := a.trans.InstallSnapshot(b.id, address(b.id), &raft.InstallSnapshotRequest{Term: 4, Size: 10}, &raft.InstallSnapshotResponse{},
			bytes.NewReader(make([]byte, 10)))
		if d := time.Since(back); err != nil || d < 0 || d > electionTimeout {
			t.Fatalf("%v after its return: %v", d, err)
		}
		b.close()
	})
}

type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) { return len(b), nil }

func TestForgottenPeerLeavesNoConnection(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		defer a.close()
		defer b.close()
		respond(b, yes)
		ask := func() error {
			return a.trans.RequestVote(b.id, address(b.id), &raft.RequestVoteRequest{Term: 1}, &raft.RequestVoteResponse{})
		}
		if err := ask(); err != nil || n.Conns() != 1 {
			t.Fatalf("%v, %d connections", err, n.Conns())
		}
		a.trans.Forget(b.id)
		synctest.Wait()
		if n.Conns() != 0 {
			t.Fatalf("%d connections", n.Conns())
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSenderThatVanishedInASnapshotDoesNotHoldRaft(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		a, b := pairOf(t, n)
		defer a.close()
		defer b.close()
		go a.trans.InstallSnapshot(b.id, address(b.id), &raft.InstallSnapshotRequest{Size: 1 << 20}, &raft.InstallSnapshotResponse{},
			io.LimitReader(zeroes{}, 1<<19))
		rpc := <-b.trans.Consumer()
		n.Cut(a.host, b.host)
		start := time.Now()
		got, _ := io.Copy(io.Discard, rpc.Reader)
		if d := time.Since(start); got >= 1<<20 || d > inStallLimit+time.Second {
			t.Fatalf("%d bytes, held for %v", got, d)
		}
		rpc.Respond(nil, io.ErrUnexpectedEOF)
	})
}

func TestTransportWorksOverTCPAcrossARestart(t *testing.T) {
	open := func(id string) *node {
		nd := newNode(id)
		nd.id = raft.ServerID(id)
		var err error
		nd.port, err = Listen(Config{Listen: "127.0.0.1:0", Identity: func() Identity { return Identity{ClusterID: "c", NodeID: id} }})
		if err != nil {
			t.Fatal(err)
		}
		if nd.trans, err = NewTransport(TransportConfig{Port: nd.port, ID: nd.id, DialTimeout: 10 * time.Second, IOTimeout: 10 * time.Second}); err != nil {
			t.Fatal(err)
		}
		return nd
	}
	a := open("a")
	defer a.close()
	for range 3 {
		b := open("b")
		respond(b, yes)
		a.port.Book().Learn("b", Entry{Address: b.port.Addr().String()})
		for range 2 {
			var vote raft.RequestVoteResponse
			if err := a.trans.RequestVote("b", "b", &raft.RequestVoteRequest{Term: 1}, &vote); err != nil || !vote.Granted {
				t.Fatalf("%+v %v", vote, err)
			}
		}
		b.close()
		if err := a.trans.RequestVote("b", "b", &raft.RequestVoteRequest{Term: 1}, &raft.RequestVoteResponse{}); err == nil {
			t.Fatal("answered after its end")
		}
	}
}
