package peer

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/sidelock/sidelock/internal/sim"
)

// settled starts a group and gives its leader once everybody has an entry.
func settled(t *testing.T, n *sim.Net) (*group, *node) {
	g := startGroup(t, n)
	l := g.leader(5 * time.Second)
	g.apply(l, "first")
	for _, nd := range g.nodes {
		g.caughtUp(nd, "first", time.Second)
	}
	return g, l
}

func TestFollowersBusyInStoreLogsCauseNoElection(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		g, l := settled(t, n)
		defer g.close()
		term := l.raft.CurrentTerm()
		for _, nd := range g.others(l) {
			nd.store.setDelay(4 * time.Second)
		}
		start := time.Now()
		if err := l.raft.Apply([]byte("slow"), time.Second).Error(); err != nil {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		if time.Since(start) < 3*time.Second {
			t.Fatalf("the followers were not slow: %v", time.Since(start))
		}
		time.Sleep(10 * time.Second)
		for _, nd := range g.nodes {
			if got := nd.raft.CurrentTerm(); got != term {
				t.Fatalf("term rose from %d to %d on %s", term, got, nd.host)
			}
		}
	})
}

func TestHungFollowersDoNotKeepLeaderThatCannotCommit(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		g, l := settled(t, n)
		defer g.close()
		for _, nd := range g.others(l) {
			nd.store.setDelay(30 * time.Second)
		}
		start := time.Now()
		l.raft.Apply([]byte("hung"), time.Second)
		for l.raft.State() == raft.Leader && time.Since(start) < time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		if d := time.Since(start); d < StoreStallLimit || d > StoreStallLimit+2*time.Second {
			t.Fatalf("led for %v", d)
		}
		for _, nd := range g.others(l) {
			nd.store.setDelay(0)
		}
		time.Sleep(30 * time.Second)
		g.leader(10 * time.Second)
	})
}

func TestLeaderWithHungDiskIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		g, l := settled(t, n)
		defer g.close()
		l.store.setDelay(time.Minute)
		l.raft.Apply([]byte("hung"), time.Second)
		start := time.Now()
		next := g.leader(StoreStallLimit+3*time.Second, l)
		if d := time.Since(start); d < StoreStallLimit {
			t.Fatalf("replaced after %v already", d)
		}
		g.apply(next, "goes on")
		l.store.setDelay(0)
		g.caughtUp(l, "goes on", 2*time.Minute)
	})
}

// away makes a node unreachable in one of several ways; back undoes it.
var outages = map[string]struct {
	away, back func(*testing.T, *group, *node)
}{
	"cut off": {
		func(_ *testing.T, g *group, nd *node) {
			o := g.others(nd)
			g.net.Partition(nd.host, o[0].host, o[1].host)
		},
		func(_ *testing.T, g *group, _ *node) { g.net.HealAll() },
	},
	"stopped": {
		func(_ *testing.T, _ *group, nd *node) { nd.close() },
		func(t *testing.T, g *group, nd *node) { nd.open(t, g.net); nd.startRaft(t) },
	},
	"without power": {
		func(_ *testing.T, g *group, nd *node) { g.net.Crash(nd.host); nd.close() },
		func(t *testing.T, g *group, nd *node) { g.net.Restart(nd.host); nd.open(t, g.net); nd.startRaft(t) },
	},
}

func TestReturnedPeerIsCaughtUpWithinOneElectionTimeout(t *testing.T) {
	for name, outage := range outages {
		for _, length := range []time.Duration{time.Second, 2 * time.Minute} {
			t.Run(fmt.Sprint(name, " for ", length), func(t *testing.T) {
				bubble(t, func(t *testing.T, n *sim.Net) {
					g, l := settled(t, n)
					defer g.close()
					term, f := l.raft.CurrentTerm(), g.others(l)[0]
					outage.away(t, g, f)
					for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
						g.apply(l, "meanwhile")
					}
					g.apply(l, "last")
					// Return at an odd moment of the retries.
					time.Sleep(137 * time.Millisecond)
					outage.back(t, g, f)
					d := g.caughtUp(f, "last", electionTimeout)
					t.Logf("caught up after %v", d)
					if got := l.raft.CurrentTerm(); l.raft.State() != raft.Leader || got != term {
						t.Fatalf("leader changed: term %d, then %d", term, got)
					}
				})
			})
		}
	}
}

// Pre-vote is off unless the transport exposes it: then a node that was cut
// off returns with a high term and deposes a leader that was well.
func TestPreVoteKeepsTermWhileNodeIsCutOff(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		g, l := settled(t, n)
		defer g.close()
		term, f := l.raft.CurrentTerm(), g.others(l)[0]
		outages["cut off"].away(t, g, f)
		time.Sleep(time.Minute)
		outages["cut off"].back(t, g, f)
		time.Sleep(5 * time.Second)
		if l.raft.State() != raft.Leader || l.raft.CurrentTerm() != term || f.raft.CurrentTerm() != term {
			t.Fatalf("term %d, now %d, on the returned node %d", term, l.raft.CurrentTerm(), f.raft.CurrentTerm())
		}
	})
}

func TestKilledLeaderIsReplacedAndGroupGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		g, l := settled(t, n)
		defer g.close()
		outages["without power"].away(t, g, l)
		next := g.leader(2 * time.Second)
		g.apply(next, "after")
		outages["without power"].back(t, g, l)
		g.caughtUp(l, "after", 2*time.Second)
	})
}

// A follower with a stale tail must not commit that tail because of a leader's
// commit index that runs ahead of what it was sent.
func TestStaleTailIsNotCommittedByLeadersCommitIndex(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		lead, f := newNode("n1"), newNode("n2")
		conf := raft.Configuration{Servers: []raft.Server{{ID: lead.id, Address: address(lead.id)}, {ID: f.id, Address: address(f.id)}}}
		f.store.StoreLogs([]*raft.Log{
			{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(conf)},
			{Index: 2, Term: 1, Type: raft.LogCommand, Data: []byte("agreed")},
			{Index: 3, Term: 2, Type: raft.LogCommand, Data: []byte("stale")},
		})
		f.stable.SetUint64([]byte("CurrentTerm"), 2)
		lead.open(t, n)
		f.open(t, n)
		defer lead.close()
		defer f.close()
		f.startRaft(t)
		req := &raft.AppendEntriesRequest{
			RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(lead.id), Addr: []byte(lead.id)},
			Term:      3, PrevLogEntry: 2, PrevLogTerm: 1, LeaderCommitIndex: 3,
		}
		var resp raft.AppendEntriesResponse
		if err := lead.trans.AppendEntries(f.id, address(f.id), req, &resp); err != nil || !resp.Success {
			t.Fatalf("%+v %v", resp, err)
		}
		time.Sleep(100 * time.Millisecond)
		if got := fmt.Sprint(f.fsm.applied()); got != "[agreed]" {
			t.Fatalf("applied %v", got)
		}
		req.Entries = []*raft.Log{{Index: 3, Term: 3, Type: raft.LogCommand, Data: []byte("true")}}
		if err := lead.trans.AppendEntries(f.id, address(f.id), req, &resp); err != nil || !resp.Success {
			t.Fatalf("%+v %v", resp, err)
		}
		time.Sleep(100 * time.Millisecond)
		if got := fmt.Sprint(f.fsm.applied()); got != "[agreed true]" {
			t.Fatalf("applied %v", got)
		}
		if req.LeaderCommitIndex != 3 {
			t.Fatal("raft's own request was changed")
		}
	})
}
