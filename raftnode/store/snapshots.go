package store

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// snapshotsDir is the name that raft's file store uses below its base.
const snapshotsDir = "snapshots"

// snapshots is raft's file store, but a damaged snapshot ends the node. raft
// would take the one before instead, from which the log has a gap, and panic there.
type snapshots struct {
	*raft.FileSnapshotStore
	path string
	fail *failure
}

var _ raft.SnapshotStore = (*snapshots)(nil)

// Snapshots returns the store of Raft's snapshots. It keeps RetainedSnapshots,
// and verifies the checksum of a whole snapshot when it is opened; a damaged one
// has gone to Fatal.
func (d *Dir) Snapshots(logger hclog.Logger) (raft.SnapshotStore, error) {
	files, err := raft.NewFileSnapshotStoreWithLogger(d.path, RetainedSnapshots, logger)
	if err != nil {
		return nil, fmt.Errorf("open snapshots in %s: %w", d.path, err)
	}
	return &snapshots{FileSnapshotStore: files, path: filepath.Join(d.path, snapshotsDir), fail: d.log.fail}, nil
}

// Open returns a snapshot after its checksum was verified.
func (s *snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if err := s.fail.check(); err != nil {
		return nil, nil, err
	}
	meta, r, err := s.FileSnapshotStore.Open(id)
	if err != nil && !os.IsNotExist(err) { // not there: raft has reaped it meanwhile
		err = s.fail.report(&CorruptError{File: filepath.Join(s.path, id), Reason: fmt.Sprintf("the snapshot cannot be used (%v)", err), Err: err})
	}
	return meta, r, err
}

// newestSnapshot returns the index of the newest readable snapshot, 0 if there is none.
func newestSnapshot(dir string) (uint64, error) {
	there, err := exists(filepath.Join(dir, snapshotsDir))
	if err != nil || !there {
		return 0, err
	}
	files, err := raft.NewFileSnapshotStoreWithLogger(dir, RetainedSnapshots, hclog.NewNullLogger())
	if err != nil {
		return 0, fmt.Errorf("open snapshots in %s: %w", dir, err)
	}
	list, err := files.List()
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[0].Index, nil
}
