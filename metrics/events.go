package metrics

import "github.com/prometheus/client_golang/prometheus"

// Request counts one API request that was answered: op is the operation, code
// the answer's code, seconds how long it took. What is not in the closed sets
// given to [New] is counted under [Other].
func (m *Metrics) Request(op, code string, seconds float64) {
	op = within(m.ops, op)
	m.requests.WithLabelValues(op, within(m.codes, code)).Inc()
	observe(m.requestSeconds.WithLabelValues(op), seconds)
}

// Commit records how long a batch took from being handed to Raft to being
// applied, on the Raft leader.
func (m *Metrics) Commit(seconds float64) { observe(m.commitSeconds, seconds) }

// Batch records that a batch of n commands was proposed as one entry.
func (m *Metrics) Batch(n int) { observe(m.batchCommands, float64(n)) }

// Fsync records how long one synced write to a store took.
func (m *Metrics) Fsync(seconds float64) { observe(m.fsyncSeconds, seconds) }

// LeaderChange counts one change of Raft leader as this node saw it; losing the
// leader and finding the same one again is a change.
func (m *Metrics) LeaderChange() { m.leaderChanges.Inc() }

// MembershipChanges is the closed set of what [Metrics.MembershipChange] counts.
func MembershipChanges() []string { return []string{"added", "promoted", "demoted", "removed"} }

// MembershipChange counts one change of Raft's configuration that this node made as Raft leader.
func (m *Metrics) MembershipChange(change string) {
	m.membership.WithLabelValues(within(set(MembershipChanges()), change)).Inc()
}

// Granted counts one grant of a lock or an election, and, unless it was free,
// how many seconds of cluster time it was waited for. kind is one of [Kinds].
// Call it on the Raft leader alone, for entries of its own term.
func (m *Metrics) Granted(kind, name string, waited float64) {
	kind = within(m.kinds, kind)
	m.grants.WithLabelValues(kind).Inc()
	if waited > 0 {
		observe(m.grantWait, waited)
	}
	switch {
	case !m.names.match(name):
	case m.names.admit(kind, name):
		m.namedGrants.WithLabelValues(kind, name).Inc()
	default:
		m.namesLeftOut.Inc()
	}
}

// GrantEnded counts one grant that ended for a reason of [Reasons]; another
// reason is counted under [Other]. Call it on the Raft leader alone, for entries
// of its own term.
func (m *Metrics) GrantEnded(kind, name, reason string) {
	kind, reason = within(m.kinds, kind), within(m.reasons, reason)
	m.leasesEnded.WithLabelValues(reason).Inc()
	if m.names.match(name) && m.names.admit(kind, name) {
		m.namedEnds.WithLabelValues(kind, name, reason).Inc()
	}
}

// Jeopardy counts one hold of this node that came into doubt: half of its TTL
// had passed and it was not renewed.
func (m *Metrics) Jeopardy() { m.jeopardy.Inc() }

// RenewalMargin records what was left of a lease when it was renewed, divided by
// its TTL: 0 to 1, and clamped to that. Call it on the Raft leader alone, for
// entries of its own term.
func (m *Metrics) RenewalMargin(ratio float64) { observe(m.renewalMargin, min(ratio, 1)) }

// ExpiryLateness records how long after its deadline a lease was ended, in
// cluster time. Call it on the Raft leader alone, for entries of its own term.
func (m *Metrics) ExpiryLateness(seconds float64) { observe(m.lateness, seconds) }

// observe keeps a histogram's sum usable: one NaN would make it NaN for ever,
// and a negative one would make it fall, which reads as a restart.
func observe(o prometheus.Observer, v float64) {
	if v >= 0 {
		o.Observe(v)
		return
	}
	o.Observe(0)
}
