package metrics

import "github.com/prometheus/client_golang/prometheus"

// Unknown is the value of [Gauges.FailureTolerance] and [Gauges.HealthyVoters]
// on a node that cannot tell; the series is then left out, since a made-up 0
// would raise an alert.
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
	HasLeader        bool // it knows a Raft leader
	IsLeader         bool // it is the Raft leader
	HealthyVoters    int  // or Unknown
	FailureTolerance int  // how many more voters may be lost, or Unknown
	Term             uint64
	LastIndex        uint64 // of its log
	CommitIndex      uint64
	AppliedIndex     uint64
	DataBytes        int64 // of its data directory

	Sidecars map[string]int // of the group, by role: voter, spare, agent; nil on a node that cannot tell

	// Certificates are when those in use end, in unix seconds, by use: peer, ca, api.
	Certificates map[string]float64

	// Replicated state, as far as this node has applied it.
	FeatureLevel uint32
	Leases       int // alive
	LocksHeld    int // names of locks with at least one holder
	ElectionsLed int // names of elections with a leader
	Waiters      int // in all queues, standbys included
}

var (
	descHasLeader = desc("raft_has_leader",
		"1 if this node knows a Raft leader, else 0.")
	descIsLeader = desc("raft_is_leader",
		"1 if this node is the Raft leader, else 0. Summed over nodes it is 1, and 2 for a moment at most during a change.")
	descHealthyVoters = desc("raft_healthy_voters",
		"Voters that are up and caught up; absent on a node that cannot tell. A view of the whole group: take max, not sum.")
	descTolerance = desc("raft_failure_tolerance",
		"How many more voters may be lost before the group stops; absent on a node that cannot tell. A view of the whole group: take max, not sum.")
	descTerm = desc("raft_term",
		"Raft term that this node is in."+replicated)
	descLast = desc("raft_last_index",
		"Index of the last entry in this node's log.")
	descCommit = desc("raft_commit_index",
		"Highest log index that this node knows to be committed.")
	descApplied = desc("raft_applied_index",
		"Highest log index that this node has applied; its distance from the others' is its lag.")
	descSidecars = desc("sidecars",
		"Sidecars of the group by role, as the Raft leader told last; absent on a node that cannot tell. A view of the whole group: take max, not sum.", "role")
	descCertificate = desc("certificate_expiry_timestamp_seconds",
		"When the certificate in use for peers, their CA, or the API ends, in unix seconds; the earliest where there are several. Absent where there is none: certificates made from --peer-secret-file do not end.", "use")
	descDataBytes = desc("data_bytes",
		"Bytes that this node's data directory takes.")
	descLevel = desc("feature_level",
		"Feature level of the group: it rises when every sidecar runs a release that understands the next."+replicated)
	descLeases = desc("leases",
		"Leases that are alive."+replicated)
	descLocks = desc("locks_held",
		"Locks that have at least one holder."+replicated)
	descElections = desc("elections_led",
		"Elections that have a leader."+replicated)
	descWaiters = desc("waiters",
		"Leases that wait in a queue, standbys of elections included."+replicated)
	descCluster = desc("cluster_info",
		"The cluster that this node belongs to; always 1."+replicated, "cluster_id")
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
	for _, d := range []*prometheus.Desc{
		descHasLeader, descIsLeader, descHealthyVoters, descTolerance, descTerm, descLast, descCommit, descApplied,
		descDataBytes, descLeases, descLocks, descElections, descWaiters, descCluster, descLevel, descSidecars, descCertificate,
	} {
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
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for role, count := range g.Sidecars {
		send(descSidecars, float64(count), role)
	}
	for use, ends := range g.Certificates {
		send(descCertificate, ends, use)
	}
	send(descHasLeader, number(g.HasLeader))
	send(descIsLeader, number(g.IsLeader))
	send(descTerm, float64(g.Term))
	send(descLast, float64(g.LastIndex))
	send(descCommit, float64(g.CommitIndex))
	send(descApplied, float64(g.AppliedIndex))
	send(descDataBytes, float64(g.DataBytes))
	send(descLeases, float64(g.Leases))
	send(descLocks, float64(g.LocksHeld))
	send(descElections, float64(g.ElectionsLed))
	send(descWaiters, float64(g.Waiters))
	if g.HealthyVoters != Unknown {
		send(descHealthyVoters, float64(g.HealthyVoters))
	}
	if g.FailureTolerance != Unknown {
		send(descTolerance, float64(g.FailureTolerance))
	}
	if g.ClusterID != "" {
		send(descCluster, 1, g.ClusterID)
		send(descLevel, float64(g.FeatureLevel))
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
