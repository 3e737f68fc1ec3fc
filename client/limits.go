package client

import "time"

// DefaultRetryFor is how long a call that does not wait goes on trying through an outage; see [WithRetryFor].
const DefaultRetryFor = 10 * time.Second

// Bounds on one try. A sidecar answers within 5 s and the wait that was asked for.
const (
	dialWithin    = 5 * time.Second
	answerWithin  = 10 * time.Second // beyond the wait; then the try is given up, its outcome unknown
	longestWait   = 24 * time.Hour   // that a sidecar accepts
	observeWait   = 30 * time.Second // of one long poll
	lingers       = 10 * time.Second // a tenure that has ended waits so long after its deadline for Release before it gives the lease back
	releaseWithin = 5 * time.Second  // for giving back what nobody waits for any more, and for Release in the background
)

// Between tries.
const (
	firstPause      = 50 * time.Millisecond // doubles with each failure
	longestPause    = 2 * time.Second
	longestAsked    = 30 * time.Second // of a Retry-After that is honoured
	steadyStream    = time.Second      // a stream that broke sooner counts as a failure
	freshLeaseTries = 3                // lease IDs that a call that does not wait tries, each ended before it was held
)

// What streams are expected to say, and when they are taken to be dead. A second stream is then opened beside the first.
const (
	defaultTTL        = 15 * time.Second // the sidecar's
	sayEvery          = 5 * time.Second  // a sidecar says something at least so often; where it holds, every third of the TTL
	queuedSilence     = 3 * sayEvery
	eventsSilence     = 40 * time.Second // of the event stream, which says alive every 15 s
	openWithin        = 20 * time.Second // a stream that is opened, in line, must have said something
	waitSlack         = 2 * time.Second  // for the sidecar to say that a wait is over
	longestHeartbeat  = 250 * time.Millisecond
	shortestHeartbeat = 10 * time.Millisecond
	heartbeatsPerTTL  = 20
)

// Bounds on what is read, in bytes.
const (
	maxHoldLine    = 64 << 10
	maxEventLine   = 16 << 20 // a part of the state has many locks
	maxAnswer      = 64 << 20 // a page of a list has up to listPage locks
	maxProblem     = 1 << 20
	maxHeaderBytes = 64 << 10
	maxKeyFile     = 1 << 10
	listPage       = 200
	maxNoticeQueue = 16 // calls of OnQueued and OnJeopardy that wait for a slow one
)
