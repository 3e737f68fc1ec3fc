package lease

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// populate makes a state with something of every kind in it.
func populate(r *rig) {
	r.t.Helper()
	r.do(create("s", metadata(Pair{"pod", "x"})))
	old := r.do(acquire("db", "s", minHold(time.Hour))).Token
	r.do(acquire("db", "b", wait, attempt(1)))
	r.do(release("db", "s", token(old)))
	r.do(acquire("doc", "r1", shared))
	r.do(acquire("doc", "r2", shared, limit(4)))
	r.do(acquire("doc", "w", wait))
	r.do(campaign("sched", "a", value("a:80")))
	r.do(campaign("sched", "c", value("c:80")))
	gone := r.do(acquire("gone", "gone")).Token
	r.do(force("gone", gone, because("stuck")))
	r.do(acquire("free", "f"))
	r.do(release("free", "f"))
	r.do(acquire("lost", "l", ttl(time.Second)))
	r.do(withdraw("lost", "nobody", 3, cancelling(r.seq+100)))
	r.pass(2 * time.Second)
}

// TestRestoredStateGoesOnLikeTheOriginal is property P18: replay of the log is snapshot and the rest.
func TestRestoredStateGoesOnLikeTheOriginal(t *testing.T) {
	r := newRig(t)
	populate(r)
	original := r.s
	r.restore()
	if original.Counts() != r.s.Counts() {
		t.Fatalf("counts %+v, were %+v", r.s.Counts(), original.Counts())
	}
	for step := range 30 {
		r.later(3 * time.Second)
		n := fmt.Sprint("new", step)
		c := r.number(acquire("db", n, wait))
		results := r.apply(c)
		want, _ := original.Apply(r.index, r.term, Entry{Term: r.term, Now: r.now, Wall: r.wall, Commands: []Command{c}})
		if fmt.Sprint(results) != fmt.Sprint(want) || original.Digest() != r.s.Digest() {
			t.Fatalf("step %d: %+v, want %+v", step, results, want)
		}
	}
}

// TestSnapshotDoesNotSeeLaterChanges: it may be written at any later time, from another goroutine.
func TestSnapshotDoesNotSeeLaterChanges(t *testing.T) {
	r := newRig(t)
	populate(r)
	snap := r.s.Snapshot()
	before := snapshotBytes(t, snap)
	index := snap.Index()
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			var b bytes.Buffer
			if _, err := snap.WriteTo(&b); err != nil || !bytes.Equal(b.Bytes(), before) {
				t.Errorf("a snapshot changed: %v", err)
			}
		})
		for i := range 50 {
			n := fmt.Sprint("x", r.index, "-", i)
			r.do(acquire("db", n, wait, metadata(Pair{"k", n})))
			r.do(renew("sched", "a", election, value(n)))
			r.pass(time.Second)
		}
	}
	writers.Wait()
	if !bytes.Equal(snapshotBytes(t, snap), before) || snap.Index() != index {
		t.Fatal("a snapshot changed")
	}
}

func TestEqualStatesWriteEqualBytes(t *testing.T) {
	a, b := newRig(t), newRig(t)
	populate(a)
	populate(b)
	if !bytes.Equal(snapshotBytes(t, a.s.Snapshot()), snapshotBytes(t, b.s.Snapshot())) {
		t.Fatal("two states of one history differ")
	}
	b.do(Command{Op: OpKeepAlive})
	if a.s.Digest() == b.s.Digest() {
		t.Fatal("states of two histories do not differ")
	}
}

// TestDamagedSnapshotIsRefused: every flipped bit, and every cut, is found.
func TestDamagedSnapshotIsRefused(t *testing.T) {
	r := newRig(t)
	populate(r)
	whole := snapshotBytes(t, r.s.Snapshot())
	for i := range whole {
		if _, err := Restore(bytes.NewReader(whole[:i])); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1 << (i % 8)
		if _, err := Restore(bytes.NewReader(damaged)); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewer) {
			t.Fatalf("bit flipped at %d: %v", i, err)
		}
	}
}

func TestSnapshotOfANewerVersionIsNotCalledCorrupt(t *testing.T) {
	whole := snapshotBytes(t, New().Snapshot())
	whole[len(snapshotMagic)-1] = formatLevels + 1
	if _, err := Restore(bytes.NewReader(whole)); !errors.Is(err, ErrNewer) {
		t.Fatal(err)
	}
}

// full refuses to be written to after a number of bytes.
type full struct{ left int }

var errFull = errors.New("full")

func (w *full) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestSnapshotTellsThatItCouldNotBeWritten(t *testing.T) {
	r := newRig(t)
	populate(r)
	size := len(snapshotBytes(t, r.s.Snapshot()))
	for _, room := range []int{0, size / 2, size - 1} {
		if _, err := r.s.Snapshot().WriteTo(&full{room}); !errors.Is(err, errFull) {
			t.Errorf("room for %d of %d bytes: %v", room, size, err)
		}
	}
}
