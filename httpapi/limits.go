package httpapi

import "time"

// Bounds on one request and one connection.
const (
	MaxBodyBytes      = 64 << 10         // of a request
	MaxHeaderBytes    = 16 << 10         // of a request, with its request line
	HeaderTimeout     = 5 * time.Second  // to send the headers
	BodyTimeout       = 5 * time.Second  // to send the body, once the headers are in
	IdleTimeout       = 2 * time.Minute  // of a connection between requests
	LargeAnswerBytes  = 32 << 10         // an answer above this has a deadline for being taken
	LargeAnswerWrite  = 30 * time.Second // that deadline
	RequestTimeout    = 5 * time.Second  // to sit out a missing Raft leader and retry inside, on top of the caller's wait
	ProbeTimeout      = 1 * time.Second  // of readyz?quorum=1
	RemoveTimeout     = 15 * time.Second // to take a member out of the group, which may mean to replace it first
	MaxStreams        = 1000             // open at one sidecar: holds and events
	StreamWrite       = 5 * time.Second  // for a client to take one frame; a slower one is cut off
	HoldAliveEvery    = 5 * time.Second  // the longest silence on a hold stream; a third of the TTL if that is shorter
	EventsAliveEvery  = 15 * time.Second // the longest silence on an event stream
	SilentPeer        = 15 * time.Second // for a client's machine to answer TCP; then the connection is dead
	maxStateFrame     = 256 << 10        // bytes of one frame of a state, about
	RetryAfterDefault = 1 * time.Second  // in Retry-After, where nothing better is known
	RetryAfterMost    = 15 * time.Second // in Retry-After, where the time is not certain
	maxQuoted         = 64               // bytes of a caller's input repeated in an error
	maxPooledBuffer   = 64 << 10         // larger buffers are left to the garbage collector
)

// What a request gets that does not say otherwise.
const (
	DefaultTTL   = 15 * time.Second
	DefaultLimit = 1
)

// MaxInteger bounds tokens and indexes, so that they survive JSON readers that know only doubles.
const MaxInteger = 1<<53 - 1
