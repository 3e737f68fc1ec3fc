package raftnode

import (
	"testing"

	"github.com/sidelock/sidelock/lease"
)

func TestWatcherIsWokenOnceByWhatConcernsIt(t *testing.T) {
	w := newWatchers()
	count := map[string]int{}
	add := func(who string, at spot) *watcher {
		return w.add(interest{spot: at, standing: lease.Waiting}, func() { count[who]++ })
	}
	mine := spot{lease.Locks, "l", "lease-1"}
	add("mine", mine)
	add("also mine", mine)
	add("other name", spot{lease.Locks, "m", "lease-1"})
	add("other lease", spot{lease.Locks, "l", "lease-2"})
	add("election", spot{lease.Elections, "l", "lease-1"})
	gone := add("gone", mine)
	w.remove(gone)

	granted := []lease.Event{{Kind: lease.EventGranted, Space: lease.Locks, Name: "l", Lease: "lease-1"}}
	w.wake([]lease.Event{{Kind: lease.EventQueued, Space: lease.Locks, Name: "l", Lease: "lease-1"}})
	if len(count) != 0 {
		t.Errorf("its own enqueueing woke %v", count)
	}
	w.wake(granted)
	w.wake(granted)
	if len(count) != 2 || count["mine"] != 1 || count["also mine"] != 1 {
		t.Errorf("woken: %v", count)
	}
	w.wakeAll()
	w.wakeAll()
	for _, who := range []string{"other name", "other lease", "election", "mine"} {
		if count[who] != 1 {
			t.Errorf("%s was woken %d times", who, count[who])
		}
	}
	if count["gone"] != 0 || len(w.spots) != 0 {
		t.Errorf("%d spots are left, and who had gone was woken %d times", len(w.spots), count["gone"])
	}
	w.remove(gone)
}

func TestWatcherIsWokenByNewsAlone(t *testing.T) {
	mine := spot{lease.Locks, "l", "lease-1"}
	for _, c := range []struct {
		what string
		i    interest
		kind lease.EventKind
		want bool
	}{
		{"a waiter is granted", interest{spot: mine, standing: lease.Waiting}, lease.EventGranted, true},
		{"a holder's own grant, applied late", interest{spot: mine, standing: lease.Holding}, lease.EventGranted, false},
		{"a holder is forced out", interest{spot: mine, standing: lease.Holding}, lease.EventForced, true},
		{"a holder expires", interest{spot: mine, standing: lease.Holding}, lease.EventExpired, true},
		{"somebody comes to a name", interest{spot: spot{lease.Locks, "l", ""}}, lease.EventQueued, true},
		{"somebody is granted a name", interest{spot: spot{lease.Locks, "l", ""}}, lease.EventGranted, true},
	} {
		w, woken := newWatchers(), false
		one := w.add(c.i, func() { woken = true })
		w.wake([]lease.Event{{Kind: c.kind, Space: lease.Locks, Name: "l", Lease: "lease-1"}})
		if woken != c.want {
			t.Errorf("%s: woken %v", c.what, woken)
		}
		w.remove(one)
		if len(w.spots) != 0 {
			t.Errorf("%s: a spot is left", c.what)
		}
	}
}
