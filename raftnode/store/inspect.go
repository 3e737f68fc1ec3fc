package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

// Inspection is what a data directory says of itself to somebody who only looks.
type Inspection struct {
	Fresh bool // there is nothing yet: the next Open makes it

	InUse  bool   // a process has it open; then nothing was verified, for it changes all the time
	Holder string // that process's PID, "" if not known

	// Not of a fresh one:
	Identity   Identity
	Membership Membership
	Boots      uint64 // how often it has been opened
}

// Inspect looks at a directory, and, if no process has it open, verifies all that Open verifies, and the whole newest snapshot. It changes nothing, not even a
// time: no boot is counted, nothing is repaired, tidied up or locked for longer than a moment. (A process that opens the
// directory meanwhile waits for the look at raft.db to end.) The errors are those of Open, but ErrInUse.
func Inspect(path, release string) (Inspection, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Inspection{}, fmt.Errorf("look into data directory: %w", err)
	}
	d := &Dir{path: path, offline: true, opts: Options{Release: release}, fail: newFailure(func(error) {}), origin: origin{release: release}}
	in, err := d.inspectSmallFiles()
	if err != nil || in.Fresh {
		return in, err
	}
	if in.InUse, in.Holder, err = inUse(path); err != nil || in.InUse {
		return in, err
	}
	return in, d.inspectRaft()
}

func (d *Dir) inspectSmallFiles() (in Inspection, err error) {
	d.identity, err = d.origin.loadIdentity(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := d.origin.unused(d.path); err != nil {
			return in, err
		}
		return Inspection{Fresh: true}, nil
	}
	if err != nil {
		return in, err
	}
	d.origin.node = d.identity.NodeID
	in.Identity = d.identity
	if d.member, err = d.origin.loadMembership(d.path); err != nil {
		return in, err
	}
	in.Membership = d.member
	if err := d.loadBoots(); err != nil {
		return in, err
	}
	in.Boots = d.boot
	if r := d.member.Recovering; r != nil {
		return in, &UnfinishedError{Dir: d.path, Recovery: *r}
	}
	return in, nil
}

// inUse tells whether a process has the directory open.
func inUse(dir string) (held bool, holder string, err error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, "", nil
	}
	if err != nil {
		return false, "", fmt.Errorf("look whether the data directory is in use: %w", err)
	}
	defer f.Close() // and with it the lock, which is shared: two who only look are not in each other's way
	switch err := tryLock(f, true); {
	case errors.Is(err, errLocked):
		pid, _ := io.ReadAll(io.LimitReader(f, 32)) // for people
		return true, pidOf(pid), nil
	case err != nil:
		return false, "", fmt.Errorf("look whether the data directory %s is in use (does its file system know flock?): %w", dir, err)
	}
	return false, "", nil
}

// inspectRaft verifies raft.db and the newest snapshot.
func (d *Dir) inspectRaft() error {
	path := filepath.Join(d.path, raftFile)
	meta, err := d.snapshots().newest()
	if err != nil {
		return err
	}
	var snapshot uint64
	if meta != nil {
		snapshot = meta.Index
		if err := d.inspectSnapshot(meta.ID); err != nil {
			return err
		}
	}
	there, err := exists(path)
	switch {
	case err != nil:
		return fmt.Errorf("look into data directory: %w", err)
	case !there && (d.member.Joined() || snapshot > 0):
		return &CorruptError{File: path, Reason: "is missing, but this node is a member of a group"}
	case !there:
		return nil // a first start that ended early
	}
	content, err := checkBoltFile(path)
	if err != nil {
		return err
	}
	var db *raftboltdb.BoltStore
	err = protect(path, func() (err error) {
		db, err = raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: &bbolt.Options{ReadOnly: true, Timeout: boltLockTimeout}})
		return err
	})
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	d.run, d.log = content.run, newLog(db, path, d.fail, nil)
	err = d.inspectLog(snapshot)
	return errors.Join(err, db.Close())
}

func (d *Dir) inspectSnapshot(id string) error {
	name, _ := parseSnapshotName(id)
	_, f, err := d.snapshots().open(name) // which reads all of it, for its checksum
	if err != nil {
		return err
	}
	return f.Close()
}

func (d *Dir) inspectLog(snapshot uint64) error {
	if err := d.checkOwn(); err != nil {
		return err
	}
	if err := d.checkFounded(d.member); err != nil {
		return err
	}
	if err := d.checkReach(snapshot); err != nil {
		return err
	}
	if err := d.log.verify(snapshot); err != nil {
		return err
	}
	stable := NewStable(d.log)
	if _, err := stable.GetUint64([]byte(keyCurrentTerm)); err != nil && !errors.Is(err, errKeyNotFound) {
		return err
	}
	if _, _, err := stable.vote(); err != nil && !errors.Is(err, errKeyNotFound) {
		return err
	}
	return nil
}
