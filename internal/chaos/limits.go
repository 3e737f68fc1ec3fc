package chaos

import "time"

// How long this package waits for what ought to happen. Nothing is measured by these: they only turn what never comes
// into a failure, so they are generous.
const (
	buildWithin  = 5 * time.Minute
	formWithin   = 60 * time.Second // from the first process to the last one's readiness
	leaderWithin = 30 * time.Second // until somebody leads and says so
	stopWithin   = 40 * time.Second // from SIGTERM to the end of a process
	askWithin    = 60 * time.Second // one request, unless the test says otherwise
	probeWithin  = 2 * time.Second  // one question to a process that may be anything
	pollEvery    = 10 * time.Millisecond

	shownLogLines = 60       // of each process, when a test fails
	maxAnswer     = 16 << 20 // bytes of one answer
)
