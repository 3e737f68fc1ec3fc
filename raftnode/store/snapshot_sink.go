package store

import (
	"bufio"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
)

// sink writes one snapshot. Raft uses it from one goroutine.
type sink struct {
	store  *snapshots
	meta   snapshotMeta
	dir    string // where it grows
	file   *os.File
	sum    hash.Hash32
	buffer *bufio.Writer
	done   bool
}

var _ raft.SnapshotSink = (*sink)(nil)

var writeSnapshot = task{what: "a write of a snapshot"}

// Create begins a snapshot. Nothing of it is seen before Close.
func (s *snapshots) Create(version raft.SnapshotVersion, index, term uint64, conf raft.Configuration, confIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	if version != snapshotVersion {
		return nil, fmt.Errorf("snapshot version %d: only %d is kept", version, snapshotVersion)
	}
	name := snapshotName{term: term, index: index, at: uint64(time.Now().UnixMilli())}
	k := &sink{store: s, dir: filepath.Join(s.path, name.String()+unfinishedExt), sum: crc32.New(castagnoli),
		meta: snapshotMeta{ID: name.String(), Index: index, Term: term, Configuration: conf, ConfigurationIndex: confIndex}}
	err := k.do(func() (err error) {
		if err = os.MkdirAll(k.dir, privateDir); err == nil {
			k.file, err = os.OpenFile(filepath.Join(k.dir, stateFile), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, privateFile)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	k.buffer = bufio.NewWriterSize(writerFunc(k.flush), 1<<16)
	return k, nil
}

// do runs one use of the disk; its error ends the store.
func (k *sink) do(f func() error) error {
	if err := k.store.fail.check(); err != nil {
		return err
	}
	watched := k.store.fail.begin(k.dir, writeSnapshot)
	err := f()
	watched.end()
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[*DiskError](err); !known {
		err = &DiskError{File: k.dir, Err: err}
	}
	return k.store.fail.report(err)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// flush writes to the file, and takes note of what was written.
func (k *sink) flush(b []byte) (n int, err error) {
	err = k.do(func() error {
		n, err = k.file.Write(b)
		return err
	})
	k.sum.Write(b[:n])
	k.meta.Size += int64(n)
	return n, err
}

// ID implements raft.SnapshotSink.
func (k *sink) ID() string { return k.meta.ID }

// Write implements raft.SnapshotSink.
func (k *sink) Write(b []byte) (int, error) { return k.buffer.Write(b) }

// Close makes the snapshot durable and complete, and removes those that are not needed any more.
func (k *sink) Close() error {
	if k.done {
		return nil
	}
	k.done = true
	if err := errors.Join(k.buffer.Flush(), k.do(k.file.Sync), k.file.Close()); err != nil {
		return err
	}
	k.meta.Checksum = k.sum.Sum32()
	err := k.do(func() error {
		// This syncs the directory too, and with it the name of the state.
		return k.store.origin.write(filepath.Join(k.dir, metaFile), "snapshot", k.meta)
	})
	if err == nil {
		err = k.do(func() error {
			if err := os.Rename(k.dir, filepath.Join(k.store.path, k.meta.ID)); err != nil {
				return err
			}
			return syncDir(k.store.path)
		})
	}
	if err == nil {
		err = k.do(k.store.reap)
	}
	if err == nil {
		k.store.log.Info("snapshot written", "id", k.meta.ID, "bytes", k.meta.Size)
	}
	return err
}

// Cancel gives the snapshot up.
func (k *sink) Cancel() error {
	if k.done {
		return nil
	}
	k.done = true
	return errors.Join(k.file.Close(), os.RemoveAll(k.dir))
}
