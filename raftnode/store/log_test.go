package store

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

func key(index uint64) []byte {
	k := make([]byte, 8)
	k[7] = byte(index)
	return k
}

func TestEntriesComeBackAsTheyWere(t *testing.T) {
	path := t.TempDir()
	d, rec := open(t, path)
	logs, _, log := d.stores()
	given := []*raft.Log{entry(1), {Index: 2, Term: 2, Type: raft.LogNoop}, {Index: 3, Term: 2, Type: raft.LogConfiguration, Data: bytes.Repeat([]byte{7}, 200<<10)}}
	before := []raft.Log{*given[0], *given[1], *given[2]}
	if err := logs.StoreLogs(given); err != nil {
		t.Fatal(err)
	}
	for i, want := range before {
		if !reflect.DeepEqual(*given[i], want) {
			t.Fatalf("StoreLogs changed the caller's entry %d", i+1)
		}
		for _, from := range []raft.LogStore{logs, log} {
			var got raft.Log
			if err := from.GetLog(want.Index, &got); err != nil {
				t.Fatal(err)
			}
			if got.Index != want.Index || got.Term != want.Term || got.Type != want.Type || !bytes.Equal(got.Data, want.Data) || !bytes.Equal(got.Extensions, want.Extensions) {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		}
	}
	var got raft.Log
	if err := logs.GetLog(4, &got); !errors.Is(err, raft.ErrLogNotFound) || len(rec.errs) != 0 {
		t.Fatalf("%v %v", err, rec.errs)
	}
	if m, ok := logs.(raft.MonotonicLogStore); !ok || !m.IsMonotonic() {
		t.Fatal("raft must empty the log when a snapshot is installed (guard 16)")
	}
}

// TestTamperedEntryIsNeverReturned changes each part of a stored entry, and puts
// an intact one in another's place.
func TestTamperedEntryIsNeverReturned(t *testing.T) {
	const last, victim = 100, 20 // old enough not to be looked at on opening: a snapshot covers it
	tamper := map[string]func(*bbolt.Bucket) error{
		"data": func(b *bbolt.Bucket) error {
			v := bytes.Clone(b.Get(key(victim)))
			at := bytes.Index(v, []byte{victim, 2, 3})
			v[at+1] ^= 4
			return b.Put(key(victim), v)
		},
		"swapped":   func(b *bbolt.Bucket) error { return b.Put(key(victim), bytes.Clone(b.Get(key(victim+1)))) },
		"cut":       func(b *bbolt.Bucket) error { return b.Put(key(victim), bytes.Clone(b.Get(key(victim))[:30])) },
		"empty":     func(b *bbolt.Bucket) error { return b.Put(key(victim), nil) },
		"extension": func(b *bbolt.Bucket) error { return flipBehind(b, "ext", 1) },
		"checksum":  func(b *bbolt.Bucket) error { return flipBehind(b, "ext", -1) },
		"version":   func(b *bbolt.Bucket) error { return flipBehind(b, "ext", -5) },
	}
	for what, f := range tamper {
		t.Run(what, func(t *testing.T) {
			path := t.TempDir()
			found(t, path, last)
			patchBolt(t, path, "logs", f)
			if err := refused(t, path); !strings.Contains(err.Error(), raftFile+", entry 20") {
				t.Fatalf("raft reads it when it starts, and panics: %v", err)
			}
			path = t.TempDir()
			found(t, path, last)
			cover(t, path, victim+5, "state")
			patchBolt(t, path, "logs", f)
			d, rec := open(t, path)
			logs, _, log := d.stores()
			var got raft.Log
			err := logs.GetLog(victim, &got)
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.Index != victim || !strings.Contains(err.Error(), raftFile) || !strings.Contains(err.Error(), "Way out") {
				t.Fatalf("%v, entry %+v", err, got)
			}
			if got.Data != nil {
				t.Fatalf("the damaged entry was handed out: %+v", got)
			}
			if len(rec.errs) != 1 || !errors.Is(rec.errs[0], err) {
				t.Fatalf("fatal: %v", rec.errs)
			}
			if err := log.StoreLog(entry(last + 1)); !errors.Is(err, corrupt) || len(rec.errs) != 1 {
				t.Fatalf("a store went on after a fatal error: %v", err)
			}
		})
	}
}

// flipBehind flips a bit at an offset from a text in entry 20.
func flipBehind(b *bbolt.Bucket, text string, offset int) error {
	v := bytes.Clone(b.Get(key(20)))
	v[bytes.LastIndex(v, []byte(text))+offset] ^= 16
	return b.Put(key(20), v)
}

func TestTamperedNewEntryIsRefusedOnOpening(t *testing.T) {
	path := t.TempDir()
	found(t, path, 30)
	patchBolt(t, path, "logs", func(b *bbolt.Bucket) error { return flipBehind(b, "ext", 0) })
	var corrupt *CorruptError
	if err := refused(t, path); !errors.As(err, &corrupt) || corrupt.Index != 20 {
		t.Fatal(err)
	}
}

// faulty is a backend whose disk fails on request.
type faulty struct {
	Backend
	fail    error
	deletes [][2]uint64
	during  func()
}

func (f *faulty) StoreLogs(l []*raft.Log) error {
	if f.during != nil {
		f.during()
	}
	if f.fail != nil {
		return f.fail
	}
	return f.Backend.StoreLogs(l)
}

func (f *faulty) Set(k, v []byte) error {
	if f.fail != nil {
		return f.fail
	}
	return f.Backend.Set(k, v)
}

func (f *faulty) DeleteRange(min, max uint64) error {
	f.deletes = append(f.deletes, [2]uint64{min, max})
	if f.fail != nil {
		return f.fail
	}
	return f.Backend.DeleteRange(min, max)
}

func TestFailedWriteIsFatalAndNeverRetried(t *testing.T) {
	disk := errors.New("input/output error")
	uses := map[string]func(*Log, *Stable) error{
		"StoreLogs":   func(l *Log, _ *Stable) error { return l.StoreLog(entry(11)) },
		"DeleteRange": func(l *Log, _ *Stable) error { return l.DeleteRange(1, 2) },
		"Set":         func(_ *Log, s *Stable) error { return s.Set([]byte("k"), []byte("v")) },
		"SetUint64":   func(_ *Log, s *Stable) error { return s.SetUint64([]byte(keyCurrentTerm), 9) },
		"vote": func(_ *Log, s *Stable) error {
			return errors.Join(s.SetUint64([]byte(keyLastVoteTerm), 9), s.Set([]byte(keyLastVoteCand), []byte("n")))
		},
	}
	for what, use := range uses {
		t.Run(what, func(t *testing.T) {
			rec := &recorder{}
			f := &faulty{Backend: raft.NewInmemStore()}
			l := NewLog(f, "raft.db", LogOptions{Fatal: rec.fatal})
			s := NewStable(l)
			if err := l.StoreLogs(entries(1, 10)); err != nil {
				t.Fatal(err)
			}
			f.fail = disk
			if err := use(l, s); !errors.Is(err, disk) || len(rec.errs) != 1 {
				t.Fatalf("%v; fatal %v", err, rec.errs)
			}
			f.fail = nil
			if err := use(l, s); !errors.Is(err, disk) || len(rec.errs) != 1 {
				t.Fatalf("tried again: %v; fatal %v", err, rec.errs)
			}
			var e raft.Log
			if err := l.GetLog(1, &e); !errors.Is(err, disk) {
				t.Fatalf("still read: %v", err)
			}
		})
	}
}

func TestUseAfterCloseIsNotFatal(t *testing.T) {
	d, rec := open(t, t.TempDir())
	logs, stable, _ := d.stores()
	shut(t, d)
	var e raft.Log
	_, getErr := stable.Get([]byte("k"))
	for _, err := range []error{logs.GetLog(1, &e), stable.Set([]byte("k"), nil), getErr, d.SetPromise(Promise{Nodes: []string{"a"}, Voters: 1}), d.SetJoined("x"), d.Close()} {
		if err != nil && !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	}
	if err := logs.StoreLog(entry(1)); err == nil || len(rec.errs) != 0 {
		t.Fatalf("%v; fatal %v", err, rec.errs)
	}
}

func TestBusyShowsEachStoreLogs(t *testing.T) {
	f := &faulty{Backend: raft.NewInmemStore()}
	fsyncs := 0
	l := NewLog(f, "raft.db", LogOptions{Fatal: func(err error) { t.Error(err) }, OnFsync: func(s float64, n int) { fsyncs += n }})
	if epoch, _, busy := l.Busy(); busy || epoch != 0 {
		t.Fatal("busy before the first StoreLogs")
	}
	calls := 0
	l.OnBusy(func() {
		calls++
		if epoch, since, busy := l.Busy(); !busy || epoch != uint64(calls) || since.IsZero() {
			t.Errorf("call %d: epoch %d, busy %v", calls, epoch, busy)
		}
	})
	f.during = func() {
		if epoch, _, busy := l.Busy(); !busy || epoch != uint64(calls) {
			t.Errorf("within: epoch %d of %d, busy %v", epoch, calls, busy)
		}
	}
	for i := range uint64(3) {
		if err := l.StoreLogs(entries(2*i+1, 2*i+2)); err != nil {
			t.Fatal(err)
		}
		if epoch, _, busy := l.Busy(); busy || epoch != i+1 {
			t.Fatalf("after: epoch %d, busy %v", epoch, busy)
		}
	}
	if calls != 3 || fsyncs != 6 {
		t.Fatalf("%d calls, %d entries synced", calls, fsyncs)
	}
}

func TestCompactionGoesFromTheFrontInChunks(t *testing.T) {
	f := &faulty{Backend: raft.NewInmemStore()}
	l := NewLog(f, "raft.db", LogOptions{Fatal: func(err error) { t.Error(err) }})
	if err := l.StoreLogs(entries(1, 3*DeleteChunk)); err != nil {
		t.Fatal(err)
	}
	if err := l.DeleteRange(1, 2*DeleteChunk+5); err != nil {
		t.Fatal(err)
	}
	want := [][2]uint64{{1, DeleteChunk}, {DeleteChunk + 1, 2 * DeleteChunk}, {2*DeleteChunk + 1, 2*DeleteChunk + 5}}
	if !reflect.DeepEqual(f.deletes, want) {
		t.Fatalf("deleted %v", f.deletes)
	}
}

func TestConflictingTailGoesInOneTransaction(t *testing.T) {
	for _, from := range []uint64{1, 2, DeleteChunk} {
		f := &faulty{Backend: raft.NewInmemStore()}
		l := NewLog(f, "raft.db", LogOptions{Fatal: func(err error) { t.Error(err) }})
		if err := l.StoreLogs(entries(1, 3*DeleteChunk)); err != nil {
			t.Fatal(err)
		}
		if err := l.DeleteRange(from, 3*DeleteChunk); err != nil {
			t.Fatal(err)
		}
		if len(f.deletes) != 1 {
			t.Fatalf("a tail went in %d parts: %v", len(f.deletes), f.deletes)
		}
	}
}

func TestCompactionAcrossAGapCostsNoEmptyTransactions(t *testing.T) {
	d, rec := open(t, t.TempDir())
	logs, _, log := d.stores()
	if err := logs.StoreLogs(append(entries(1, 5), entries(1_000_000, 1_000_010)...)); err != nil {
		t.Fatal(err)
	}
	f := &faulty{Backend: log.inner}
	log.inner = f
	if err := logs.DeleteRange(1, 1_000_002); err != nil || len(rec.errs) != 0 {
		t.Fatal(err, rec.errs)
	}
	if first, err := logs.FirstIndex(); err != nil || first != 1_000_003 || len(f.deletes) > 2 {
		t.Fatalf("first %d, %v; deleted %v", first, err, f.deletes)
	}
}
