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
// rolled back or copied.
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

// loadIdentity reads the identity, or draws one if the directory is new.
func loadIdentity(dir string, now time.Time) (Identity, error) {
	path := filepath.Join(dir, identityFile)
	var id Identity
	err := readRecord(path, "identity", &id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return drawIdentity(dir, path, now)
	case err != nil:
		return Identity{}, err
	case !ValidNodeID(id.NodeID):
		return Identity{}, &FormatError{File: path, Reason: fmt.Sprintf("node ID %q has not the form that sidelock draws", id.NodeID)}
	}
	return id, nil
}

// drawIdentity makes a new member, unless the directory holds parts of an old
// one: giving those a new name would let one log vote under two names.
func drawIdentity(dir, path string, now time.Time) (Identity, error) {
	for _, name := range []string{raftFile, snapshotsDir, membershipFile, bootsFile} {
		there, err := exists(filepath.Join(dir, name))
		if err != nil {
			return Identity{}, fmt.Errorf("look into data directory: %w", err)
		}
		if there {
			return Identity{}, &CorruptError{File: path, Reason: fmt.Sprintf("is missing, but %s is there: a part of the directory was lost", name)}
		}
	}
	id := Identity{NodeID: newNodeID(), CreatedAt: now.UTC().Truncate(time.Second)}
	if err := writeRecord(path, "identity", id); err != nil {
		return Identity{}, err
	}
	return id, nil
}

// countBoot raises the boot counter durably and returns it.
func countBoot(dir string) (uint64, error) {
	path := filepath.Join(dir, bootsFile)
	var b boots
	err := readRecord(path, "boots", &b)
	if errors.Is(err, fs.ErrNotExist) {
		var there bool
		if there, err = exists(filepath.Join(dir, raftFile)); there {
			return 0, &CorruptError{File: path, Reason: "is missing, but " + raftFile + " is there: a part of the directory was lost"}
		}
	}
	if err != nil {
		return 0, err
	}
	b.Count++
	return b.Count, writeRecord(path, "boots", b)
}
