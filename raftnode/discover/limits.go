package discover

import "time"

const (
	// LookupTimeout bounds one search of one source, all its questions together.
	LookupTimeout = 3 * time.Second
	// MaxAddresses bounds what one search finds, over all sources. More is a fault.
	MaxAddresses = 200
	// MaxFileBytes bounds a file of addresses. More is a fault.
	MaxFileBytes = 64 << 10
	// maxFaults bounds the faults of one source; the rest are counted.
	maxFaults = 8
	// questionsAtOnce bounds the names of one source that are looked up at the same time.
	questionsAtOnce = 16
	maxHost         = 253 // bytes of a DNS name
)
