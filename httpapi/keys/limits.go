package keys

// Bounds on a file of keys, and on what a key is.
const (
	MinKeyBytes  = 32      // of a key: as `openssl rand -hex 16` has, at the least
	MaxKeyBytes  = 256     // of a key
	MaxNameBytes = 31      // of a key's name: less than the shortest key, so that a key in its place is refused and not logged
	MaxKeys      = 256     // in a file: each request is compared with all
	MaxPrefixes  = 32      // of a key: a list reads the names below each
	MaxFileBytes = 1 << 20 // of a file
	maxFaults    = 20      // of a file that are reported one by one; the rest are counted
	maxShown     = 8       // prefixes that a refusal lists; the rest are counted
)
