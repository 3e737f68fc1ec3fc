package store

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// recorder is a Fatal that remembers.
type recorder struct {
	mu   sync.Mutex
	errs []error
}

func (r *recorder) fatal(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

// all is errs for who reads while something may still fail.
func (r *recorder) all() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.errs)
}

func open(t *testing.T, path string) (*Dir, *recorder) {
	t.Helper()
	rec := &recorder{}
	d, err := Open(path, Options{Fatal: rec.fatal})
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, rec
}

func refused(t *testing.T, path string) error {
	t.Helper()
	d, err := Open(path, Options{Fatal: func(error) {}})
	if err == nil {
		_ = d.Close()
		t.Fatalf("%s was opened", path)
	}
	return err
}

func shut(t *testing.T, d *Dir) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func entry(index uint64) *raft.Log {
	return &raft.Log{Index: index, Term: 1 + index/100, Type: raft.LogCommand, Data: []byte{byte(index), 2, 3}, Extensions: []byte("ext")}
}

func entries(first, last uint64) (es []*raft.Log) {
	for i := first; i <= last; i++ {
		es = append(es, entry(i))
	}
	return es
}

// found makes a directory of a founding member with the entries 1 to last, closed.
func found(t *testing.T, path string, last uint64) {
	t.Helper()
	d, _ := open(t, path)
	if err := d.SetPromise(Promise{Nodes: []string{d.Identity().NodeID}, Voters: 1}); err != nil {
		t.Fatal(err)
	}
	logs, stable, _ := d.stores()
	if err := stable.SetUint64([]byte(keyCurrentTerm), 1); err != nil {
		t.Fatal(err)
	}
	if err := logs.StoreLogs(entries(1, last)); err != nil {
		t.Fatal(err)
	}
	if err := d.SetJoined("cluster"); err != nil {
		t.Fatal(err)
	}
	shut(t, d)
}

// cover adds a snapshot that ends at index to a closed directory.
func cover(t *testing.T, path string, index uint64, content string) (id string) {
	t.Helper()
	d, _ := open(t, path)
	defer shut(t, d)
	s, err := d.Snapshots(hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	return snapshot(t, s, index, content)
}

// snapshot writes one, of the term that entry gives its index.
func snapshot(t *testing.T, s raft.SnapshotStore, index uint64, content string) string {
	t.Helper()
	sink, err := s.Create(raft.SnapshotVersionMax, index, entry(index).Term, raft.Configuration{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return sink.ID()
}

// patchBolt changes one bucket of a closed directory's raft.db behind our back.
func patchBolt(t *testing.T, dir, bucket string, f func(*bbolt.Bucket) error) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, raftFile), 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error { return f(tx.Bucket([]byte(bucket))) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
