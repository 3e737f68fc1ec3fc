package store

import (
	"sync/atomic"
	"time"
)

// busyState is one look at whether the Raft goroutine is inside StoreLogs.
type busyState struct {
	epoch uint64
	since time.Time
	busy  bool
}

// busyness is written by the one goroutine that stores and read by any, without
// locks: the readers answer heartbeats and must not wait for a disk.
type busyness struct {
	state atomic.Pointer[busyState]
	onset atomic.Pointer[func()]
}

// begin opens the next epoch.
func (b *busyness) begin(now time.Time) *busyState {
	next := &busyState{epoch: 1, since: now, busy: true}
	if last := b.state.Load(); last != nil {
		next.epoch = last.epoch + 1
	}
	b.state.Store(next)
	if f := b.onset.Load(); f != nil {
		(*f)()
	}
	return next
}

// end closes the epoch that begin opened.
func (b *busyness) end(s *busyState) {
	b.state.Store(&busyState{epoch: s.epoch, since: s.since})
}

// Busy tells whether StoreLogs is running, since when, and in which epoch; each
// StoreLogs has its own epoch, and epochs rise. Two calls that both say busy
// with one epoch enclose a time in which the caller of StoreLogs did nothing
// else. Not busy: since is the start of the last StoreLogs. Safe from any goroutine.
func (l *Log) Busy() (epoch uint64, since time.Time, busy bool) {
	s := l.busy.state.Load()
	if s == nil {
		return 0, time.Time{}, false
	}
	return s.epoch, s.since, s.busy
}

// OnBusy has f called at the beginning of every StoreLogs, on its goroutine,
// after Busy has turned true. f must not block. A second OnBusy replaces the
// first; nil removes it.
func (l *Log) OnBusy(f func()) {
	if f == nil {
		l.busy.onset.Store(nil)
		return
	}
	l.busy.onset.Store(&f)
}
