package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

const (
	snapshotsDir  = "snapshots"
	metaFile      = "meta.json"
	stateFile     = "state.bin"
	unfinishedExt = ".tmp"

	snapshotVersion = 1 // raft's, of its configuration in a snapshot
)

// snapshots keeps Raft's snapshots, each in a directory of its own that gets its
// name when it is complete. It does what raft.FileSnapshotStore does, and guards
// against what that does not:
//
//   - its meta.json has no checksum: with one digit flipped, the state would stand
//     at another index than it is of;
//   - it passes a damaged snapshot over in silence, for the one before, from which
//     the log has a gap. Here only the newest is ever listed, and damage to it ends
//     the node. (raft does the same with a snapshot that the state machine refuses.)
//   - it lets a failed write be tried again.
type snapshots struct {
	path   string
	origin origin
	fail   *failure
	log    hclog.Logger
}

var _ raft.SnapshotStore = (*snapshots)(nil)

// snapshotMeta is meta.json.
type snapshotMeta struct {
	ID                 string             `json:"id"`
	Index              uint64             `json:"index"`
	Term               uint64             `json:"term"`
	Configuration      raft.Configuration `json:"configuration"`
	ConfigurationIndex uint64             `json:"configuration_index"`
	Size               int64              `json:"size"`     // of state.bin
	Checksum           uint32             `json:"checksum"` // of state.bin, CRC32C
}

func (m *snapshotMeta) forRaft() *raft.SnapshotMeta {
	return &raft.SnapshotMeta{Version: snapshotVersion, ID: m.ID, Index: m.Index, Term: m.Term,
		Configuration: m.Configuration, ConfigurationIndex: m.ConfigurationIndex, Size: m.Size}
}

// Snapshots returns the store of Raft's snapshots. It keeps RetainedSnapshots,
// lists the newest alone, and verifies the checksum of a whole snapshot when it is
// opened. A damaged one, and a write that failed, have gone to Fatal.
func (d *Dir) Snapshots(logger hclog.Logger) (raft.SnapshotStore, error) {
	s := d.snapshots()
	s.log = logger
	if d.offline {
		return s, nil // to be looked at, and nothing else
	}
	if err := os.MkdirAll(s.path, privateDir); err != nil {
		return nil, &DiskError{File: s.path, Err: err}
	}
	if err := syncDir(d.path); err != nil {
		return nil, &DiskError{File: s.path, Err: err}
	}
	return s, s.sweep()
}

func (d *Dir) snapshots() *snapshots {
	return &snapshots{path: filepath.Join(d.path, snapshotsDir), origin: d.origin, fail: d.fail, log: hclog.NewNullLogger()}
}

// newestSnapshot returns the index of the newest snapshot, 0 if there is none.
func (d *Dir) newestSnapshot() (uint64, error) {
	meta, err := d.snapshots().newest()
	if err != nil || meta == nil {
		return 0, err
	}
	return meta.Index, nil
}

// names returns the complete snapshots by name, the newest first. What has another
// kind of name is not ours.
func (s *snapshots) names() ([]snapshotName, error) {
	entries, err := os.ReadDir(s.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for snapshots: %w", err)
	}
	var names []snapshotName
	for _, e := range entries {
		if n, ok := parseSnapshotName(e.Name()); ok && e.IsDir() {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b snapshotName) int { return b.compare(a) })
	return names, nil
}

// newest returns what the newest snapshot says of itself, nil if there is none.
func (s *snapshots) newest() (*snapshotMeta, error) {
	names, err := s.names()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	return s.meta(names[0])
}

// meta reads and checks meta.json of one snapshot.
func (s *snapshots) meta(n snapshotName) (*snapshotMeta, error) {
	path := filepath.Join(s.path, n.String(), metaFile)
	var m snapshotMeta
	err := s.origin.read(path, "snapshot", &m)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &CorruptError{File: path, Reason: "is missing: a part of the newest snapshot was lost", Err: err}
	case err != nil:
		return nil, err
	case m.ID != n.String() || m.Index != n.index || m.Term != n.term:
		return nil, &CorruptError{File: path, Reason: fmt.Sprintf("is of snapshot %s", m.ID)}
	}
	info, err := os.Stat(filepath.Join(s.path, n.String(), stateFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &CorruptError{File: filepath.Join(s.path, n.String(), stateFile), Reason: "is missing: a part of the newest snapshot was lost", Err: err}
	case err != nil:
		return nil, fmt.Errorf("look into snapshot: %w", err)
	case info.Size() != m.Size:
		return nil, &CorruptError{File: filepath.Join(s.path, n.String(), stateFile), Reason: fmt.Sprintf("has %d bytes, not %d", info.Size(), m.Size)}
	}
	return &m, nil
}

// List returns the newest snapshot, if there is one.
func (s *snapshots) List() ([]*raft.SnapshotMeta, error) {
	if err := s.fail.check(); err != nil {
		return nil, err
	}
	m, err := s.newest()
	if err != nil {
		return nil, s.fail.report(err)
	}
	if m == nil {
		return nil, nil
	}
	return []*raft.SnapshotMeta{m.forRaft()}, nil
}

// Open returns a snapshot after its checksum was verified. One that has been
// removed meanwhile is fs.ErrNotExist, and no fault.
func (s *snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if err := s.fail.check(); err != nil {
		return nil, nil, err
	}
	n, ok := parseSnapshotName(id)
	if there, err := exists(filepath.Join(s.path, id)); !ok || err == nil && !there {
		return nil, nil, fmt.Errorf("snapshot %s: %w", id, fs.ErrNotExist)
	}
	m, f, err := s.open(n)
	if err == nil {
		return m.forRaft(), f, nil
	}
	if there, gone := exists(filepath.Join(s.path, id)); gone == nil && !there {
		return nil, nil, fmt.Errorf("snapshot %s: %w", id, fs.ErrNotExist)
	}
	return nil, nil, s.fail.report(err)
}

func (s *snapshots) open(n snapshotName) (*snapshotMeta, *os.File, error) {
	m, err := s.meta(n)
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(s.path, n.String(), stateFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, &DiskError{File: path, Read: true, Err: err}
	}
	sum := crc32.New(castagnoli)
	size, err := io.Copy(sum, f)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	switch {
	case err != nil:
		err = &CorruptError{File: path, Reason: fmt.Sprintf("cannot be read: %v", err), Err: err}
	case size != m.Size || sum.Sum32() != m.Checksum:
		err = &CorruptError{File: path, Reason: fmt.Sprintf("the checksum of %d bytes is %08x, stored was %08x of %d", size, sum.Sum32(), m.Checksum, m.Size)}
	default:
		return m, f, nil
	}
	return nil, nil, errors.Join(err, f.Close())
}

// reap removes the oldest snapshots beyond RetainedSnapshots.
func (s *snapshots) reap() error {
	names, err := s.names()
	if err != nil {
		return err
	}
	for _, n := range names[min(len(names), RetainedSnapshots):] {
		if err := s.remove(n.String()); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes the snapshots that never became complete. While raft runs it
// must not be called: one may be growing.
func (s *snapshots) sweep() error {
	entries, err := os.ReadDir(s.path)
	if err != nil {
		return fmt.Errorf("look for snapshots: %w", err)
	}
	for _, e := range entries {
		base, cut := strings.CutSuffix(e.Name(), unfinishedExt)
		if _, ours := parseSnapshotName(base); !cut || !ours {
			continue
		}
		if err := s.remove(e.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (s *snapshots) remove(name string) error {
	s.log.Info("removing a snapshot that is not needed", "name", name)
	if err := os.RemoveAll(filepath.Join(s.path, name)); err != nil {
		return &DiskError{File: filepath.Join(s.path, name), Err: err}
	}
	return nil
}
