package raftnode

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
)

// machine applies committed entries to the replicated state. Raft calls it from one goroutine; readers come from any.
type machine struct {
	mu    sync.RWMutex
	state *lease.State

	applied  atomic.Uint64 // index of the last command applied
	clock    atomic.Int64  // cluster time of the state
	deadline atomic.Int64  // the next one; 0 if none is pending
	level    atomic.Uint32 // the group's feature level
	leading  atomic.Uint64 // the term in which this node serves as Raft leader; 0: none

	broken   atomic.Pointer[error] // why nothing can be applied any more
	shortest atomic.Int64          // the group's shortest TTL; 0 before it is known
	retain   retention
	trim     func(keep uint64) // before a snapshot; nil: not at all

	configured func(index uint64, c raft.Configuration) // told of each one that is committed; nil: nobody

	watch    *watchers
	feed     feed
	leads    *leads
	boot     func() time.Duration // the boot clock
	recorder Recorder
	fatal    func(error)
	spy      spy
}

// spy lets tests see what a replica does. Both are called with the state locked, and may be nil.
type spy struct {
	applied  func(l *raft.Log, s *lease.State)
	restored func(s *lease.State)
}

var (
	_ raft.FSM                = (*machine)(nil)
	_ raft.ConfigurationStore = (*machine)(nil)
)

func newMachine(rec Recorder, clock Clock, fatal func(error)) *machine {
	m := &machine{state: lease.New(), watch: newWatchers(), leads: newLeads(), boot: clock.Boot, recorder: rec, fatal: fatal}
	m.publish()
	return m
}

// Apply applies one entry and returns its []lease.Result, nil if the entry was ignored, or an error.
func (m *machine) Apply(l *raft.Log) any {
	entry, err := lease.DecodeEntry(l.Data)
	if err != nil {
		m.giveUp(fmt.Errorf("log entry %d cannot be applied: %w", l.Index, err))
	}
	if broken := m.broken.Load(); broken != nil {
		return *broken // a state with a hole must not go on: it would differ from the others'
	}
	m.retain.add(len(l.Data))
	m.mu.Lock()
	results, events := m.state.Apply(l.Index, l.Term, entry)
	m.feed.add(l.Index, events)
	m.publish() // who reads how far this is, finds the events of it
	if m.spy.applied != nil {
		m.spy.applied(l, m.state)
	}
	m.mu.Unlock()
	m.leads.happened(events, m.boot())
	m.watch.wake(events)
	if m.leading.Load() == l.Term { // each event is counted on one node, once
		m.record(events)
	}
	return results
}

// StoreConfiguration implements raft.ConfigurationStore. Nothing is stored; the log has it.
func (m *machine) StoreConfiguration(index uint64, c raft.Configuration) {
	if m.configured != nil {
		m.configured(index, c)
	}
}

// giveUp is the end: nothing is applied any more, and the process must end.
func (m *machine) giveUp(err error) {
	err = wayOut(err)
	m.broken.Store(&err)
	m.fatal(err)
}

// publish copies what others read without the lock. The lock is held.
func (m *machine) publish() {
	m.applied.Store(m.state.Index())
	m.clock.Store(int64(m.state.Now()))
	m.level.Store(m.state.Level())
	next, ok := m.state.NextDeadline()
	if !ok {
		next = 0
	}
	m.deadline.Store(int64(next))
	if set, ok := m.state.Settings(); ok {
		m.shortest.Store(int64(set.MinTTL))
	}
}

func (m *machine) record(events []lease.Event) {
	for i := range events {
		e := &events[i]
		kind := strings.TrimSuffix(e.Space.String(), "s")
		switch e.Kind {
		case lease.EventGranted:
			m.recorder.Granted(kind, e.Name, e.Waited.Seconds())
		case lease.EventExpired:
			m.recorder.GrantEnded(kind, e.Name, e.Reason.String())
			m.recorder.ExpiryLateness(e.Late.Seconds())
		case lease.EventReleased, lease.EventRevoked, lease.EventDisconnected, lease.EventForced:
			m.recorder.GrantEnded(kind, e.Name, e.Reason.String())
		}
	}
}

// nextDeadline returns the next deadline of the state; false if none is pending.
func (m *machine) nextDeadline() (lease.Time, bool) {
	d := m.deadline.Load()
	return lease.Time(d), d != 0
}

// read calls f with the state, which stands still meanwhile.
func (m *machine) read(f func(*lease.State)) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	f(m.state)
}

func (m *machine) answer(q lease.Query) (a lease.Answer) {
	m.read(func(s *lease.State) { a = s.Answer(q) })
	return a
}

// Snapshot takes a copy-on-write clone; applying goes on at once.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	if broken := m.broken.Load(); broken != nil {
		return nil, *broken
	}
	if m.trim != nil {
		m.trim(m.retain.keep())
	}
	m.mu.Lock() // a clone marks shared nodes, which readers must not see half done
	defer m.mu.Unlock()
	return frozen{m.state.Snapshot()}, nil
}

// Restore replaces the state by that of a snapshot of the log. It builds the new one first, then swaps.
func (m *machine) Restore(src io.ReadCloser) error {
	defer src.Close()
	state, err := lease.Restore(src)
	if err != nil { // raft would try an older snapshot, from which the log has a gap
		m.giveUp(fmt.Errorf("the snapshot cannot be used: %w", err))
		return *m.broken.Load()
	}
	m.mu.Lock()
	m.state = state
	m.publish()
	m.feed.restart(state.Index())
	m.leads.replaced(state, m.boot())
	if m.spy.restored != nil {
		m.spy.restored(m.state)
	}
	m.mu.Unlock()
	m.watch.wakeAll()
	return nil
}

// reset forgets everything: this node has no replica any more.
func (m *machine) reset() {
	m.mu.Lock()
	m.state = lease.New()
	m.publish()
	m.feed.restart(0)
	m.mu.Unlock()
	m.watch.wakeAll()
}

// frozen is a snapshot that raft writes out at its leisure.
type frozen struct{ snapshot lease.Snapshot }

var _ raft.FSMSnapshot = frozen{}

func (f frozen) Persist(sink raft.SnapshotSink) error {
	if _, err := f.snapshot.WriteTo(sink); err != nil {
		if cancel := sink.Cancel(); cancel != nil {
			return fmt.Errorf("%w (and the sink could not be cancelled: %w)", err, cancel)
		}
		return err
	}
	return sink.Close()
}

func (f frozen) Release() {}

// Recorder takes note of what operators want to see. Its methods are safe for concurrent use and do not block.
type Recorder interface {
	Commit(seconds float64)
	Batch(commands int)
	Fsync(seconds float64)
	LeaderChange()
	MembershipChange(kind string)              // added, promoted, demoted or removed, by this node as Raft leader
	Granted(kind, name string, waited float64) // kind is lock or election; waited is in seconds, 0 if it was free
	GrantEnded(kind, name, reason string)
	RenewalMargin(ratio float64)
	ExpiryLateness(seconds float64)
}
