package lease

import (
	"fmt"
	"testing"
	"time"
)

// TestHoldersNeverExceedAnyHoldersLimit is property P1 in small: one rule for locks, shared locks and semaphores.
func TestHoldersNeverExceedAnyHoldersLimit(t *testing.T) {
	for _, c := range []struct {
		name  string
		held  []uint32 // limits of those that hold; 0 is shared
		limit uint32   // of the request
		want  bool
	}{
		{"a free lock", nil, 1, true},
		{"exclusive beside exclusive", []uint32{1}, 1, false},
		{"shared beside exclusive", []uint32{1}, 0, false},
		{"exclusive beside shared", []uint32{0}, 1, false},
		{"shared beside shared", []uint32{0, 0, 0}, 0, true},
		{"a place left in a semaphore", []uint32{3, 3}, 3, true},
		{"a full semaphore", []uint32{3, 3, 3}, 3, false},
		{"a higher limit does not lift the holders' own", []uint32{2, 2}, 5, false},
		{"a lower limit counts for the one that has it", []uint32{5, 5}, 2, false},
		{"a lower limit that still fits", []uint32{5, 5}, 3, true},
		{"shared within a semaphore's limit", []uint32{2}, 0, true},
		{"shared beyond a semaphore's limit", []uint32{2, 0}, 0, false},
		{"a semaphore among the shared", []uint32{0, 0}, 3, true},
		{"a semaphore too small for the shared", []uint32{0, 0}, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			for i, l := range c.held {
				r.held(r.do(acquire("db", fmt.Sprint("h", i), limit(l))))
			}
			got := r.do(acquire("db", "new", limit(c.limit)))
			if c.want {
				r.held(got)
				return
			}
			r.want(got, LockHeld)
			if len(got.Holders) != len(c.held) || got.RetryAfter != 15*time.Second {
				t.Fatalf("refusal tells %d holders, retry after %v", len(got.Holders), got.RetryAfter)
			}
			r.want(r.do(renew("db", "new")), LeaseExpired) // a refused acquire leaves nothing behind
		})
	}
}

func TestStricterLimitIsLiftedWhenItsHolderLeaves(t *testing.T) {
	r := newRig(t)
	r.held(r.do(acquire("db", "a", limit(2))))
	r.held(r.do(acquire("db", "b", limit(5))))
	r.queued(r.do(acquire("db", "c", limit(5), wait)), 1)
	r.queued(r.do(acquire("db", "d", limit(5), wait)), 2)
	r.do(release("db", "a"))
	r.wantHolders("db", "b", "c", "d")
}

func TestQueuedWriterHoldsBackLaterReaders(t *testing.T) {
	r := newRig(t)
	r.held(r.do(acquire("doc", "r1", shared)))
	r.queued(r.do(acquire("doc", "w", wait)), 1)
	r.queued(r.do(acquire("doc", "r2", shared, wait)), 2)
	r.want(r.do(acquire("doc", "r3", shared)), LockHeld)
	r.do(release("doc", "r1"))
	r.wantHolders("doc", "w")
	r.do(release("doc", "w"))
	r.wantHolders("doc", "r2")
}

func TestReadersBehindWriterEnterWhenItGivesUp(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*rig)
	}{
		{"hang-up", func(r *rig) { r.do(withdraw("doc", "w", 7)) }},
		{"release", func(r *rig) { r.do(release("doc", "w")) }},
		{"revocation", func(r *rig) { r.do(onLease(OpRevokeLease, "w")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.do(acquire("doc", "r1", shared))
			r.do(acquire("doc", "w", wait, attempt(7)))
			r.do(acquire("doc", "r2", shared, wait))
			r.do(acquire("doc", "r3", shared, wait))
			c.end(r)
			r.wantHolders("doc", "r1", "r2", "r3")
			r.wantQueue("doc")
		})
	}
}

// TestWaitersAreGrantedInOrderOfArrival is property P6.
func TestWaitersAreGrantedInOrderOfArrival(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a"))
	for i, name := range []string{"b", "c", "d"} {
		r.queued(r.do(acquire("db", name, wait)), i+1)
	}
	r.do(release("db", "c")) // leaves the queue
	r.queued(r.do(acquire("db", "e", wait)), 3)
	for _, next := range []string{"b", "d", "e"} {
		holder, _ := r.s.places.Get(r.s.name(nameKey{Locks, "db"}).holders[0])
		r.want(r.do(Command{Op: OpRelease, Space: Locks, Name: "db", Lease: holder.lease}), OK)
		r.wantHolders("db", next)
	}
}

// TestReleaseAndAcquireInOneEntryKeepTheOrder: a newcomer in the very entry of a release does not overtake.
func TestReleaseAndAcquireInOneEntryKeepTheOrder(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a"))
	r.do(acquire("db", "b", wait))
	got := r.together(release("db", "a"), acquire("db", "c"), acquire("db", "d", wait))
	r.want(got[1], LockHeld)
	r.queued(got[2], 1)
	r.wantHolders("db", "b")
}

func TestLocksAndElectionsHaveSeparateNames(t *testing.T) {
	r := newRig(t)
	r.held(r.do(acquire("x", "a")))
	r.held(r.do(campaign("x", "b")))
}

func TestEveryNameHasAMostOfHolders(t *testing.T) {
	s := New()
	settings := DefaultSettings()
	s.Apply(1, 1, Entry{Term: 1, Commands: []Command{{Op: OpBootstrap, Settings: &settings}, {Op: OpOpenSession}}})
	e := Entry{Term: 1}
	for i := range MaxHolders + 1 {
		c := acquire("x", fmt.Sprint("reader", i), shared)
		c.Session, c.Seq = 1, uint64(i+1)
		e.Commands = append(e.Commands, c)
	}
	results, _ := s.Apply(2, 1, e)
	if last := results[MaxHolders-1]; last.Code != OK {
		t.Fatalf("reader %d refused: %s", MaxHolders, last.Code)
	}
	if over := results[MaxHolders]; over.Code != LockHeld || len(over.Holders) != MaxListedHolders {
		t.Fatalf("reader %d: %q, %d holders listed", MaxHolders+1, over.Code, len(over.Holders))
	}
}
