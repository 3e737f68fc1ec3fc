package store

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Backend is what Log and Stable stand on: raft-boltdb's store, or one in memory
// where a simulation wants none of the disk.
type Backend interface {
	raft.LogStore
	raft.StableStore
}

// LogOptions is what a Log needs from outside.
type LogOptions struct {
	// Fatal is called once, with the first error after which the process must
	// end. It may be called on any goroutine of raft, so it must not wait for
	// raft to stop. Required.
	Fatal func(error)
	// OnFsync, if set, is told how long each StoreLogs took and how many entries it wrote.
	OnFsync func(seconds float64, entries int)
}

// Log is Raft's log with its guards: checksums, an end at the first error, the
// busy epoch, bounded deletes. All methods are safe for concurrent use, as raft
// needs it: one goroutine stores while others read and one compacts.
type Log struct {
	inner   Backend
	file    string
	fail    *failure
	onFsync func(seconds float64, entries int)
	storing sync.Mutex // one StoreLogs at a time, so that epochs do not overlap
	busy    busyness
}

var (
	_ raft.LogStore          = (*Log)(nil)
	_ raft.MonotonicLogStore = (*Log)(nil)
)

// NewLog puts the guards around a backend. file is what messages call it.
func NewLog(inner Backend, file string, o LogOptions) *Log {
	return newLog(inner, file, newFailure(o.Fatal), o.OnFsync)
}

func newLog(inner Backend, file string, fail *failure, onFsync func(float64, int)) *Log {
	return &Log{inner: inner, file: file, fail: fail, onFsync: onFsync}
}

// IsMonotonic is true, so that raft empties the log when a snapshot is installed. It would leave what is there otherwise, below a gap, and among
// that what another Raft leader never committed; a node that comes to lead later sends it to new members, who apply it (guard 16).
// raft-boltdb says nothing of itself, for it takes entries behind a gap.
func (l *Log) IsMonotonic() bool { return true }

// FirstIndex returns the lowest index stored, 0 if there is none.
func (l *Log) FirstIndex() (uint64, error) { return l.index(l.inner.FirstIndex) }

// LastIndex returns the highest index stored, 0 if there is none.
func (l *Log) LastIndex() (uint64, error) { return l.index(l.inner.LastIndex) }

func (l *Log) index(read func() (uint64, error)) (index uint64, err error) {
	err = l.do(readLog, func() (err error) { index, err = read(); return err })
	return index, err
}

// GetLog reads and verifies one entry. raft.ErrLogNotFound is an answer; any
// other error has gone to Fatal.
func (l *Log) GetLog(index uint64, out *raft.Log) error {
	if err := l.fail.check(); err != nil {
		return err
	}
	err := l.read(index, out)
	if err == nil || errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	return l.fail.report(err)
}

// read is GetLog without consequences.
func (l *Log) read(index uint64, out *raft.Log) error {
	var stored raft.Log
	watched := l.fail.begin(l.file, readLog)
	err := protect(l.file, func() error { return l.inner.GetLog(index, &stored) })
	watched.end()
	var corrupt *CorruptError
	switch {
	case errors.Is(err, raft.ErrLogNotFound):
		return err
	case errors.As(err, &corrupt):
		corrupt.Index = index
		return err
	case err != nil:
		return &CorruptError{File: l.file, Index: index, Reason: fmt.Sprintf("cannot be read: %v", err), Err: err}
	}
	if err := unseal(&stored, index); err != nil {
		return &CorruptError{File: l.file, Index: index, Reason: err.Error(), Err: err}
	}
	*out = stored
	return nil
}

// StoreLog stores one entry; see StoreLogs.
func (l *Log) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs stores the entries, sealed, in one transaction that is on disk when
// it returns nil. It leaves the entries as they are. Any error has gone to Fatal.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	l.storing.Lock()
	defer l.storing.Unlock()
	start := time.Now()
	epoch := l.busy.begin(start)
	defer l.busy.end(epoch)

	sealed := make([]*raft.Log, len(entries))
	for i, e := range entries {
		sealed[i] = seal(e)
	}
	if err := l.do(writeLog, func() error { return l.inner.StoreLogs(sealed) }); err != nil {
		return err
	}
	if l.onFsync != nil {
		l.onFsync(time.Since(start).Seconds(), len(entries))
	}
	return nil
}

// What is done to the backend.
var (
	readLog    = task{what: "a read of the log", read: true}
	writeLog   = task{what: "a write to the log"}
	trimLog    = task{what: "a removal of log entries"}
	readState  = task{what: "a read of Raft's term or vote", read: true}
	writeState = task{what: "a write of Raft's term or vote"}
)

// do runs one use of the backend; its error, or its panic, ends the store, and so does one that does not come back.
func (l *Log) do(t task, f func() error) error {
	if err := l.fail.check(); err != nil {
		return err
	}
	watched := l.fail.begin(l.file, t)
	err := protect(l.file, f)
	watched.end()
	if err == nil {
		return nil
	}
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) {
		err = &DiskError{File: l.file, Read: t.read, Err: err}
	}
	return l.fail.report(err)
}
