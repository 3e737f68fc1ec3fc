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
func createBolt(path string) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("make %s: %w", path, err)
	}
	db, err := raftboltdb.New(boltOptions(tmp))
	if err == nil {
		err = db.Close()
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	return nil
}

// openBolt opens raft.db, after a walk that keeps a damaged one away from bbolt.
func openBolt(path string) (db *raftboltdb.BoltStore, run logRun, err error) {
	if run, err = checkBoltFile(path); err != nil {
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
	return db, run, nil
}

// verifyNewest reads the first entry and the newest ones with their checksums.
// It returns what it finds; only uses after Open are fatal.
func (l *Log) verifyNewest() error {
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
	for i := last; i >= first && last-i < CheckedEntries; i-- {
		// A gap is possible after an installed snapshot; raft knows how to deal with one.
		if err := l.read(i, &entry); err != nil && !errors.Is(err, raft.ErrLogNotFound) {
			return err
		}
	}
	return nil
}
