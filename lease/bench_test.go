package lease

import (
	"fmt"
	"io"
	"testing"
	"time"
)

const manyLeases = 100_000

// crowd makes a state in which many leases hold a lock each.
func crowd(b *testing.B, count int) (*State, []ID) {
	b.Helper()
	s := New()
	settings := DefaultSettings()
	s.Apply(1, 1, Entry{Term: 1, Commands: []Command{{Op: OpBootstrap, Settings: &settings}, {Op: OpOpenSession, Node: "n1"}}})
	ids := make([]ID, count)
	for i := range ids {
		ids[i] = id(fmt.Sprintf("lease-%d", i))
		c := Command{Op: OpAcquire, Space: Locks, Name: fmt.Sprintf("lock-%d", i), Lease: ids[i], Owner: "owner", TTL: time.Hour, Limit: 1}
		apply(s, uint64(i+1), c)
	}
	return s, ids
}

// apply applies one command in an entry of its own; earlier answers are forgotten, as by a sidecar that has them.
func apply(s *State, seq uint64, c Command) Result {
	c.Identity = Identity{Session: 1, Seq: seq, Low: seq}
	results, _ := s.Apply(s.Index()+1, 1, Entry{Term: 1, Now: s.Now() + 1000, Commands: []Command{c}})
	return results[0]
}

// BenchmarkAcquireRelease is the plain cycle with a fresh lease each time, an entry a command, beside 100,000 held locks.
func BenchmarkAcquireRelease(b *testing.B) {
	s, _ := crowd(b, manyLeases)
	names := make([]ID, 1024)
	seq := uint64(manyLeases)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%len(names) == 0 {
			b.StopTimer()
			for j := range names {
				names[j] = id(fmt.Sprintf("fresh-%d", i+j))
			}
			b.StartTimer()
		}
		lease := names[i%len(names)]
		if r := apply(s, seq+1, Command{Op: OpAcquire, Space: Locks, Name: "hot", Lease: lease, Owner: "o", TTL: time.Minute, Limit: 1}); r.Code != OK {
			b.Fatal(r.Code)
		}
		if r := apply(s, seq+2, Command{Op: OpRelease, Space: Locks, Name: "hot", Lease: lease}); r.Code != OK {
			b.Fatal(r.Code)
		}
		seq += 2
	}
}

// BenchmarkRenew renews one of 100,000 leases after the other, 512 in an entry as under load; a unit is one renewal.
func BenchmarkRenew(b *testing.B) {
	s, ids := crowd(b, manyLeases)
	const batch = 512
	names := make([]string, len(ids))
	for i := range names {
		names[i] = fmt.Sprintf("lock-%d", i)
	}
	seq := uint64(manyLeases)
	b.ReportAllocs()
	commands := make([]Command, 0, batch)
	for i := 0; b.Loop(); i++ {
		seq++
		commands = append(commands, Command{Identity: Identity{Session: 1, Seq: seq, Low: seq - min(seq, batch)}, Op: OpRenew, Space: Locks,
			Name: names[i%len(ids)], Lease: ids[i%len(ids)]})
		if len(commands) < batch {
			continue
		}
		results, _ := s.Apply(s.Index()+1, 1, Entry{Term: 1, Now: s.Now() + 1000, Commands: commands})
		if results[batch-1].Code != OK {
			b.Fatal(results[batch-1].Code)
		}
		commands = commands[:0]
	}
}

// BenchmarkSnapshotClone is what a snapshot costs the apply loop.
func BenchmarkSnapshotClone(b *testing.B) {
	s, _ := crowd(b, manyLeases)
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Snapshot()
	}
}

// BenchmarkApplyAfterSnapshot is a renewal just after a snapshot was taken: the price of copying on write.
func BenchmarkApplyAfterSnapshot(b *testing.B) {
	s, ids := crowd(b, manyLeases)
	seq := uint64(manyLeases)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = s.Snapshot()
		seq++
		n := i * 7919 % len(ids)
		apply(s, seq, Command{Op: OpRenewLease, Lease: ids[n]})
	}
}

// BenchmarkSnapshotWrite streams 100,000 leases with their locks.
func BenchmarkSnapshotWrite(b *testing.B) {
	s, _ := crowd(b, manyLeases)
	snap := s.Snapshot()
	size, err := snap.WriteTo(io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := snap.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeEntry decodes a batch of 512 renewals, as each follower does.
func BenchmarkDecodeEntry(b *testing.B) {
	e := Entry{Term: 3, Now: 5, Wall: 1_763_846_400_000_000}
	for i := range uint64(512) {
		e.Commands = append(e.Commands, Command{Identity: Identity{Session: 7, Seq: 1_000_000 + i, Low: 999_000}, Op: OpRenew,
			Space: Locks, Name: "orders:nightly", Lease: id("lease")})
	}
	encoded := AppendEntry(nil, &e)
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeEntry(encoded); err != nil {
			b.Fatal(err)
		}
	}
}
