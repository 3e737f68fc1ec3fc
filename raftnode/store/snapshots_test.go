package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

func snapshotsOf(t *testing.T, d *Dir) raft.SnapshotStore {
	t.Helper()
	s, err := d.Snapshots(hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func begin(t *testing.T, s raft.SnapshotStore, index uint64) raft.SnapshotSink {
	t.Helper()
	conf := raft.Configuration{Servers: []raft.Server{{ID: "n_a", Address: "n_a", Suffrage: raft.Nonvoter}}}
	k, err := s.Create(raft.SnapshotVersionMax, index, 4, conf, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestSnapshotComesBackAsItWas with all that raft asks of it.
func TestSnapshotComesBackAsItWas(t *testing.T) {
	d, rec := open(t, t.TempDir())
	s := snapshotsOf(t, d)
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Fatalf("%v %v", list, err)
	}
	content := strings.Repeat("the state", 20_000)
	k := begin(t, s, 7)
	for i := 0; i < len(content); i += 1000 {
		if _, err := io.WriteString(k, content[i:i+1000]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(k.Close(), k.Close(), k.Cancel()); err != nil {
		t.Fatal(err)
	}
	meta, r, err := s.Open(k.ID())
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || string(got) != content {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if meta.Index != 7 || meta.Term != 4 || meta.Size != int64(len(content)) || meta.Version != 1 || meta.ConfigurationIndex != 2 ||
		len(meta.Configuration.Servers) != 1 || meta.Configuration.Servers[0].Suffrage != raft.Nonvoter || meta.Configuration.Servers[0].ID != "n_a" {
		t.Errorf("%+v", meta)
	}
	if _, _, err := s.Open("1-2-3"); !errors.Is(err, fs.ErrNotExist) || len(rec.errs) != 0 {
		t.Errorf("one that is not there: %v, fatal %v", err, rec.errs)
	}
}

// TestTwoSnapshotsMayGrowAtOnce: one that is taken, and one that the leader sends.
func TestTwoSnapshotsMayGrowAtOnce(t *testing.T) {
	path := t.TempDir()
	found(t, path, 30)
	d, _ := open(t, path)
	s := snapshotsOf(t, d)
	taken, sent, left := begin(t, s, 10), begin(t, s, 20), begin(t, s, 30)
	if _, err := io.WriteString(sent, "b"); err != nil {
		t.Fatal(err)
	}
	if err := sent.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(taken, "a"); err != nil {
		t.Fatal(err)
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if list, err := s.List(); err != nil || len(list) != 1 || list[0].ID != sent.ID() {
		t.Fatalf("the newest: %v %v", list, err)
	}
	if _, err := io.WriteString(left, "c"); err != nil {
		t.Fatal(err)
	}
	shut(t, d) // and left was never finished
	d, _ = open(t, path)
	snapshotsOf(t, d)
	names, err := os.ReadDir(filepath.Join(path, snapshotsDir))
	if err != nil || len(names) != 2 {
		t.Fatalf("%v %v", names, err)
	}
	if index, err := d.newestSnapshot(); err != nil || index != 20 {
		t.Errorf("the newest ends at %d: %v", index, err)
	}
}

func TestCancelledSnapshotLeavesNothing(t *testing.T) {
	d, rec := open(t, t.TempDir())
	s := snapshotsOf(t, d)
	k := begin(t, s, 10)
	if _, err := io.WriteString(k, "x"); err != nil {
		t.Fatal(err)
	}
	if err := k.Cancel(); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(filepath.Join(d.Path(), snapshotsDir)); err != nil || len(names) != 0 || len(rec.errs) != 0 {
		t.Errorf("%v %v %v", names, err, rec.errs)
	}
}

// TestSnapshotThatCannotBeWrittenEndsTheNode: raft would only log it, and try again.
func TestSnapshotThatCannotBeWrittenEndsTheNode(t *testing.T) {
	fails := map[string]func(k *sink) error{
		"write": func(k *sink) error { _, err := k.Write(make([]byte, 1<<20)); return err },
		"sync":  func(k *sink) error { return k.Close() },
	}
	for what, fail := range fails {
		d, rec := open(t, t.TempDir())
		k := begin(t, snapshotsOf(t, d), 10).(*sink)
		if err := k.file.Close(); err != nil { // the disk is gone
			t.Fatal(err)
		}
		err := fail(k)
		var disk *DiskError
		if !errors.As(err, &disk) || len(rec.errs) != 1 || !strings.Contains(rec.errs[0].Error(), snapshotsDir) || !strings.Contains(rec.errs[0].Error(), "could not be written") {
			t.Errorf("%s: %v; fatal %v", what, err, rec.errs)
		}
		if _, err := d.log.LastIndex(); !errors.As(err, &disk) {
			t.Errorf("%s: the log went on: %v", what, err)
		}
	}
}
