package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/client"
	"github.com/sidelock/sidelock/raftnode"
	"github.com/sidelock/sidelock/raftnode/form"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// told is an examination that has visited others, and what it finds.
func told(cfg Config, visits ...visit) (*examination, *findings) {
	out := &findings{}
	d := begin(cfg, func(f Finding) { *out = append(*out, f) })
	d.visits = visits
	return d, out
}

// other is a visit to one that has joined cluster c.
func other(name string, trip time.Duration, leader string) visit {
	return visit{addr: name + ":5626", trip: trip, visit: raftnode.Visit{
		Hello:  peer.Hello{NodeID: "n_" + name, Name: name, ClusterID: "c", About: peer.About{Release: "1.0.0", Voters: 3, Spares: 2}},
		Status: form.Status{Phase: form.Joined, Members: map[string]form.Label{"n_a": {}, "n_b": {}, "n_c": {}}}, LeaderName: leader, LeaderID: leader,
	}}
}

func TestWayToTheOthersIsComparedWithTheElectionTimeout(t *testing.T) {
	for trip, want := range map[time.Duration]Verdict{
		40 * time.Millisecond: OK, 41 * time.Millisecond: Warn, 200 * time.Millisecond: Warn, 201 * time.Millisecond: Fail,
	} {
		d, got := told(Config{Timing: raftnode.LAN}, other("a", time.Millisecond, ""), other("b", trip, ""))
		d.latency()
		got.want(t, want, Latency, "b is "+short(trip)+" away", "--raft-timing lan is 400ms")
	}
}

func TestGroupIsJudgedByWhatItCanLose(t *testing.T) {
	member := func(name, role string, healthy bool) client.Member {
		return client.Member{MemberRef: client.MemberRef{Name: name, ID: "n_" + name}, Role: role, Healthy: healthy}
	}
	three := []client.Member{member("a", "voter", true), member("b", "voter", true), member("c", "voter", true)}
	lead := &client.MemberRef{Name: "a", ID: "n_a"}
	for want, g := range map[string]client.Cluster{
		"ok: a leads; of 3 voters 1 may be lost":                                            {RaftLeader: lead, FailureTolerance: 1, Members: three},
		"ok: a leads; a group of 1 voter survives no failure":                               {RaftLeader: lead, Members: three[:1]},
		"warn: a leads, and 1 more voter may be lost (not heard of: d)":                     {RaftLeader: lead, FailureTolerance: 1, Members: append([]client.Member{member("d", "agent", false)}, three...)},
		"warn: a leads, and the group stops if one more voter is lost (not heard of: c)":    {RaftLeader: lead, Members: []client.Member{three[0], three[1], member("c", "voter", false)}},
		"warn: a leads; of 2 voters none may be lost. start another sidecar":                {RaftLeader: lead, Members: three[:2]},
		"warn: a leads, and none may be lost (not heard of: d)":                             {RaftLeader: lead, Members: append([]client.Member{member("d", "agent", false)}, three[:2]...)},
		"fail: there is no Raft leader and no majority: nothing is granted or renewed":      {FailureTolerance: 1, Members: three},
		"fail: there is no Raft leader and no majority (not heard of: c): nothing is grant": {RaftLeader: lead, FailureTolerance: -1, Members: []client.Member{three[0], member("c", "voter", false)}},
	} {
		d, got := told(Config{})
		g.ID = "c"
		d.quorumHere(&g)
		verdict, says, _ := strings.Cut(want, ": ")
		got.want(t, Verdict(verdict), Quorum, says)
	}
	d, got := told(Config{Voters: 5, ClusterSize: 5})
	d.quorumHere(&client.Cluster{ID: "c", RaftLeader: lead, FailureTolerance: 1, Members: three})
	got.want(t, Warn, Quorum, "of 3 voters 1 may be lost, and --voters is 5", "start more sidecars")
	d, got = told(Config{}, other("a", 0, ""), other("b", 0, "c"))
	d.quorumThere()
	got.want(t, OK, Quorum, "has a Raft leader, c, says b")
	d, got = told(Config{}, other("a", 0, ""))
	d.quorumThere()
	got.want(t, Fail, Quorum, "the group of 3 members has no majority")
}

func TestReplacedClusterIsToldByItsSuccessor(t *testing.T) {
	after := other("a", 0, "a")
	after.visit.Hello.Ancestors = []string{"older", "old"}
	d, got := told(Config{}, after)
	d.data.Membership.ClusterID, d.data.Identity.NodeID = "old", "n_me"
	d.clusters()
	got.want(t, Fail, Cluster, "cluster old, of which this node is, was replaced by cluster c", "move the data directory away")
	if len(*got) != 1 {
		t.Errorf("%+v", *got)
	}
}

func TestOneNodeAtTwoAddressesCountsOnce(t *testing.T) {
	again := other("a", 0, "a")
	again.addr = "another:5626"
	me := other("me", 0, "a")
	d, _ := told(Config{}, other("a", 0, "a"), again, me)
	d.data.Identity.NodeID = "n_me"
	if got := d.others(); len(got) != 1 || got[0].addr != "a:5626" {
		t.Errorf("%d others", len(got))
	}
}
