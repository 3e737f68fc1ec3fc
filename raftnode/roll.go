package raftnode

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/sidelock/sidelock/raftnode/peer"
)

// roll is who forwards requests to this node, which they take for the Raft leader: every other sidecar of the group, member or agent,
// keeps such a connection, and pings over it. It is how a leader knows who is there, what they are like and how far they are. Nothing of
// it is replicated: a new leader has it anew within a ping.
type roll struct {
	mu  sync.Mutex
	all map[string]*entry
}

// entry is one sidecar on the roll.
type entry struct {
	hello   peer.Hello
	links   int       // open
	since   time.Time // when it came, or came back
	pinged  time.Time
	leaving bool
	last    logEnd // of its log, as it noted it down
}

// logEnd is the last entry of a log.
type logEnd struct{ index, term uint64 }

// rollMemory is how long a sidecar that has gone is remembered.
const rollMemory = 30 * time.Second

func (r *roll) come(h peer.Hello) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]*entry{}
	}
	for id, e := range r.all {
		if e.links == 0 && time.Since(e.pinged) > rollMemory {
			delete(r.all, id)
		}
	}
	e := r.all[h.NodeID]
	if e == nil || e.hello.Life.Instance != h.Life.Instance {
		e = &entry{since: time.Now()}
		r.all[h.NodeID] = e
	} else if e.links == 0 {
		e.since = time.Now()
	}
	e.hello, e.pinged = h, time.Now()
	e.links++
}

func (r *roll) leave(h peer.Hello) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.all[h.NodeID]; e != nil && e.hello.Life.Instance == h.Life.Instance {
		e.links--
	}
}

// ping takes in what a sidecar says of itself, again and again.
func (r *roll) ping(h peer.Hello, p ping) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.all[h.NodeID]; e != nil && e.hello.Life.Instance == h.Life.Instance {
		e.pinged, e.leaving, e.last = time.Now(), p.leaving, p.last
	}
}

// present are the sidecars that are connected, by ID.
func (r *roll) present() (hellos []peer.Hello) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.all {
		if e.links > 0 {
			hellos = append(hellos, e.hello)
		}
	}
	slices.SortFunc(hellos, func(a, b peer.Hello) int { return cmp.Compare(a.NodeID, b.NodeID) })
	return hellos
}

// hello is the last one of a sidecar.
func (r *roll) hello(id string) (peer.Hello, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.all[id]
	if e == nil {
		return peer.Hello{}, false
	}
	return e.hello, true
}

// look returns a copy of a sidecar's entry.
func (r *roll) look(id string) (entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.all[id]
	if e == nil {
		return entry{}, false
	}
	return *e, true
}

// entries returns copies of all entries, by ID.
func (r *roll) entries() (all []entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.all {
		all = append(all, *e)
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.hello.NodeID, b.hello.NodeID) })
	return all
}

// linked tells whether a sidecar's process is connected, and was heard of lately.
func (r *roll) linked(id string) bool {
	e, ok := r.look(id)
	return ok && e.links > 0 && time.Since(e.pinged) < linkedFor
}
