package store

import (
	"errors"
	"runtime"

	"github.com/hashicorp/raft"
)

// raft panics where an entry cannot be read and where a term cannot be written: a stack trace and an exit code of its own, in the middle
// of an orderly end whose cause has been told to Fatal already. Behind these two wrappers the goroutine of raft that asked ends
// instead, without a word, and runs what it has deferred. Nobody needs raft any more by then.
type (
	silentLog    struct{ raft.LogStore }
	silentStable struct{ *Stable }
)

var (
	_ raft.LogStore          = silentLog{}
	_ raft.MonotonicLogStore = silentLog{}
	_ raft.StableStore       = silentStable{}
)

// IsMonotonic passes on what the store says.
func (s silentLog) IsMonotonic() bool {
	m, ok := s.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// GetLog reads an entry. If it returns, the entry was read or is not there.
func (s silentLog) GetLog(index uint64, out *raft.Log) error {
	err := s.LogStore.GetLog(index, out)
	if err != nil && !errors.Is(err, raft.ErrLogNotFound) {
		runtime.Goexit()
	}
	return err
}

// SetUint64 writes a number. If it returns after a current term, that was written.
func (s silentStable) SetUint64(key []byte, val uint64) error {
	err := s.Stable.SetUint64(key, val)
	if err != nil && string(key) == keyCurrentTerm {
		runtime.Goexit()
	}
	return err
}
