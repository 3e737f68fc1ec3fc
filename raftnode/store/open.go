package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

const raftFile = "raft.db"

func boltOptions(path string) raftboltdb.Options {
	return raftboltdb.Options{Path: path, BoltOptions: &bbolt.Options{
		NoFreelistSync: true,
		FreelistType:   bbolt.FreelistMapType,
		Timeout:        boltLockTimeout,
	}}
}

// createBolt makes raft.db complete beside its place and renames it there, so
// that a half-made file is never mistaken for a damaged one.
func (o origin) createBolt(path string, boot uint64) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return &DiskError{File: path, Err: err}
	}
	db, err := raftboltdb.New(boltOptions(tmp))
	if err == nil {
		err = errors.Join(o.stamp(db, boot), db.Close())
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return &DiskError{File: path, Err: err}
	}
	return nil
}

// openBolt opens raft.db, after a walk that keeps a damaged one away from bbolt.
func openBolt(path string) (db *raftboltdb.BoltStore, run logRun, err error) {
	content, err := checkBoltFile(path)
	if err != nil {
		return nil, run, err
	}
	err = protect(path, func() (err error) {
		db, err = raftboltdb.New(boltOptions(path))
		return err
	})
	if err != nil {
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) {
			err = fmt.Errorf("open %s: %w", path, err)
		}
		return nil, run, err
	}
	return db, content.run, nil
}

// verify reads the log's first entry, the newest ones, and all that the newest
// snapshot, which ends at the given index, does not cover, each with its
// checksum: raft reads those when it starts, and panics where it cannot. It
// returns what it finds; only uses after Open are fatal.
func (l *Log) verify(snapshot uint64) error {
	var first, last uint64
	err := protect(l.file, func() (err error) {
		if first, err = l.inner.FirstIndex(); err == nil {
			last, err = l.inner.LastIndex()
		}
		return err
	})
	if err != nil || last == 0 {
		return err
	}
	var entry raft.Log
	if err := l.read(first, &entry); err != nil {
		return err
	}
	from := max(first, min(snapshot, last-min(last, CheckedEntries))+1)
	term := uint64(0)
	for i := from; i <= last; i++ {
		err := l.read(i, &entry)
		switch {
		case errors.Is(err, raft.ErrLogNotFound): // possible below an installed snapshot, and nowhere else: checkReach
			continue
		case err != nil:
			return err
		case entry.Term < term:
			return &CorruptError{File: l.file, Index: i, Reason: fmt.Sprintf("has term %d, after one of term %d", entry.Term, term)}
		}
		term = entry.Term
	}
	return nil
}
