package store

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

const (
	identityFile = "identity.json"
	bootsFile    = "boots.json"

	nodeIDPrefix = "n_"
	nodeIDBytes  = 16
)

var nodeIDEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Identity is who this directory is.
type Identity struct {
	NodeID    string    `json:"node_id"`    // incarnation: 128 random bits, drawn when the directory was made
	CreatedAt time.Time `json:"created_at"` // for people; nothing depends on it
}

// boots counts openings. Peers that remember it can tell a directory that was
// rolled back or copied. raft.db has the count too: see Dir.checkBoots.
type boots struct {
	Count uint64 `json:"count"`
}

// newNodeID draws an incarnation.
func newNodeID() string {
	var b [nodeIDBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return nodeIDPrefix + nodeIDEncoding.EncodeToString(b[:])
}

// ValidNodeID tells whether id has the form of a drawn node ID.
func ValidNodeID(id string) bool {
	b, err := nodeIDEncoding.DecodeString(strings.TrimPrefix(id, nodeIDPrefix))
	return err == nil && len(b) == nodeIDBytes && strings.HasPrefix(id, nodeIDPrefix)
}

// loadIdentity reads the identity. A missing file is fs.ErrNotExist.
func (o origin) loadIdentity(dir string) (Identity, error) {
	path := filepath.Join(dir, identityFile)
	var id Identity
	err := o.read(path, "identity", &id)
	switch {
	case err != nil:
		return Identity{}, err
	case !ValidNodeID(id.NodeID):
		return Identity{}, &FormatError{File: path, Reason: fmt.Sprintf("node ID %q has not the form that sidelock draws", id.NodeID)}
	}
	return id, nil
}

// drawIdentity makes a new member, unless the directory holds parts of an old
// one: giving those a new name would let one log vote under two names.
func (o origin) drawIdentity(dir string, now time.Time) (Identity, error) {
	path := filepath.Join(dir, identityFile)
	if err := o.unused(dir); err != nil {
		return Identity{}, err
	}
	id := Identity{NodeID: newNodeID(), CreatedAt: now.UTC().Truncate(time.Second)}
	if err := o.write(path, "identity", id); err != nil {
		return Identity{}, err
	}
	return id, nil
}

// unused refuses a directory without an identity that holds anything else.
func (o origin) unused(dir string) error {
	for _, name := range []string{raftFile, snapshotsDir, membershipFile, bootsFile} {
		there, err := exists(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("look into data directory: %w", err)
		}
		if there {
			return &CorruptError{File: filepath.Join(dir, identityFile), Reason: fmt.Sprintf("is missing, but %s is there: a part of the directory was lost", name)}
		}
	}
	return nil
}

// loadBoots reads the boot counter; it is 0 in a new directory.
func (d *Dir) loadBoots() error {
	path := filepath.Join(d.path, bootsFile)
	var b boots
	err := d.origin.read(path, "boots", &b)
	if errors.Is(err, fs.ErrNotExist) {
		there, err := exists(filepath.Join(d.path, raftFile))
		if there {
			return &CorruptError{File: path, Reason: "is missing, but " + raftFile + " is there: a part of the directory was lost"}
		}
		if err != nil || d.offline {
			return err
		}
		return d.origin.write(path, "boots", boots{}) // from now on a missing one is a lost one
	}
	d.boot = b.Count
	return err
}

// countBoot raises the boot counter durably, in raft.db first.
func (d *Dir) countBoot() error {
	d.boot = max(d.boot, d.own.Boot) + 1
	if err := d.writeOwn(); err != nil {
		return err
	}
	return d.origin.write(filepath.Join(d.path, bootsFile), "boots", boots{d.boot})
}
