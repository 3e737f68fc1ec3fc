package store

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// big makes a directory whose raft.db has branches, overflow pages and free pages.
func big(t *testing.T) (path string, content []byte) {
	t.Helper()
	path = t.TempDir()
	found(t, path, 900)
	d, _ := open(t, path)
	logs, stable, _ := d.stores()
	for i := uint64(901); i < 906; i++ {
		e := entry(i)
		e.Data = bytes.Repeat([]byte{byte(i)}, 20_000)
		if err := logs.StoreLog(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(logs.DeleteRange(880, 905), vote(stable, 3, "n_a")); err != nil {
		t.Fatal(err)
	}
	for i := uint64(880); i < 890; i++ {
		e := entry(i)
		e.Data = bytes.Repeat([]byte{byte(i)}, 9_000)
		if err := logs.StoreLog(e); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, d)
	return path, read(t, filepath.Join(path, raftFile))
}

func TestTruncatedFileIsRefusedAtEveryLength(t *testing.T) {
	path, content := big(t)
	file := filepath.Join(path, raftFile)
	used := usedBytes(t, file)
	lengths := []int{0, 1, 15, 16, 79, 80, 1023, 4095, 4096, 4097, 8191, 8192, 8193, used - 1, used - 4096, used / 2}
	for n := 4096; n < used; n += 4096 * 3 {
		lengths = append(lengths, n, n+100)
	}
	for _, n := range lengths {
		write(t, file, content[:n])
		var corrupt *CorruptError
		if err := refused(t, path); !errors.As(err, &corrupt) || !strings.Contains(err.Error(), raftFile) || !strings.Contains(err.Error(), "Way out") {
			t.Fatalf("%d of %d bytes: %v", n, len(content), err)
		}
	}
	write(t, file, content[:used]) // the rest was never in use
	open(t, path)
}

// TestDamagedMetaPageIsNotReplacedByTheOlder: bbolt would go on from the one
// before, without the last transaction, which may hold a vote.
func TestDamagedMetaPageIsNotReplacedByTheOlder(t *testing.T) {
	path := t.TempDir()
	found(t, path, 3)
	file := filepath.Join(path, raftFile)
	content := read(t, file)
	for _, page := range []int{0, 1} {
		b := bytes.Clone(content)
		b[page*os.Getpagesize()+pageHeader+48] ^= 1 // the transaction number
		write(t, file, b)
		var corrupt *CorruptError
		if err := refused(t, path); !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "meta page") {
			t.Fatal(err)
		}
	}
}

// usedBytes returns how much of the file bbolt has in use.
func usedBytes(t *testing.T, file string) int {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := readMetas(f)
	if err != nil {
		t.Fatal(err)
	}
	return int(m.high) * int(m.pageSize)
}

// TestDamagedFileNeverPanicsAndNeverLies flips bits and blanks pages, mostly
// where bbolt keeps its structure; each file is refused, or gives every entry as
// it was or a CorruptError.
func TestDamagedFileNeverPanicsAndNeverLies(t *testing.T) {
	path, content := big(t)
	file := filepath.Join(path, raftFile)
	used := usedBytes(t, file)
	rng := rand.New(rand.NewPCG(1, 2))
	refusals := 0
	for range 250 {
		b := bytes.Clone(content)
		page := rng.IntN(used/4096) * 4096
		switch rng.IntN(5) {
		case 0, 1:
			b[page+rng.IntN(16)] ^= 1 << rng.IntN(8)
		case 2:
			b[page+rng.IntN(200)] ^= 1 << rng.IntN(8)
		case 3:
			b[page+rng.IntN(4096)] ^= 1 << rng.IntN(8)
		case 4:
			clear(b[page : page+4096])
		}
		write(t, file, b)
		rec := &recorder{}
		d, err := Open(path, Options{Fatal: rec.fatal})
		if err != nil {
			refusals++
			continue
		}
		readAll(t, d)
		shut(t, d)
	}
	if refusals < 30 {
		t.Fatalf("only %d refusals: the damage did not hit", refusals)
	}
}

func readAll(t *testing.T, d *Dir) {
	t.Helper()
	logs, _, _ := d.stores()
	for i := uint64(1); i < 890; i++ {
		var e raft.Log
		err := logs.GetLog(i, &e)
		if err != nil {
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) {
				t.Fatalf("entry %d: %v", i, err)
			}
			return
		}
		if want := entry(i); e.Term != want.Term || e.Type != want.Type || e.Data[0] != want.Data[0] {
			t.Fatalf("entry %d came back as %+v", i, e)
		}
	}
}

func TestDamagedSnapshotEndsTheNode(t *testing.T) {
	d, rec := open(t, t.TempDir())
	s, err := d.Snapshots(hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(RetainedSnapshots) {
		snapshot(t, s, 10+i, "the old state")
	}
	id := snapshot(t, s, 30, "the whole state")
	if list, err := s.List(); err != nil || len(list) != 1 || list[0].ID != id || list[0].Size != int64(len("the whole state")) {
		t.Fatalf("%v %v", list, err)
	}
	if kept, err := os.ReadDir(filepath.Join(d.Path(), snapshotsDir)); err != nil || len(kept) != RetainedSnapshots {
		t.Fatalf("%d snapshots are kept: %v", len(kept), err)
	}
	if _, r, err := s.Open(id); err != nil {
		t.Fatal(err)
	} else if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(d.Path(), snapshotsDir, id, "state.bin")
	write(t, state, []byte("the whole sTate"))
	_, _, err = s.Open(id)
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), id) || len(rec.errs) != 1 {
		t.Fatalf("%v; fatal %v", err, rec.errs)
	}
}
