package lease

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"
	"testing"
	"time"
)

// checkDecoded fails unless an error is one of the two that a reader can act on.
func checkDecoded(t *testing.T, err error) bool {
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewer) {
		t.Fatalf("neither corrupt nor newer: %v", err)
	}
	return err == nil
}

// FuzzDecode: no bytes make a decoder panic, and what it accepts has one meaning, however it was spelled.
func FuzzDecode(f *testing.F) {
	entry, result, answer, query := filled[Entry](), filled[Result](), filled[Answer](), filled[Query]()
	for _, seed := range [][]byte{AppendEntry(nil, &entry), AppendCommand(nil, &entry.Commands[0]), AppendResult(nil, &result),
		AppendAnswer(nil, &answer), AppendQuery(nil, &query), AppendEntry(nil, &Entry{}), {entryVersion + 1}, {}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := DecodeEntry(b); checkDecoded(t, err) {
			again, err := DecodeEntry(AppendEntry(nil, &e))
			checkSame(t, e, again, err)
		}
		if c, _, err := DecodeCommand(b); checkDecoded(t, err) {
			again, rest, err := DecodeCommand(AppendCommand(nil, &c))
			checkSame(t, c, again, err)
			checkSame(t, 0, len(rest), nil)
		}
		if r, _, err := DecodeResult(b); checkDecoded(t, err) {
			again, rest, err := DecodeResult(AppendResult(nil, &r))
			checkSame(t, r, again, err)
			checkSame(t, 0, len(rest), nil)
		}
		if q, err := DecodeQuery(b); checkDecoded(t, err) {
			again, err := DecodeQuery(AppendQuery(nil, &q))
			checkSame(t, q, again, err)
		}
		if a, err := DecodeAnswer(b); checkDecoded(t, err) {
			again, err := DecodeAnswer(AppendAnswer(nil, &a))
			checkSame(t, a, again, err)
		}
	})
}

func checkSame(t *testing.T, got, again any, err error) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(got, again) {
		t.Fatalf("%v\n%+v\n%+v", err, got, again)
	}
}

// FuzzRestore: a snapshot of any content, even one whose checksum is right, is refused or makes a possible state, which
// then works.
func FuzzRestore(f *testing.F) {
	r := newRig(f)
	f.Add(snapshotBytes(f, New().Snapshot()))
	f.Add(snapshotBytes(f, r.s.Snapshot()))
	populate(r)
	f.Add(snapshotBytes(f, r.s.Snapshot()))
	r.apply(raise(2)) // where there is such a level
	f.Add(snapshotBytes(f, r.s.Snapshot()))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, withChecksum(b)} {
			s, err := Restore(bytes.NewReader(b))
			if !checkDecoded(t, err) {
				continue
			}
			if err := s.Check(); err != nil {
				t.Fatalf("restored into an impossible state: %v", err)
			}
			exercise(t, s)
		}
	})
}

// withChecksum corrects the checksum of a snapshot that was tampered with, as far as it can be read.
func withChecksum(b []byte) []byte {
	b = bytes.Clone(b)
	for at := len(snapshotMagic); at < len(b); {
		size, n := binary.Uvarint(b[at+1:])
		if n <= 0 || size > uint64(len(b)) {
			return b
		}
		if body := at + 1 + n; b[at] == recLast && size == 4 && body+4 <= len(b) {
			binary.BigEndian.PutUint32(b[body:], crc32.Checksum(b[:at], castagnoli))
			return b
		}
		at += 1 + n + int(size)
	}
	return b
}

// exercise lets a state live for a while: nothing may panic, and it stays a possible one.
func exercise(t *testing.T, s *State) {
	settings := DefaultSettings()
	term, index, now := uint64(1), s.Index(), s.Now()
	step := func(d time.Duration, commands ...Command) []Result {
		now = now.Add(d)
		index++
		results, _ := s.Apply(index, term, Entry{Term: term, Now: now, Commands: commands})
		if err := s.Check(); err != nil {
			t.Fatalf("broken after %v: %v", commands, err)
		}
		return results
	}
	session := step(0, Command{Op: OpBootstrap, Settings: &settings}, Command{Op: OpOpenSession})[1].Session
	seq := uint64(0)
	for _, c := range []Command{acquire("db", "x", wait), acquire("db", "b", wait), release("db", "s", token(1001)), release("db", "s"), force("db", 1001),
		force("doc", 1003), renew("sched", "a", election), onLease(OpRevokeLease, "w"), onLease(OpRevokeLease, "s")} {
		seq++
		c.Session, c.Seq = session, seq
		step(time.Second, c)
	}
	for _, k := range allNames {
		s.Answer(Query{Kind: QueryName, Space: k.space, Name: k.name})
	}
	s.Answer(Query{Kind: QueryNames, Space: Locks, Limit: MaxListLimit})
	step(20 * time.Second)
	step(25 * time.Hour)
	if s.deadlines.Len() != 0 {
		t.Fatalf("%d deadlines are left after a day", s.deadlines.Len())
	}
}

// FuzzApply: no entry that decodes can make the state panic or break an invariant.
func FuzzApply(f *testing.F) {
	for _, commands := range [][]Command{
		{acquire("db", "a"), acquire("db", "b", wait, attempt(1)), release("db", "a"), withdraw("db", "b", 1, keep)},
		{create("s"), acquire("db", "s"), release("db", "s", token(firstToken+1)), onLease(OpRenewLease, "s"), onLease(OpRevokeLease, "s")},
		{campaign("e", "a", value("v")), campaign("e", "b"), renew("e", "a", election, value("w")), force("e", firstToken+1, immediate)},
		{raise(2), acquire("db", "a"), raise(3), raise(1)},
		{acquire("db", "a", minHold(time.Minute)), force("db", firstToken+1), acquire("db", "b", wait, limit(3)), {Op: OpKeepAlive, Renewals: []Renewal{{Lease: id("b")}}}},
	} {
		e := Entry{Term: 1, Now: Time(time.Second), Wall: 5}
		for i, c := range commands {
			c.Session, c.Seq = 1, uint64(i+1)
			e.Commands = append(e.Commands, c)
		}
		f.Add(AppendEntry(nil, &e), uint8(0))
		f.Add(AppendEntry(nil, &e), uint8(30))
	}
	boot := filled[Entry]()
	for op := OpOpenSession; OpLevel(op) == 1; op++ {
		boot.Commands[0].Op, boot.Commands[0].Session = op, 1
		f.Add(AppendEntry(nil, &boot), uint8(op))
	}
	f.Fuzz(func(t *testing.T, b []byte, seconds uint8) {
		e, err := DecodeEntry(b)
		if err != nil {
			return
		}
		e.Term = 1
		r := newRig(t)
		populate(r)
		for range 2 {
			r.s.Apply(r.s.Index()+1, 1, e)
			r.check()
			r.pass(time.Duration(seconds) * time.Second)
			e.Now = r.s.Now()
			for i := range e.Commands {
				e.Commands[i].Seq += 100
			}
		}
		r.index = r.s.Index()
		r.restore()
		r.pass(25 * time.Hour)
	})
}
