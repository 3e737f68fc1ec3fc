package raftnode

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
)

// ledger is what the replicas of a group applied: the committed log, compared entry by entry as each applies it.
type ledger struct {
	t       *testing.T
	mu      sync.Mutex
	entries map[uint64]*page
	digests map[uint64]uint64 // of the state after an index
	seen    map[string]uint64 // how many digests each replica has been compared by
}

type page struct {
	term  uint64
	data  []byte
	first time.Time // when any replica applied it
}

const digestEvery = 7 // entries; a digest of everything after each would take most of the time

func newLedger(t *testing.T) *ledger {
	return &ledger{t: t, entries: map[uint64]*page{}, digests: map[uint64]uint64{}, seen: map[string]uint64{}}
}

// applied is called by each replica for each entry (P14, P18).
func (l *ledger) applied(host string, log *raft.Log, s *lease.State) {
	l.mu.Lock()
	p := l.entries[log.Index]
	switch {
	case p == nil:
		l.entries[log.Index] = &page{log.Term, slices.Clone(log.Data), time.Now()}
	case p.term != log.Term || !bytes.Equal(p.data, log.Data):
		l.t.Errorf("%s applied another entry than the rest at index %d", host, log.Index)
	}
	l.mu.Unlock()
	if log.Index%digestEvery == 0 {
		l.digest(host, s)
	}
}

func (l *ledger) digest(host string, s *lease.State) {
	d := s.Digest()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[host]++
	if before, ok := l.digests[s.Index()]; ok && before != d {
		l.t.Errorf("%s: another state than the rest at index %d", host, s.Index())
	}
	l.digests[s.Index()] = d
}

// tale is the log told again by an independent replica.
type tale struct {
	state   *lease.State
	entries map[uint64]lease.Entry
	results map[uint64][]lease.Result
	events  []told
	ignored int // entries of another term
	at      map[uint64]time.Time
}

type told struct {
	lease.Event
	index uint64
	at    time.Time // when the first replica applied it, in real time
}

// replay applies the whole log in a fresh state, checks every invariant of the state machine after each entry (P1, P6,
// P7) and each digest that a replica had there (P18). look is called after each entry, if not nil. Half way it goes on
// from a snapshot.
func (l *ledger) replay(look func(index uint64, s *lease.State)) *tale {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	indexes := []uint64{}
	for i := range l.entries {
		indexes = append(indexes, i)
	}
	slices.Sort(indexes)
	r := &tale{state: lease.New(), entries: map[uint64]lease.Entry{}, results: map[uint64][]lease.Result{}, at: map[uint64]time.Time{}}
	for n, i := range indexes {
		p := l.entries[i]
		e, err := lease.DecodeEntry(p.data)
		if err != nil {
			l.t.Fatalf("index %d: %v", i, err)
		}
		results, events := r.state.Apply(i, p.term, e)
		if results == nil {
			r.ignored++
		}
		r.entries[i], r.results[i], r.at[i] = e, results, p.first
		for _, ev := range events {
			r.events = append(r.events, told{ev, i, p.first})
		}
		if err := r.state.Check(); err != nil {
			l.t.Fatalf("index %d: %v", i, err)
		}
		if d, ok := l.digests[i]; ok && d != r.state.Digest() {
			l.t.Errorf("index %d: the log told again comes to another state", i)
		}
		if look != nil {
			look(i, r.state)
		}
		if n == len(indexes)/2 {
			r.state = throughSnapshot(l.t, r.state)
		}
	}
	return r
}

func throughSnapshot(t *testing.T, s *lease.State) *lease.State {
	t.Helper()
	var b bytes.Buffer
	if _, err := s.Snapshot().WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	again, err := lease.Restore(&b)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// pick returns what the commands chosen came to, in the order of the log; repeats are told by their index.
func (r *tale) pick(choose func(*lease.Command) bool) (found []lease.Result) {
	indexes := []uint64{}
	for i := range r.entries {
		indexes = append(indexes, i)
	}
	slices.Sort(indexes)
	for _, i := range indexes {
		for k := range r.results[i] {
			if choose(&r.entries[i].Commands[k]) {
				found = append(found, r.results[i][k])
			}
		}
	}
	return found
}

// has tells whether the entry at the result's index gave this very result to a command of this lease.
func (r *tale) has(want lease.Result, id lease.ID) error {
	e, ok := r.entries[want.Index]
	if !ok {
		return fmt.Errorf("answered from index %d, which nobody applied", want.Index)
	}
	near := lease.Result{}
	for k, res := range r.results[want.Index] {
		if e.Commands[k].Lease != id {
			continue
		}
		near = res
		if reflect.DeepEqual(plain(res), plain(want)) {
			return nil
		}
	}
	return fmt.Errorf("answered from index %d:\n got %+v\n log %+v", want.Index, want, near)
}

// plain makes an empty and an absent list the same, as the wire does. Created is not the log's alone: of a grant that was
// waited for, the sidecar that claims it says so.
func plain(r lease.Result) lease.Result {
	r.Created = false
	if len(r.Holders) == 0 {
		r.Holders = nil
	}
	if len(r.Metadata) == 0 {
		r.Metadata = nil
	}
	if len(r.Places) == 0 {
		r.Places = nil
	}
	for i := range r.Holders {
		if len(r.Holders[i].Metadata) == 0 {
			r.Holders = slices.Clone(r.Holders)
			r.Holders[i].Metadata = nil
		}
	}
	return r
}
