package metrics

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
)

// Unknown is what a node cannot tell, where [Gauges] says that it may be; the
// series is then left out, since a made-up 0 would raise an alert.
const Unknown = -1

// Source tells the state of a node at the moment of a scrape. Gauges is called
// once per scrape, by several scrapes at once if need be; it must answer at once
// from local state, also without a Raft leader or a majority.
type Source interface {
	Gauges() Gauges
}

// Gauges are a node's values at one moment.
type Gauges struct {
	ClusterID string // empty: not yet part of a cluster, and no series

	// This node's own view.
	Ready            bool   // it has joined, has caught up and is not stopping
	Role             string // one of Roles; empty before it has joined
	HasLeader        bool   // it knows a Raft leader
	IsLeader         bool   // it is the Raft leader
	HealthyVoters    int    // or Unknown
	FailureTolerance int    // how many more voters may be lost, or Unknown
	Term             uint64
	LastIndex        uint64 // of its log
	CommitIndex      uint64
	AppliedIndex     uint64
	ReplicaAge       float64 // seconds since it had applied all that was committed, or Unknown

	Sidecars map[string]int // of the group, by role; nil on a node that cannot tell

	// Certificates are when those in use end, in unix seconds, by use: peer, ca, api.
	Certificates map[string]float64

	// What clients have open at this node.
	Holds   Holds
	Streams int // holds and events

	// Replicated state, as far as this node has applied it.
	FeatureLevel uint32
	Leases       int // alive
	LocksHeld    int // names of locks with at least one holder
	ElectionsLed int // names of elections with a leader
	Waiters      int // in all queues, standbys included
	StateBytes   uint64
	Names        []Name // of those that may be labels; more than that do no harm

	// This node's data directory, and the file system that it is on; the latter Unknown if it does not say.
	DataBytes, DataFreeBytes, DataSizeBytes int64

	// What the sizes may grow to; 0 on a node that cannot tell.
	MaxLeases, MaxStateBytes uint64
	MaxStreams               int
}

// Holds are the hold streams that are open at a node.
type Holds struct {
	Waiting  int // in line
	Holding  int // and renewed in time
	Jeopardy int // holding, and not renewed although half of the TTL has passed
}

// Name is how a lock or an election stands.
type Name struct {
	Kind, Name       string
	Holders, Waiters int
}

// reading is a gauge without labels; NaN is left out.
type reading struct {
	desc  *prometheus.Desc
	value func(g *Gauges) float64
}

var readings = []reading{
	{desc("ready", "1 if this node has joined its group, has caught up, and is not stopping, else 0."),
		func(g *Gauges) float64 { return number(g.Ready) }},
	{desc("raft_has_leader", "1 if this node knows a Raft leader, else 0."),
		func(g *Gauges) float64 { return number(g.HasLeader) }},
	{desc("raft_is_leader", "1 if this node is the Raft leader, else 0. Summed over nodes it is 1, and 2 for a moment at most during a change."),
		func(g *Gauges) float64 { return number(g.IsLeader) }},
	{desc("raft_healthy_voters", "Voters that are up and caught up; absent on a node that cannot tell. A view of the whole group: take max, not sum."),
		func(g *Gauges) float64 { return known(float64(g.HealthyVoters)) }},
	{desc("raft_failure_tolerance", "How many more voters may be lost before the group stops; absent on a node that cannot tell. A view of the whole group: take max, not sum."),
		func(g *Gauges) float64 { return known(float64(g.FailureTolerance)) }},
	{desc("raft_term", "Raft term that this node is in."+replicated),
		func(g *Gauges) float64 { return float64(g.Term) }},
	{desc("raft_last_index", "Index of the last entry in this node's log."),
		func(g *Gauges) float64 { return float64(g.LastIndex) }},
	{desc("raft_commit_index", "Highest log index that this node knows to be committed."),
		func(g *Gauges) float64 { return float64(g.CommitIndex) }},
	{desc("raft_applied_index", "Highest log index that this node has applied; its distance from the others' is its lag."),
		func(g *Gauges) float64 { return float64(g.AppliedIndex) }},
	{desc("replica_age_seconds", "Seconds since this node's replica is known to have held all that was committed: how old a local read would be. Absent on agents, and before a replica has caught up."),
		func(g *Gauges) float64 { return known(g.ReplicaAge) }},
	{desc("streams", "Streams that are open at this node, holds and events."),
		func(g *Gauges) float64 { return float64(g.Streams) }},
	{desc("streams_limit", "Streams that this node opens at most."),
		func(g *Gauges) float64 { return bound(g.MaxStreams) }},
	{desc("leases", "Leases that are alive."+replicated),
		func(g *Gauges) float64 { return float64(g.Leases) }},
	{desc("leases_limit", "Leases that the group takes at most; absent on agents."+replicated),
		func(g *Gauges) float64 { return bound(g.MaxLeases) }},
	{desc("locks_held", "Locks that have at least one holder."+replicated),
		func(g *Gauges) float64 { return float64(g.LocksHeld) }},
	{desc("elections_led", "Elections that have a leader."+replicated),
		func(g *Gauges) float64 { return float64(g.ElectionsLed) }},
	{desc("waiters", "Leases that wait in a queue, standbys of elections included."+replicated),
		func(g *Gauges) float64 { return float64(g.Waiters) }},
	{desc("state_bytes", "Bytes of names, owners, metadata and values, with an allowance for each lease and place."+replicated),
		func(g *Gauges) float64 { return float64(g.StateBytes) }},
	{desc("state_bytes_limit", "What sidelock_state_bytes may grow to; absent on agents."+replicated),
		func(g *Gauges) float64 { return bound(g.MaxStateBytes) }},
	{desc("feature_level", "Feature level of the group: it rises when every sidecar runs a release that understands the next. Absent before this node belongs to one."+replicated),
		func(g *Gauges) float64 {
			if g.ClusterID == "" {
				return math.NaN()
			}
			return float64(g.FeatureLevel)
		}},
	{desc("data_bytes", "Bytes that this node's data directory takes."),
		func(g *Gauges) float64 { return float64(g.DataBytes) }},
	{desc("data_free_bytes", "Bytes that are free on the file system of this node's data directory."),
		func(g *Gauges) float64 { return known(float64(g.DataFreeBytes)) }},
	{desc("data_size_bytes", "Bytes that the file system of this node's data directory has in all."),
		func(g *Gauges) float64 { return known(float64(g.DataSizeBytes)) }},
}

var (
	descRole = desc("role",
		"1 for what this node is in its group: voter, spare or agent.", "role")
	descSidecars = desc("sidecars",
		"Sidecars of the group by role, as the Raft leader told last; absent on a node that cannot tell. A view of the whole group: take max, not sum.", "role")
	descHolds = desc("holds",
		"Hold streams that are open at this node: waiting in line, holding, or in jeopardy, which is holding, and not renewed although half of the TTL has passed.", "state")
	descCertificate = desc("certificate_expiry_timestamp_seconds",
		"When the certificate in use for peers, their CA, or the API ends, in unix seconds; the earliest where there are several. Absent where there is none: certificates made from --peer-secret-file do not end.", "use")
	descCluster = desc("cluster_info",
		"The cluster that this node belongs to; always 1."+replicated, "cluster_id")
	descNameHolders = desc("name_holders",
		"Leases that hold a lock or lead an election that --metrics-names names; absent on agents."+replicated, "kind", "name")
	descNameWaiters = desc("name_waiters",
		"Leases that wait for a lock or stand by in an election that --metrics-names names; absent on agents."+replicated, "kind", "name")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// scrape turns one answer of the source into metrics, so that all of them are
// of the same moment.
type scrape struct{ m *Metrics }

var _ prometheus.Collector = scrape{}

// Describe names every series that Collect may send.
func (scrape) Describe(ch chan<- *prometheus.Desc) {
	for _, r := range readings {
		ch <- r.desc
	}
	for _, d := range []*prometheus.Desc{descRole, descSidecars, descHolds, descCertificate, descCluster, descNameHolders, descNameWaiters} {
		ch <- d
	}
}

// Collect asks the source once.
func (s scrape) Collect(ch chan<- prometheus.Metric) {
	src := s.m.source.Load()
	if src == nil {
		return
	}
	g := (*src).Gauges()
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		if !math.IsNaN(v) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
		}
	}
	for _, r := range readings {
		send(r.desc, r.value(&g))
	}
	if g.ClusterID != "" {
		send(descCluster, 1, g.ClusterID)
	}
	for _, role := range Roles() {
		if g.Role != "" {
			send(descRole, number(role == g.Role), role)
		}
	}
	for role, count := range g.Sidecars {
		send(descSidecars, float64(count), role)
	}
	for use, ends := range g.Certificates {
		send(descCertificate, ends, use)
	}
	send(descHolds, float64(g.Holds.Waiting), "waiting")
	send(descHolds, float64(g.Holds.Holding), "holding")
	send(descHolds, float64(g.Holds.Jeopardy), "jeopardy")
	for _, n := range s.m.names.labels(g.Names) {
		send(descNameHolders, float64(n.Holders), n.Kind, n.Name)
		send(descNameWaiters, float64(n.Waiters), n.Kind, n.Name)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// known leaves out what a node cannot tell.
func known(v float64) float64 {
	if v == Unknown {
		return math.NaN()
	}
	return v
}

// bound leaves out a limit that a node does not know.
func bound[N int | uint64](n N) float64 {
	if n == 0 {
		return math.NaN()
	}
	return float64(n)
}
