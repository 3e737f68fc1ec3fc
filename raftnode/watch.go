package raftnode

import (
	"sync"

	"github.com/sidelock/sidelock/lease"
)

// spot is a lease's place at a name.
type spot struct {
	space lease.Space
	name  string
	lease lease.ID
}

// watchers are those who wait for something to happen to a spot: requests of this node that wait in line, and, on
// the Raft leader, the other sidecars on behalf of theirs. A wake-up is a hint to look again, and given once.
type watchers struct {
	mu    sync.Mutex
	spots map[spot]map[*watcher]struct{}
}

type watcher struct {
	at   spot
	wake func() // must not block
}

func newWatchers() *watchers { return &watchers{spots: map[spot]map[*watcher]struct{}{}} }

// add registers a call for the next thing that happens at a spot. Look at the state after adding, not before: what
// happened in between would be missed.
func (w *watchers) add(at spot, wake func()) *watcher {
	one := &watcher{at, wake}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.spots[at] == nil {
		w.spots[at] = map[*watcher]struct{}{}
	}
	w.spots[at][one] = struct{}{}
	return one
}

// remove takes a watcher back; it may have been woken already.
func (w *watchers) remove(one *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.spots[one.at], one)
	if len(w.spots[one.at]) == 0 {
		delete(w.spots, one.at)
	}
}

// wake wakes those whom events concern.
func (w *watchers) wake(events []lease.Event) {
	for i := range events {
		e := &events[i]
		if e.Kind == lease.EventQueued {
			continue
		}
		w.take(spot{e.Space, e.Name, e.Lease})
	}
}

func (w *watchers) take(at spot) {
	w.mu.Lock()
	woken := w.spots[at]
	delete(w.spots, at)
	w.mu.Unlock()
	for one := range woken {
		one.wake()
	}
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
