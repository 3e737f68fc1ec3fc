package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// grown makes a directory whose raft.db has room for much more than it holds.
func grown(t *testing.T, path string) {
	t.Helper()
	whole(t, path)
	d, _ := open(t, path)
	logs, _, _ := d.stores()
	for i := uint64(161); i <= 300; i++ {
		e := entry(i)
		e.Data = bytes.Repeat([]byte{byte(i)}, 100_000)
		if err := logs.StoreLog(e); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, d)
	cover(t, path, 295, "the state")
	d, _ = open(t, path)
	logs, _, _ = d.stores()
	if err := logs.DeleteRange(1, 290); err != nil {
		t.Fatal(err)
	}
	shut(t, d)
}

func TestCompactionShrinksTheFileAndNothingElse(t *testing.T) {
	path := t.TempDir()
	grown(t, path)
	file := filepath.Join(path, raftFile)
	if err := os.Chmod(file, 0o660); err != nil {
		t.Fatal(err)
	}
	before := size(t, file)
	want, err := content(path)
	if err != nil {
		t.Fatal(err)
	}
	done, err := Compact(path, "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	after := size(t, file)
	if done.Before < before || done.After != after || after > before/4 {
		t.Errorf("%+v; the file had %d bytes and has %d", done, before, after)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if got, err := content(path); err != nil || got != want {
		t.Errorf("the content is another: %v", err)
	}
	d, _ := open(t, path)
	logs, stable, _ := d.stores()
	if err := errors.Join(logs.StoreLog(&raft.Log{Index: 301, Term: 9}), vote(stable, 9, "n_b")); err != nil {
		t.Errorf("the copy cannot be written: %v", err)
	}
	shut(t, d)
	again, err := Compact(path, "1.0.0")
	if err != nil || again.After > again.Before || again.After < after/2 {
		t.Errorf("once more: %+v %v", again, err)
	}
	if left, err := filepath.Glob(file + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestCompactionIsRefusedWhereItMayDoHarm: a directory in use, one that is damaged, one that is none.
func TestCompactionIsRefusedWhereItMayDoHarm(t *testing.T) {
	path := t.TempDir()
	grown(t, path)
	d, _ := open(t, path)
	if _, err := Compact(path, ""); !errors.Is(err, ErrInUse) {
		t.Errorf("in use: %v", err)
	}
	shut(t, d)
	if _, err := Compact(t.TempDir(), ""); !errors.Is(err, ErrNoDirectory) {
		t.Errorf("nothing there: %v", err)
	}
	file := filepath.Join(path, raftFile)
	good := read(t, file)
	write(t, file, good[:usedBytes(t, file)-4096])
	var corrupt *CorruptError
	if _, err := Compact(path, ""); !errors.As(err, &corrupt) {
		t.Errorf("damaged: %v", err)
	}
	if got := read(t, file); len(got) != usedBytes(t, file)-4096 {
		t.Error("the damaged file was touched")
	}
}

// TestCompactionIsRefusedWhereTheDiskIsNearlyFull: it would be full for the others that use it.
func TestCompactionIsRefusedWhereTheDiskIsNearlyFull(t *testing.T) {
	path := t.TempDir()
	grown(t, path)
	file := filepath.Join(path, raftFile)
	before := read(t, file)
	_, err := compactFile(file, func(string) (int64, error) { return compactSpare, nil })
	if err == nil || !strings.Contains(err.Error(), "make room; nothing was changed") || !bytes.Equal(read(t, file), before) {
		t.Error(err)
	}
	if left, err := free(path); err != nil || left <= 0 {
		t.Errorf("%d bytes are free: %v", left, err)
	}
}

// TestInterruptedCompactionLeavesTheOldFile: what it had written by then is removed.
func TestInterruptedCompactionLeavesTheOldFile(t *testing.T) {
	path := t.TempDir()
	grown(t, path)
	want, err := content(path)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(path, raftFile)
	write(t, file+compactSuffix, read(t, file)[:40_000])
	if got, err := content(path); err != nil || got != want {
		t.Errorf("content: %v", err)
	}
	if there, err := exists(file + compactSuffix); err != nil || there {
		t.Errorf("it is still there: %v", err)
	}
	write(t, file+compactSuffix, read(t, file)[:40_000])
	if _, err := Compact(path, ""); err != nil {
		t.Error(err)
	}
}
