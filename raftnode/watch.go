package raftnode

import (
	"sync"

	"github.com/sidelock/sidelock/lease"
)

// spot is a lease's place at a name; without a lease it is the name itself.
type spot struct {
	space lease.Space
	name  string
	lease lease.ID
}

// interest is what somebody waits to hear of: the next thing that happens at a spot, beyond what he knows.
type interest struct {
	spot
	standing lease.Standing // of the lease, as he knows it
	index    uint64         // without a lease: of the name's last change, as he knows it
}

// outdated tells whether something has happened already.
func (i interest) outdated(s *lease.State) bool {
	if i.lease == "" {
		return s.IndexOf(i.space, i.name) > i.index
	}
	standing, alive := s.PlaceOf(i.space, i.name, i.lease)
	return !alive || standing != i.standing
}

// watchers are those who wait for something to happen to a spot: requests of this node that wait in line, and, on
// the Raft leader, the other sidecars on behalf of theirs. A wake-up is a hint to look again, and given once.
type watchers struct {
	mu    sync.Mutex
	spots map[spot]map[*watcher]struct{}
}

type watcher struct {
	interest
	wake func() // must not block
}

func newWatchers() *watchers { return &watchers{spots: map[spot]map[*watcher]struct{}{}} }

// add registers a call for the next thing that happens. Look at the state after adding, not before: what happened in
// between would be missed.
func (w *watchers) add(i interest, wake func()) *watcher {
	one := &watcher{i, wake}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.spots[i.spot] == nil {
		w.spots[i.spot] = map[*watcher]struct{}{}
	}
	w.spots[i.spot][one] = struct{}{}
	return one
}

// remove takes a watcher back; it may have been woken already.
func (w *watchers) remove(one *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.spots[one.spot], one)
	if len(w.spots[one.spot]) == 0 {
		delete(w.spots, one.spot)
	}
}

// wake wakes those whom events concern.
func (w *watchers) wake(events []lease.Event) {
	for i := range events {
		e := &events[i]
		w.take(spot{e.Space, e.Name, ""}, e.Kind)
		w.take(spot{e.Space, e.Name, e.Lease}, e.Kind)
	}
}

func (w *watchers) take(at spot, kind lease.EventKind) {
	w.mu.Lock()
	var woken []*watcher
	for one := range w.spots[at] {
		if one.concerns(kind) {
			woken = append(woken, one)
			delete(w.spots[at], one)
		}
	}
	if len(w.spots[at]) == 0 {
		delete(w.spots, at)
	}
	w.mu.Unlock()
	for _, one := range woken {
		one.wake()
	}
}

// concerns leaves out what is known already: a follower applies late, and tells a lease of its own coming.
func (i interest) concerns(kind lease.EventKind) bool {
	return i.lease == "" || kind != lease.EventQueued && (kind != lease.EventGranted || i.standing != lease.Holding)
}

// wakeAll wakes everybody: the state was replaced, or this node no longer knows what happens.
func (w *watchers) wakeAll() {
	w.mu.Lock()
	all := w.spots
	w.spots = map[spot]map[*watcher]struct{}{}
	w.mu.Unlock()
	for _, spots := range all {
		for one := range spots {
			one.wake()
		}
	}
}

// outdated tells whether something has happened already, as this node's state has it.
func (n *Node) outdated(i interest) (yes bool) {
	n.machine.read(func(s *lease.State) { yes = i.outdated(s) })
	return yes
}

// watch rings once when something may have happened beyond what is known, or when nobody can tell any more. ring must not
// block; stop takes the watch back. The Raft leader is asked, since followers apply late; a follower's own state wakes too.
func (n *Node) watch(i interest, ring func()) (stop func()) {
	local := n.machine.watch.add(i, ring)
	if n.reigning() != nil {
		if n.outdated(i) {
			ring()
		}
		return func() { n.machine.watch.remove(local) }
	}
	l, err := n.leaderLink()
	if err != nil {
		ring() // nobody to ask: the next request waits for a Raft leader
		return func() { n.machine.watch.remove(local) }
	}
	remote := l.watch(i, ring)
	return func() {
		remote()
		n.machine.watch.remove(local)
	}
}

// bell rings at most once until it is heard.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}
