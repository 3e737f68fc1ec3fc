package lease

import "time"

// Limits on one request. They are part of the protocol: equal on every node of every version.
const (
	MaxNameLen       = 128
	MaxOwnerLen      = 256              // bytes of printable UTF-8
	MaxMetadataBytes = 4 << 10          // keys and values together
	MaxValueBytes    = 1 << 10          // an election's value
	MaxReasonLen     = 256              // bytes, the reason of a forced release
	MinLeaseIDLen    = 22               // characters; 22 of 64 symbols are 132 bits
	MaxLeaseIDLen    = 64               //
	MaxTTL           = 24 * time.Hour   //
	MaxWait          = 24 * time.Hour   //
	MaxMinHold       = 24 * time.Hour   //
	MaxHolders       = 10_000           // of one name, whatever its mode; the greatest limit of a semaphore
	MaxAttempts      = 8                // attempts attached to one place; the oldest is dropped
	MaxListLimit     = 1000             // names in one answer to a list
	MaxShown         = 1000             // holders, and waiters, in the answer to a question about one name
	MaxPageBytes     = 1 << 20          // of a list, about: the page ends early and says where to go on
	MaxListedHolders = 16               // holders shown of each name in a list
	DefaultListLimit = 100              //
	WaitingTTL       = 10 * time.Second // the longest TTL of an implicit lease while its request waits
	MaxKeepAlive     = 1024             // leases in one KeepAlive command
)

// What is remembered, and how long, in cluster time.
const (
	HistoryLength     = 32               // events of a name, and as many that were not plain grants and releases
	SessionTimeout    = 60 * time.Second // a sidecar session without commands
	MaxSessionWindow  = 1 << 14          // remembered results of one session
	MaxSessions       = 1024             // sidecar sessions; the one idle longest gives way
	ReleasedRing      = 16               // tokens an explicit lease remembers having released
	RememberReleased  = 60 * time.Second // an ended lease that was released
	RememberEnded     = time.Hour        // an ended lease that was not
	MaxRememberedEnds = 1_000_000        // ended leases of either kind
)

// Bounds that no honest group comes near. They keep sums of times and the counting of tokens from overflowing,
// whatever an entry or a snapshot says.
const (
	maxClock = Time(1) << 62    // 146 years of cluster time
	maxToken = Token(1)<<53 - 1 // what JSON carries exactly
)

// Settings are the limits that an operator may choose, once, when the group is made. Apply depends on them, so they are
// in the log and not in a flag.
type Settings struct {
	MinTTL     time.Duration // shortest TTL accepted; at least twice the election timeout
	MaxLeases  uint64
	MaxBytes   uint64 // of names, owners, metadata and values
	MaxWaiters uint64 // in the queue of one name
	MaxFree    uint64 // free names remembered for their history
}

// DefaultSettings returns the settings of the API page.
func DefaultSettings() Settings {
	return Settings{MinTTL: time.Second, MaxLeases: 1_000_000, MaxBytes: 1 << 30, MaxWaiters: 1000, MaxFree: 10_000}
}
