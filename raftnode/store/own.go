package store

import (
	"fmt"
	"path/filepath"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// keyOwn is where raft.db says whose it is.
const keyOwn = "SidelockDirectory"

// own is raft.db's word about the directory that it belongs to, in a record of
// its own: a sound raft.db of another node, or an older one of this node, must
// not be taken for the one that was here.
type own struct {
	Boot uint64 `json:"boot"` // how often the directory had been opened when it was last opened
}

func (d *Dir) writeOwn() error {
	rec, err := d.origin.encode("raft", own{d.boot})
	if err != nil {
		return err
	}
	return d.log.do(writeState, func() error { return d.log.inner.Set([]byte(keyOwn), rec) })
}

// stamp makes a new raft.db say whose it is.
func (o origin) stamp(db *raftboltdb.BoltStore, boot uint64) error {
	rec, err := o.encode("raft", own{boot})
	if err != nil {
		return err
	}
	return db.Set([]byte(keyOwn), rec)
}

// checkOwn refuses a raft.db that is not the one that was last used here.
func (d *Dir) checkOwn() error {
	path := filepath.Join(d.path, raftFile)
	var raw []byte
	err := protect(path, func() (err error) {
		raw, err = d.log.inner.Get([]byte(keyOwn))
		return err
	})
	switch {
	case err != nil && err.Error() == notFoundSentence:
		return &FormatError{File: path, Reason: "does not say whose it is: it is from before the first release, or another program's"}
	case err != nil:
		return &CorruptError{File: path, Reason: fmt.Sprintf("cannot be read: %v", err), Err: err}
	}
	if err := d.origin.decode(path, "raft", raw, &d.own); err != nil {
		return err
	}
	return d.checkBoots()
}

// checkBoots compares raft.db with boots.json. countBoot writes raft.db first, so
// that it may be ahead by the one opening that a crash interrupted, and never behind.
func (d *Dir) checkBoots() error {
	switch {
	case d.own.Boot < d.boot:
		return &CorruptError{File: filepath.Join(d.path, raftFile),
			Reason: fmt.Sprintf("is an older copy: the directory was opened %d times, and this file saw %d of them; it may have forgotten a vote", d.boot, d.own.Boot)}
	case d.own.Boot > d.boot+1:
		return &CorruptError{File: filepath.Join(d.path, bootsFile),
			Reason: fmt.Sprintf("is an older copy: it counts %d openings, and %s %d", d.boot, raftFile, d.own.Boot)}
	}
	return nil
}
