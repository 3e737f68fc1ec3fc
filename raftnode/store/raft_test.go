package store

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// counter is a state machine that counts what it applied.
type counter struct{ n int }

func (c *counter) Apply(*raft.Log) any                 { c.n++; return c.n }
func (c *counter) Snapshot() (raft.FSMSnapshot, error) { return &counter{c.n}, nil }
func (c *counter) Restore(r io.ReadCloser) error {
	defer r.Close()
	_, err := fmt.Fscan(r, &c.n)
	return err
}
func (c *counter) Release() {}
func (c *counter) Persist(s raft.SnapshotSink) error {
	if _, err := fmt.Fprint(s, c.n); err != nil {
		return err
	}
	return s.Close()
}

// TestRaftLivesOnTheStores runs a group of one through bootstrap, applies, a
// snapshot that empties the front of the log, and restarts.
func TestRaftLivesOnTheStores(t *testing.T) {
	path := t.TempDir()
	want := 0
	for boot := range 3 {
		d, rec := open(t, path)
		logs, stable, _ := d.RaftStores()
		snaps, err := d.Snapshots(hclog.NewNullLogger())
		if err != nil {
			t.Fatal(err)
		}
		id := d.Identity().NodeID
		conf := raft.DefaultConfig()
		conf.LocalID, conf.Logger, conf.TrailingLogs = raft.ServerID(id), hclog.NewNullLogger(), 3
		conf.HeartbeatTimeout, conf.ElectionTimeout, conf.LeaderLeaseTimeout = 50*time.Millisecond, 50*time.Millisecond, 40*time.Millisecond
		_, trans := raft.NewInmemTransport(raft.ServerAddress(id))
		if boot == 0 {
			found := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(id), Address: raft.ServerAddress(id)}}}
			if err := d.SetPromise(Promise{Nodes: []string{id}, Voters: 1}); err != nil {
				t.Fatal(err)
			}
			if err := raft.BootstrapCluster(conf, logs, stable, snaps, trans, found); err != nil {
				t.Fatal(err)
			}
			if err := d.SetJoined("cluster"); err != nil {
				t.Fatal(err)
			}
		}
		fsm := &counter{}
		r, err := raft.NewRaft(conf, fsm, logs, stable, snaps, trans)
		if err != nil {
			t.Fatal(err)
		}
		if !<-r.LeaderCh() {
			t.Fatal("not elected")
		}
		for range 20 {
			f := r.Apply([]byte("x"), time.Minute)
			if err := f.Error(); err != nil {
				t.Fatal(err)
			}
			if want++; f.Response() != want {
				t.Fatalf("boot %d: applied %v, want %d", boot, f.Response(), want)
			}
		}
		if err := r.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		if first, err := logs.FirstIndex(); err != nil || first < uint64(want) {
			t.Fatalf("log not compacted: first %d, %v", first, err)
		}
		if err := r.Shutdown().Error(); err != nil {
			t.Fatal(err)
		}
		shut(t, d)
		if len(rec.errs) != 0 {
			t.Fatal(rec.errs)
		}
	}
}
