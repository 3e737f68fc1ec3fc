package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

const (
	compactSuffix = ".compact"

	compactTx    = 4 << 20  // bytes copied in one transaction
	compactSpare = 32 << 20 // of free disk beyond what the copy takes: bbolt lets a file grow in steps of 16 MiB
)

// Compacted is what a compaction came to, in bytes of raft.db.
type Compacted struct{ Before, After int64 }

// Compact writes the raft.db of a stopped node anew, without the pages that the log no longer needs: bbolt uses those again,
// and never gives them back to the file system. The copy is made beside, compared with the old file entry by entry, synced, and renamed over it, so
// that a crash at any moment leaves one of the two. Where nothing is to be gained the old file stays.
func Compact(dir, release string) (Compacted, error) {
	var failed error
	d, err := OpenOffline(dir, Options{Fatal: func(err error) { failed = err }, Release: release})
	if err != nil {
		return Compacted{}, err
	}
	path := filepath.Join(d.path, raftFile)
	// bbolt takes a lock of its own on the file, which has served its purpose: all of it was verified on opening.
	if err := d.bolt.Close(); err != nil {
		return Compacted{}, errors.Join(fmt.Errorf("close %s: %w", path, err), d.Close())
	}
	d.bolt = nil
	done, err := compactFile(path, free)
	return done, errors.Join(err, failed, d.Close())
}

// compactFile compacts a file that nobody has open. free tells how many bytes of a directory's disk are free.
func compactFile(path string, free func(dir string) (int64, error)) (done Compacted, err error) {
	before, err := os.Stat(path)
	if err != nil {
		return done, &DiskError{File: path, Read: true, Err: err}
	}
	done = Compacted{before.Size(), before.Size()}
	if err := roomFor(path, free); err != nil {
		return done, err
	}
	tmp := path + compactSuffix
	// What is left of it is removed at the next opening too.
	defer func() {
		if gone := os.Remove(tmp); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	if err := copyBolt(path, tmp, before.Mode().Perm()); err != nil {
		return done, err
	}
	after, err := os.Stat(tmp)
	if err != nil {
		return done, &DiskError{File: tmp, Read: true, Err: err}
	}
	if after.Size() >= before.Size() {
		return done, nil
	}
	if err := replace(tmp, path, before.Mode().Perm()); err != nil {
		return done, err
	}
	done.After = after.Size()
	return done, nil
}

// roomFor refuses where the copy would fill the disk. It takes no more than the pages in use.
func roomFor(path string, free func(string) (int64, error)) error {
	content, err := checkBoltFile(path)
	if err != nil {
		return err
	}
	have, err := free(filepath.Dir(path))
	if err != nil {
		return err
	}
	if need := content.used + compactSpare; have < need {
		return fmt.Errorf("the copy of %s may take %d MiB, and %d MiB of the disk are free: make room; nothing was changed", path, need>>20, have>>20)
	}
	return nil
}

// free asks the file system.
func free(dir string) (int64, error) {
	bytes, _, err := Space(dir)
	return bytes, err
}

// copyBolt makes the copy, complete, equal and synced.
func copyBolt(path, tmp string, mode fs.FileMode) error {
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &DiskError{File: tmp, Err: err}
	}
	err := protect(path, func() error {
		src, err := bbolt.Open(path, mode, &bbolt.Options{ReadOnly: true, Timeout: boltLockTimeout})
		if err != nil {
			return err
		}
		dst, err := bbolt.Open(tmp, mode, boltOptions(tmp).BoltOptions)
		if err != nil {
			return errors.Join(err, src.Close())
		}
		err = bbolt.Compact(dst, src, compactTx)
		if err == nil {
			err = sameContent(dst, src)
		}
		if err == nil {
			err = dst.Sync()
		}
		return errors.Join(err, dst.Close(), src.Close())
	})
	if err != nil {
		return fmt.Errorf("copy %s: %w; the old file is untouched", path, err)
	}
	if _, err := checkBoltFile(tmp); err != nil {
		return fmt.Errorf("the copy of %s is not sound: %w; the old file is untouched", path, err)
	}
	return nil
}

// sameContent compares all that two files hold.
func sameContent(a, b *bbolt.DB) error {
	return a.View(func(ta *bbolt.Tx) error {
		return b.View(func(tb *bbolt.Tx) error {
			for _, name := range []string{bucketLogs, bucketConf} {
				ca, cb := ta.Bucket([]byte(name)).Cursor(), tb.Bucket([]byte(name)).Cursor()
				ka, va := ca.First()
				kb, vb := cb.First()
				for ka != nil || kb != nil {
					if !bytes.Equal(ka, kb) || !bytes.Equal(va, vb) {
						return fmt.Errorf("the copy differs at key %x of %s", kb, name)
					}
					ka, va = ca.Next()
					kb, vb = cb.Next()
				}
			}
			return nil
		})
	})
}

// replace puts a finished file in the place of the old one, durably, with its owner and mode.
func replace(tmp, path string, mode fs.FileMode) error {
	f, err := os.OpenFile(tmp, os.O_RDWR, 0)
	if err != nil {
		return &DiskError{File: tmp, Err: err}
	}
	err = errors.Join(f.Chmod(mode), keepOwner(f, path))
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
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
