package chaos_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/internal/chaos"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/store"
)

// replay is what the committed log of a group says, applied once more in an empty state.
type replay struct {
	replicas int
	entries  int         // applied
	before   lease.Token // granted before what was replayed; 0: nothing was
	granted  map[lease.Token]lease.Event
	ended    map[lease.Token]lease.Event
	faults   []string
}

func (r *replay) String() string {
	return fmt.Sprintf("%d entries replayed of %d equal logs, with %d grants", r.entries, r.replicas, len(r.granted))
}

func (r *replay) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// replayGroup kills all nodes of a group once its members have all applied the same, compares their logs, and applies what they have in
// common.
func replayGroup(t *testing.T, g *chaos.Group) *replay {
	t.Helper()
	leader := g.Leader()
	upTo := leader.Get("/v1/cluster").Want(t, 200).Body.Applied
	var members []*chaos.Node
	for _, m := range leader.Members() {
		for _, n := range running(g) {
			if m.Role != "agent" && m.Address == n.Peer {
				members = append(members, n)
			}
		}
	}
	for _, n := range members {
		chaos.Until(t, 20*time.Second, n.Name+" to apply what the Raft leader has", func() error {
			if a := n.Get("/v1/cluster"); a.Status != 200 || a.Body.Applied < upTo {
				return fmt.Errorf("want index %d: %s", upTo, a)
			}
			return nil
		})
	}
	for _, n := range running(g) {
		n.Kill()
	}
	r := &replay{replicas: len(members), granted: map[lease.Token]lease.Event{}, ended: map[lease.Token]lease.Event{}}
	r.apply(t, r.longest(t, members, upTo), upTo)
	return r
}

// log is what the disk of one member has.
type diskLog struct {
	snapshot uint64 // index of the newest one; 0: none
	state    []byte // of that
	first    uint64
	entries  map[uint64]*raft.Log
}

// longest reads the logs of all members, and returns the one that begins first.
func (r *replay) longest(t *testing.T, members []*chaos.Node, upTo uint64) *diskLog {
	t.Helper()
	var best *diskLog
	for _, n := range members {
		one := readDisk(t, n.Dir, upTo)
		if best != nil {
			r.same(n.Name, best, one)
		}
		if best == nil || one.first < best.first {
			best = one
		}
	}
	if best == nil {
		t.Fatal("the group has no member that runs")
	}
	return best
}

// same compares what two logs have in common.
func (r *replay) same(name string, a, b *diskLog) {
	for i, x := range a.entries {
		if y := b.entries[i]; y != nil && (x.Term != y.Term || x.Type != y.Type || !bytes.Equal(x.Data, y.Data)) {
			r.fault("%s has another entry than the others at index %d", name, i)
			return
		}
	}
}

func readDisk(t *testing.T, path string, upTo uint64) *diskLog {
	t.Helper()
	d, err := store.OpenOffline(path, store.Options{Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	one := &diskLog{entries: map[uint64]*raft.Log{}}
	one.readSnapshot(t, d)
	_, _, log := d.RaftStores()
	first, err := log.FirstIndex()
	if err != nil {
		t.Fatal(err)
	}
	last, err := log.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	one.first = first
	for i := first; i <= min(last, upTo); i++ {
		var entry raft.Log
		if err := log.GetLog(i, &entry); err != nil {
			t.Fatalf("entry %d of %s: %v", i, path, err)
		}
		one.entries[i] = &entry
	}
	if last < upTo && one.snapshot < upTo {
		t.Errorf("the log in %s ends at %d, and %d was applied", path, last, upTo)
	}
	return one
}

func (l *diskLog) readSnapshot(t *testing.T, d *store.Dir) {
	t.Helper()
	snapshots, err := d.Snapshots(hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	all, err := snapshots.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		return
	}
	meta, content, err := snapshots.Open(all[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(content); err != nil {
		t.Fatal(err)
	}
	l.snapshot, l.state = meta.Index, b.Bytes()
}

// apply applies entries, checks the state after each, and follows who holds what: no two at a time, and tokens rise.
func (r *replay) apply(t *testing.T, l *diskLog, upTo uint64) {
	t.Helper()
	state, next := lease.New(), uint64(1)
	if l.first > 1 {
		var err error
		if state, err = lease.Restore(bytes.NewReader(l.state)); err != nil {
			t.Fatal(err)
		}
		next = l.snapshot + 1
	}
	m := model{replay: r, holders: map[string]lease.Token{}, whole: l.first <= 1}
	for ; next <= upTo; next++ {
		log := l.entries[next]
		switch {
		case log == nil:
			t.Fatalf("no entry %d in a log that begins at %d, with a snapshot of %d", next, l.first, l.snapshot)
		case log.Type != raft.LogCommand:
			continue
		}
		e, err := lease.DecodeEntry(log.Data)
		if err != nil {
			t.Fatalf("entry %d: %v", next, err)
		}
		_, events := state.Apply(next, log.Term, e)
		r.entries++
		if err := state.Check(); err != nil {
			t.Fatalf("after entry %d: %v", next, err)
		}
		for i := range events {
			m.happened(next, &events[i])
		}
	}
}

// model is who holds what, by events alone.
type model struct {
	*replay
	last    lease.Token
	holders map[string]lease.Token
	whole   bool // from the beginning: whoever ends has begun
}

// sharedName is the one lock that tests of a changing group take shared: see tell.
const sharedName = "locks/readers"

func fullName(e *lease.Event) string {
	if e.Space == lease.Elections {
		return "elections/" + e.Name
	}
	return "locks/" + e.Name
}

func (m *model) happened(index uint64, e *lease.Event) {
	name := fullName(e)
	switch e.Kind {
	case lease.EventGranted:
		if other := m.holders[name]; other != 0 && name != sharedName {
			m.fault("%s: at index %d token %d was granted while %d held it", name, index, e.Token, other)
		}
		if m.last == 0 && !m.whole {
			m.before = e.Token - 1
		}
		if e.Token <= m.last {
			m.fault("%s: at index %d token %d was granted after %d", name, index, e.Token, m.last)
		}
		m.last, m.holders[name] = e.Token, e.Token
		m.granted[e.Token] = *e
	case lease.EventReleased, lease.EventExpired, lease.EventRevoked, lease.EventDisconnected, lease.EventForced:
		if m.whole && m.holders[name] != e.Token && name != sharedName {
			m.fault("%s: at index %d token %d ended, and %d held it", name, index, e.Token, m.holders[name])
		}
		delete(m.holders, name)
		m.ended[e.Token] = *e
	}
}

// compare looks for all that clients were told in the log.
func (tr *traffic) compare(r *replay) {
	tr.h.violations = append(tr.h.violations, r.faults...)
	for _, g := range tr.h.grants {
		tr.inLog(r, g.name, g.lease, g.token)
	}
	for _, s := range tr.steady {
		tr.inLog(r, s.path[len("/v1/"):], s.lease, s.token)
		if end, over := r.ended[lease.Token(s.token)]; over {
			tr.violate("%s was held to the end, and in the log token %d ended: %v", s.path, s.token, end.Kind)
		}
	}
	for _, k := range tr.keepers {
		for _, one := range k.kept {
			tr.inLog(r, "locks/"+one.name, one.lease, one.token)
			end, over := r.ended[lease.Token(one.token)]
			if lease.Token(one.token) > r.before && (over != one.released || over && end.Kind != lease.EventReleased) {
				tr.violate("%s: token %d was released: %v; in the log it ended: %v %v", one.name, one.token, one.released, over, end.Kind)
			}
		}
	}
}

// inLog looks for a grant in the part of the log that there is.
func (tr *traffic) inLog(r *replay, name, id string, token uint64) {
	if lease.Token(token) <= r.before {
		return
	}
	e, ok := r.granted[lease.Token(token)]
	if !ok || fullName(&e) != name || e.Lease != lease.ID(id) {
		tr.violate("%s: token %d was acknowledged to lease %s; the log has %s, lease %s", name, token, id, fullName(&e), e.Lease)
	}
}
