package doctor

import "time"

// What is still good enough. Each is compared with a figure that a finding shows.
const (
	// A commit takes an fsync on a majority. Above the first every acquire is felt to be slow, above the second Raft's timeouts are near.
	fsyncSlow    = 10 * time.Millisecond
	fsyncTooSlow = 100 * time.Millisecond

	// The log grows by 16 MiB at a time, and a snapshot is written beside the one before.
	diskLow    = 1 << 30
	diskTooLow = 128 << 20

	// A heartbeat and its answer must fit into the election timeout many times over.
	roundTripsLow    = 10
	roundTripsTooLow = 2
)

// Bounds of the examination itself.
const (
	fsyncWrites = 100
	fsyncBytes  = 4 << 10         // of one write: a page of the log
	fsyncWithin = 3 * time.Second // for all writes
	askWithin   = 3 * time.Second // one question to the sidecar that runs here
	lookWithin  = time.Second     // who uses a port

	settlesWithin   = time.Second // a group in which somebody is not heard of
	settleLookEvery = 100 * time.Millisecond

	peersAtOnce = 16
	maxPeers    = 64 // that are visited
	pollSecrets = time.Hour
	maxMetrics  = 4 << 20 // bytes
)
