package store

import "time"

const (
	// DeleteChunk is how many entries one transaction removes from the front of
	// the log. bbolt has one writer: a 45,000-entry delete held StoreLogs up for
	// 69 ms, this many for about 2 ms.
	DeleteChunk = 1024

	// CachedEntries is the capacity of the log cache. An entry holds at most
	// 256 KiB of commands, so the cache holds at most 16 MiB.
	CachedEntries = 64

	// RetainedSnapshots is how many snapshots are kept.
	RetainedSnapshots = 2

	// CheckedEntries is how many of the newest entries are read and verified
	// when a directory is opened; the others are verified when they are used.
	CheckedEntries = 64

	// StallLimit is how long one use of the disk may take; then the disk is given
	// up, and the process with it. Long before, the transport has fallen silent.
	StallLimit = 30 * time.Second

	// MaxReplaced bounds how many cluster IDs are remembered from before recoveries.
	MaxReplaced = 16

	// MaxPeers bounds peers.json.
	MaxPeers = 1024

	// MaxListed bounds the promised list of founding members.
	MaxListed = 64

	// maxRecordBytes bounds the small JSON files when they are read.
	maxRecordBytes = 1 << 20

	// boltLockTimeout bounds the wait for bbolt's own lock on raft.db. The
	// directory's lock comes first, so only a foreign tool can hold it.
	boltLockTimeout = 2 * time.Second
)
