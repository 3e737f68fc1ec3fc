package lease

import (
	"time"

	"github.com/tidwall/btree"
)

// State is the whole replicated state. Make one with New or Restore and change it by Apply alone.
type State struct {
	head
	tables

	// Of the Apply that is running.
	events []Event
	dirty  []nameKey // names whose queue may now have somebody to admit

	used usage // derived from the names
}

// usage counts what the names hold.
type usage struct {
	held    [2]int // names with a holder
	waiting int    // places in queues
}

func (u *usage) count(space Space, n *name, sign int) {
	if len(n.holders) > 0 {
		u.held[space-Locks] += sign
	}
	u.waiting += sign * len(n.queue)
}

// head is the state's scalars.
type head struct {
	index     uint64 // of the last applied entry
	clock     Time
	wall      int64 // Unix microseconds beside the clock, for people
	token     Token // the last one granted
	serial    uint64
	session   SessionID // the last one made
	swept     int64     // whole second of the clock at which idle sessions were last looked for
	bytes     uint64
	settings  Settings
	bootstrap bool // settings are set
	level     uint32
	added     // what higher levels keep
}

// tables is everything else: ordered maps that share structure with their copies, so that a snapshot is taken in
// microseconds. Values are never changed in place; slices in them are replaced, or appended to beyond what any copy
// can see.
type tables struct {
	leases    *btree.Map[ID, record]
	places    *btree.Map[uint64, place] // by serial, which rises: the order of queues
	names     [2]*btree.Map[string, name]
	deadlines *btree.BTreeG[deadline]
	ended     *btree.Map[ID, end]
	endOrder  [2]*btree.Map[uint64, ID] // by serial: those that were released, and the others
	free      *btree.Map[uint64, nameKey]
	sessions  *btree.Map[SessionID, session]
	results   *btree.BTreeG[remembered]
}

// record is a living lease.
type record struct {
	id       ID
	explicit bool
	owner    string
	ttl      time.Duration
	deadline Time
	renewed  Time
	metadata []Pair   // of an explicit lease; an implicit one's is its place's
	places   []uint64 // an implicit lease has exactly one
	released []Token  // of an explicit lease: the last ReleasedRing grants that it gave up itself
}

// place is a lease's place at a name: in the queue, or among the holders. The place of an ended holder may stay taken
// until a set time (min_hold, forced release); it then has until set.
type place struct {
	id       uint64
	space    Space
	name     string
	lease    ID
	owner    string
	limit    uint32
	minHold  time.Duration
	metadata []Pair
	value    string
	via      string
	queued   Time
	granted  Time // meaningful where token > 0
	wall     int64
	token    Token    // 0: waiting
	attempts []uint64 // of callers, that have not withdrawn; in the order of the log
	told     bool     // a caller who is no longer among the attempts knew that it holds, and may rely on it
	until    Time     // >0: the holder has ended, the place is free at that time
	ended    EndReason
	why      string
}

func (p *place) standing() Standing {
	if p.token > 0 {
		return Holding
	}
	return Waiting
}

func (p *place) key() nameKey { return nameKey{p.space, p.name} }

type nameKey struct {
	space Space
	name  string
}

// name is a lock or an election that is in use or remembered.
type name struct {
	holders    []uint64 // places, in the order of grants
	queue      []uint64 // places, first come first
	index      uint64   // log index of the last change of holders, queue or value
	strictest  uint32   // smallest limit of any holder; 0 if none has one
	strictestN int      // how many holders have it
	free       uint64   // serial in the free table; 0 while in use
	history    []past   // the last HistoryLength events and some older ones
	notable    []past   // the same of those that were not plain grants and releases
}

func (n *name) inUse() bool { return len(n.holders)+len(n.queue) > 0 }

// past is a remembered event of a name.
type past struct {
	kind  EventKind
	token Token
	owner string
	via   string
	at    Time
	wall  int64
	held  time.Duration
	quiet time.Duration
	why   string
}

// deadline orders what ends by itself: a lease, or the place of an ended holder.
type deadline struct {
	at    Time
	lease ID     // set for a lease
	place uint64 // set for a place
}

func deadlineLess(a, b deadline) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	if a.lease != b.lease {
		return a.lease < b.lease
	}
	return a.place < b.place
}

// end is what is remembered of a lease that has ended.
type end struct {
	reason EndReason
	at     Time
	serial uint64
	space  Space  // of an implicit lease
	name   string // of an implicit lease
	token  Token  // of an implicit lease that held
	why    string
}

func (e *end) order() int {
	if e.reason == Released {
		return 0
	}
	return 1
}

// New returns the empty state of a group that is not bootstrapped yet.
func New() *State { return &State{head: head{level: 1}, tables: newTables()} }

func newTables() tables {
	unlocked := btree.Options{NoLocks: true}
	return tables{
		leases:    new(btree.Map[ID, record]),
		places:    new(btree.Map[uint64, place]),
		names:     [2]*btree.Map[string, name]{new(btree.Map[string, name]), new(btree.Map[string, name])},
		deadlines: btree.NewBTreeGOptions(deadlineLess, unlocked),
		ended:     new(btree.Map[ID, end]),
		endOrder:  [2]*btree.Map[uint64, ID]{new(btree.Map[uint64, ID]), new(btree.Map[uint64, ID])},
		free:      new(btree.Map[uint64, nameKey]),
		sessions:  new(btree.Map[SessionID, session]),
		results:   btree.NewBTreeGOptions(rememberedLess, unlocked),
	}
}

// clone returns tables that will not see later changes. It takes constant time.
func (t *tables) clone() tables {
	return tables{
		leases:    t.leases.Copy(),
		places:    t.places.Copy(),
		names:     [2]*btree.Map[string, name]{t.names[0].Copy(), t.names[1].Copy()},
		deadlines: t.deadlines.Copy(),
		ended:     t.ended.Copy(),
		endOrder:  [2]*btree.Map[uint64, ID]{t.endOrder[0].Copy(), t.endOrder[1].Copy()},
		free:      t.free.Copy(),
		sessions:  t.sessions.Copy(),
		results:   t.results.Copy(),
	}
}

func (t *tables) space(s Space) *btree.Map[string, name] { return t.names[s-Locks] }

func (t *tables) name(k nameKey) name {
	n, _ := t.space(k.space).Get(k.name)
	return n
}

// placeAt returns the lease's place at a name.
func (t *tables) placeAt(r *record, k nameKey) (place, bool) {
	for _, id := range r.places {
		if p, _ := t.places.Get(id); p.space == k.space && p.name == k.name {
			return p, true
		}
	}
	return place{}, false
}

func (s *State) setName(k nameKey, n name) {
	before, _ := s.space(k.space).Set(k.name, n)
	s.used.count(k.space, &before, -1)
	s.used.count(k.space, &n, +1)
}

func (s *State) next() uint64 {
	s.serial++
	return s.serial
}

// Index returns the log index of the last applied entry.
func (s *State) Index() uint64 { return s.index }

// Now returns the cluster time of the last applied entry.
func (s *State) Now() Time { return s.clock }

// LastToken returns the last fencing token granted, or the floor that the next one exceeds.
func (s *State) LastToken() Token { return s.token }

// Settings returns the group's settings; false before they are in the log.
func (s *State) Settings() (Settings, bool) { return s.settings, s.bootstrap }

// NextDeadline returns when the next lease or place ends by itself; false if nothing does.
func (s *State) NextDeadline() (Time, bool) {
	d, ok := s.deadlines.Min()
	return d.at, ok
}

// Counts are the sizes of the state, equal on all replicas at an index.
type Counts struct {
	Leases, LocksHeld, ElectionsLed, Waiters, Sessions, Remembered int
	Bytes                                                          uint64
}

// Counts returns the sizes of the state in constant time.
func (s *State) Counts() Counts {
	return Counts{Leases: s.leases.Len(), LocksHeld: s.used.held[0], ElectionsLed: s.used.held[1], Waiters: s.used.waiting,
		Sessions: s.sessions.Len(), Remembered: s.ended.Len(), Bytes: s.bytes}
}
