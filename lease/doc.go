// Package lease is the replicated state machine of sidelock: leases, locks, elections, their queues, fencing
// tokens and cluster time. It is pure. It reads no clock, does no I/O, starts no goroutine, ranges over no map and
// draws no random number: what Apply needs is in the entry. So two replicas that applied the same entries are equal,
// byte for byte, which Digest shows and the tests hold it to.
//
// # One mechanism
//
// A name (a lock or an election) has holders and a queue. Each of them is a place, taken by a lease. There is one rule of
// admission (admit.go): a request is granted when the number of holders, itself included, is within its own limit
// and every holder's, and nobody is before it in the queue. Exclusive locks, shared locks, semaphores and
// elections are settings of that rule.
//
// # Time
//
// Every Entry carries cluster time, stamped by the Raft leader. Apply first advances the clock, ends every lease whose deadline has
// passed, in the order of deadlines, then admits waiters, and only then runs the commands (the idea of juju's
// core/raftlease, taken further). Nobody is ever granted anything whose own lease is already over.
//
// # Repeats
//
// A command carries the identity of its sidecar session (Raft dissertation, section 6.3): a duplicate, however late,
// has no effect and gets the first one's answer. Above that, callers repeat requests with the same lease ID, and the
// state machine recognizes them by the lease.
//
// # Levels
//
// Two releases can be in one group: what a newer one adds to all this has a feature level, and does not happen before the
// group has been raised to it (level.go).
//
// Begin reading at State.Apply in apply.go. Not safe for concurrent use, except that a Snapshot may be written
// out while Apply goes on.
package lease
