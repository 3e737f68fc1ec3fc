package lease

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"
)

// TestCheckFindsWhatIsBroken: an invariant that Check does not see is no invariant. Each case breaks one thing in a
// state that has something of every kind.
func TestCheckFindsWhatIsBroken(t *testing.T) {
	firstLease := func(s *State) record { _, r, _ := s.leases.Min(); return r }
	firstPlace := func(s *State) place { _, p, _ := s.places.Min(); return p }
	doc := nameKey{Locks, "doc"}
	for _, c := range []struct {
		name string
		harm func(*State)
	}{
		{"clock below zero", func(s *State) { s.clock = -1 }},
		{"token out of bounds", func(s *State) { s.token = 1 << 60 }},
		{"lease past its deadline", func(s *State) { s.clock += Time(20 * time.Second) }},
		{"lease under another ID", func(s *State) { s.leases.Set(id("stranger"), firstLease(s)) }},
		{"lease without a deadline in the order", func(s *State) { r := firstLease(s); s.deadlines.Delete(deadline{at: r.deadline, lease: r.id}) }},
		{"lease that outlives its ttl", func(s *State) { r := firstLease(s); s.prolong(&r, r.ttl+1) }},
		{"lease without a ttl", func(s *State) { r := firstLease(s); r.ttl = 0; s.leases.Set(r.id, r) }},
		{"lease alive and ended", func(s *State) { r := firstLease(s); s.rememberEnd(&r, &place{}, Expired, "") }},
		{"lease with a place of nobody", func(s *State) {
			r := firstLease(s)
			r.explicit, r.places = true, append(r.places, 1<<40)
			s.leases.Set(r.id, r)
		}},
		{"lease with one place twice", func(s *State) {
			r := firstLease(s)
			r.explicit, r.places = true, append(r.places, r.places...)
			s.leases.Set(r.id, r)
		}},
		{"implicit lease without a place", func(s *State) { r := firstLease(s); r.places = nil; s.leases.Set(r.id, r) }},
		{"place kept under another number", func(s *State) { s.places.Set(1<<40, firstPlace(s)) }},
		{"place from the future", func(s *State) { s.serial = 0 }},
		{"token from the future", func(s *State) { s.token = firstToken }},
		{"place at another name", func(s *State) { p := firstPlace(s); p.name = "elsewhere"; s.places.Set(p.id, p) }},
		{"place in no space", func(s *State) { p := firstPlace(s); p.space = 9; s.places.Set(p.id, p) }},
		{"place taken for ever", func(s *State) { p := firstPlace(s); p.until = maxClock; s.places.Set(p.id, p) }},
		{"place of another lease", func(s *State) {
			n := s.name(doc)
			p, _ := s.places.Get(n.queue[0])
			p.lease = id("a")
			s.places.Set(p.id, p)
		}},
		{"deadline of nothing", func(s *State) { s.deadlines.Set(deadline{at: maxClock, place: 77}) }},
		{"holder lost", func(s *State) { n := s.name(doc); n.holders = n.holders[1:]; s.setName(doc, n) }},
		{"holder twice", func(s *State) {
			n := s.name(doc)
			n.holders = append([]uint64{n.holders[0]}, n.holders...)
			s.setName(doc, n)
		}},
		{"holders out of order", func(s *State) { n := s.name(doc); n.holders = []uint64{n.holders[1], n.holders[0]}; s.setName(doc, n) }},
		{"holder beyond a limit", func(s *State) { p, _ := s.places.Get(s.name(doc).holders[0]); p.limit = 1; s.places.Set(p.id, p) }},
		{"strictest limit forgotten", func(s *State) { n := s.name(doc); n.strictest, n.strictestN = 0, 0; s.setName(doc, n) }},
		{"waiter lost", func(s *State) { n := s.name(doc); n.queue = nil; s.setName(doc, n) }},
		{"waiter that could hold", func(s *State) { n := s.name(doc); p, _ := s.places.Get(n.queue[0]); p.limit = 0; s.places.Set(p.id, p) }},
		{"queue out of order", func(s *State) {
			k := nameKey{Locks, "queue"}
			n := s.name(k)
			n.queue = []uint64{n.queue[1], n.queue[0]}
			s.setName(k, n)
		}},
		{"free name in use", func(s *State) { s.free.Set(1, doc) }},
		{"free name lost", func(s *State) { s.free.PopMin() }},
		{"counts", func(s *State) { s.used.waiting++ }},
		{"bytes", func(s *State) { s.bytes++ }},
		{"end without an order", func(s *State) { s.endOrder[0].PopMin() }},
		{"end in another order", func(s *State) { serial, _, _ := s.endOrder[0].Min(); s.endOrder[0].Set(serial, id("x")) }},
		{"session from the future", func(s *State) { s.session = 0 }},
		{"answers of no session", func(s *State) { s.results.Set(remembered{99, 1, &Result{}}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			populate(r)
			r.do(acquire("queue", "q1"))
			r.do(acquire("queue", "q2", wait))
			r.do(acquire("queue", "q3", wait))
			c.harm(r.s)
			err := r.s.Check()
			if err == nil {
				t.Fatal("not seen")
			}
			t.Log(err)
			if _, err := Restore(bytes.NewReader(snapshotBytes(t, r.s.Snapshot()))); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("a snapshot of it: %v", err)
			}
		})
	}
}

// TestReaderThatFailsIsNotCalledCorrupt: a failing disk is another trouble than a damaged file.
func TestReaderThatFailsIsNotCalledCorrupt(t *testing.T) {
	r := newRig(t)
	populate(r)
	whole := snapshotBytes(t, r.s.Snapshot())
	for _, at := range []int{len(snapshotMagic), len(snapshotMagic) + 1, len(whole) / 2, len(whole) - 2} {
		broken := io.MultiReader(bytes.NewReader(whole[:at]), iotest.ErrReader(errFull))
		if _, err := Restore(broken); !errors.Is(err, errFull) || errors.Is(err, ErrCorrupt) {
			t.Errorf("broken at %d: %v", at, err)
		}
	}
}
