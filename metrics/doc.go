// Package metrics holds sidelock's Prometheus instruments, and nothing else: it
// knows no other package of sidelock. Those who have something to count declare
// a small recorder interface of their own, which [Metrics] satisfies; what is
// read at the moment of a scrape comes from a [Source].
//
// Begin with [New], then give [Metrics.Watch] a source and mount
// [Metrics.Handler].
//
// # Three kinds of series
//
// Each node exposes the same set, so whoever adds nodes up has to know what a
// series counts. The help text of each says which of these it is:
//
//   - This node's own: requests, fsyncs, commits it waited for. Sum them, or
//     look at them per node.
//   - Replicated state: leases, locks held, waiters. Every node reports the same
//     number, give or take its lag: take max, never sum.
//   - Counted once: what happens in the replicated state (a lease ends, a grant
//     is made) is applied by every node, but counted only by the Raft leader in
//     whose term it happened. Sum them over the nodes. A node that replays its
//     log at start counts nothing.
//
// # Closed sets
//
// No label carries anything that a caller chose: no owners, no lease IDs, and no
// names but those that an operator has picked ([New]), of which at most [MaxNames]
// become labels and stay it for as long as the process lives.
// Ops and codes are given at construction, reasons are listed here, and whatever
// else arrives is counted under [Other]; the number of series has a bound that
// no request can move.
package metrics
