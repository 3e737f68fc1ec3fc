package metrics

import "github.com/prometheus/client_golang/prometheus"

// maxScrapes is how many scrapes are served at once; more get 503. One or two
// Prometheus servers never meet it; it keeps a confused one from costing memory.
const maxScrapes = 8

// MaxNames is how many names may be labels, locks and elections together: those
// that are seen first.
const MaxNames = 100

// Other is the label value that stands for everything outside a closed set.
const Other = "other"

// Kinds are the kinds of names.
func Kinds() []string { return []string{"lock", "election"} }

// Roles are what a sidecar may be in its group.
func Roles() []string { return []string{"voter", "spare", "agent"} }

// Reasons are the ways in which a lease ends: the label values of
// sidelock_leases_ended_total.
func Reasons() []string {
	return []string{"expired", "released", "revoked", "disconnected", "forced"}
}

// Buckets. Each list ends where something is already badly wrong, so that the
// last finite bucket still tells good from bad.
var (
	// From a read of local state to a request that used up its five seconds;
	// beyond that a request was waiting in line, up to a day.
	requestBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 30, 300, 3600}
	// A commit costs about two fsyncs and a round trip; 10 s covers an election.
	commitBuckets = []float64{.0005, .001, .002, .004, .008, .016, .032, .064, .125, .25, .5, 1, 2, 5, 10}
	// 0.1 ms is a fast NVMe disk; past 5 s the Raft leader gives up its disk.
	fsyncBuckets = []float64{.0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2, 5, 10}
	// A batch holds at most 1,024 commands.
	batchBuckets = prometheus.ExponentialBuckets(1, 2, 11)
	// A wait lasts up to 24 h.
	grantWaitBuckets = []float64{.001, .005, .01, .05, .1, .5, 1, 5, 15, 60, 300, 900, 3600, 21600, 86400}
	// Near 0: renewed just in time. A client that renews every third of its TTL
	// is seen near 2/3.
	marginBuckets = []float64{.01, .05, .1, .2, .3, .4, .5, .6, .7, .8, .9, 1}
	// The promise is one second, and one 250 ms tick for each leader change.
	latenessBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 10, 30, 60}
)
