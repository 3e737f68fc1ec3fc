package metrics

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

const namespace = "sidelock"

// How to add nodes up, said at the end of a help text. Series without either
// are the node's own.
const (
	replicated  = " Replicated state, the same on every node: take max, not sum."
	countedOnce = " Counted only by the Raft leader of the time: sum over nodes."
)

func newInstruments(reg Registry, ops, codes []string) *Metrics {
	return &Metrics{
		registry: reg,
		ops:      set(ops),
		codes:    set(codes),
		reasons:  set(Reasons()),
		kinds:    set(Kinds()),

		requests: prometheus.NewCounterVec(counter("requests_total",
			"API requests that this node answered, by operation and by the code of the answer."),
			[]string{"op", "code"}),
		requestSeconds: prometheus.NewHistogramVec(histogram("request_seconds",
			"Seconds from a request's arrival at this node to its answer, time in line included.", requestBuckets),
			[]string{"op"}),
		commitSeconds: prometheus.NewHistogram(histogram("commit_seconds",
			"Seconds from handing a batch to Raft to its being applied, on the Raft leader.", commitBuckets)),
		batchCommands: prometheus.NewHistogram(histogram("batch_commands",
			"Commands in each batch that this node, as Raft leader, proposed as one log entry.", batchBuckets)),
		fsyncSeconds: prometheus.NewHistogram(histogram("fsync_seconds",
			"Seconds that each synced write of this node's log and stable stores took.", fsyncBuckets)),
		leaderChanges: prometheus.NewCounter(counter("raft_leader_changes_total",
			"Changes of Raft leader that this node has seen since it started. Nearly the same on every node: take max, not sum.")),
		membership: prometheus.NewCounterVec(counter("membership_changes_total",
			"Members that this node, as Raft leader, added as spares, promoted to voters, demoted to spares, or removed."), []string{"change"}),
		grants: prometheus.NewCounterVec(counter("grants_total",
			"Grants of locks and elections."+countedOnce), []string{"kind"}),
		grantWait: prometheus.NewHistogram(histogram("grant_wait_seconds",
			"Seconds of cluster time from asking for a lock or an election to the grant, of those that were waited for."+countedOnce, grantWaitBuckets)),
		leasesEnded: prometheus.NewCounterVec(counter("leases_ended_total",
			"Leases that held something and ended, by reason; one that held several names counts once for each."+countedOnce), []string{"reason"}),
		renewalMargin: prometheus.NewHistogram(histogram("renewal_margin_ratio",
			"What was left of a lease when it was renewed, as a part of its TTL; near 0 it was nearly lost."+countedOnce, marginBuckets)),
		lateness: prometheus.NewHistogram(histogram("expiry_lateness_seconds",
			"Seconds between a lease's deadline and the entry that ended it."+countedOnce, latenessBuckets)),
		jeopardy: prometheus.NewCounter(counter("jeopardy_total",
			"Times that a hold at this node came into doubt: half of its TTL had passed, and it could not be renewed.")),
		namedGrants: prometheus.NewCounterVec(counter("name_grants_total",
			"Grants of a lock or an election that --metrics-names names."+countedOnce), []string{"kind", "name"}),
		namedEnds: prometheus.NewCounterVec(counter("name_leases_ended_total",
			"Leases that held a lock or an election that --metrics-names names, and ended, by reason."+countedOnce), []string{"kind", "name", "reason"}),
		namesLeftOut: prometheus.NewCounter(counter("name_grants_left_out_total",
			fmt.Sprintf("Grants of names that --metrics-names names and that are no label, because %d others are."+countedOnce, MaxNames))),
	}
}

func counter(name, help string) prometheus.CounterOpts {
	return prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}
}

func gauge(name, help string) prometheus.GaugeOpts {
	return prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}
}

func histogram(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}
}
