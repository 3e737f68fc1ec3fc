package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Options is what a directory needs from outside.
type Options struct {
	// Fatal is called once, with the first error after which the process must
	// end: a damaged entry, a write that failed or does not come back. Afterwards
	// every use of the stores returns that error. It may be called on any
	// goroutine, raft's own among them, so it must not wait for raft to stop. Required.
	Fatal func(error)
	// OnFsync, if set, is told how long each StoreLogs took and how many entries it wrote.
	OnFsync func(seconds float64, entries int)
	// Logger hears what a person may want to know. Default: nowhere.
	Logger *slog.Logger
	// Release is the version of this build. It is written into the directory, so
	// that an older release which finds it can say what to run.
	Release string
}

// Dir is one open data directory. Its methods are safe for concurrent use.
type Dir struct {
	path     string
	opts     Options
	offline  bool // opened by OpenOffline: nothing is made, and no boot counted
	origin   origin
	lock     *os.File
	fail     *failure
	identity Identity
	boot     uint64
	own      own
	bolt     io.Closer
	run      logRun // of the log as it was opened
	log      *Log
	stable   *Stable

	mu     sync.Mutex // guards the small files
	member Membership
	closed bool
}

// Open takes the directory for this process, makes it if it is new, verifies
// it, and counts a boot. Errors: ErrInUse, *CorruptError, *FormatError,
// *UnfinishedError, *DiskError, or of the file system; each says what to do next.
func Open(path string, o Options) (*Dir, error) { return openDir(path, o, false) }

// OpenOffline opens a directory to look at it or to mend it: it must be there, no
// boot is counted, and a recovery that was begun is no obstacle.
func OpenOffline(path string, o Options) (*Dir, error) { return openDir(path, o, true) }

func openDir(path string, o Options, offline bool) (*Dir, error) {
	if o.Fatal == nil {
		return nil, errors.New("open data directory: Options.Fatal is required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	if offline {
		err = mustBeDir(path)
	} else {
		err = makeDir(path)
	}
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(path, offline)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: path, opts: o, offline: offline, lock: lock, fail: newFailure(o.Fatal), origin: origin{release: o.Release}}
	if err := d.load(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// makeDir makes the directory for its owner alone, and its name durable.
func makeDir(path string) error {
	there, err := exists(path)
	if err == nil && !there {
		if err = os.MkdirAll(path, privateDir); err == nil {
			err = syncDir(filepath.Dir(path))
		}
	}
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	return nil
}

// mustBeDir refuses a place where no sidecar has kept its data.
func mustBeDir(path string) error {
	for _, name := range []string{identityFile, raftFile, membershipFile} {
		if there, err := exists(filepath.Join(path, name)); err != nil || there {
			return err
		}
	}
	return fmt.Errorf("%s: %w; name the one that `serve` has", path, ErrNoDirectory)
}

func (d *Dir) load() (err error) {
	if err := d.loadSmallFiles(); err != nil {
		return err
	}
	snapshot, err := d.newestSnapshot()
	if err != nil {
		return err
	}
	if err := d.openRaft(snapshot); err != nil {
		return err
	}
	if err := d.checkFounded(d.member); err != nil {
		return err
	}
	if err := d.checkReach(snapshot); err != nil {
		return err
	}
	if err := d.log.verify(snapshot); err != nil || d.offline {
		return err
	}
	if err := d.dropStale(snapshot); err != nil {
		return err
	}
	return d.countBoot()
}

// loadSmallFiles reads who this directory is and what it decided, and draws an
// identity for a new one.
func (d *Dir) loadSmallFiles() (err error) {
	d.identity, err = d.origin.loadIdentity(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		d.identity, err = d.origin.drawIdentity(d.path, time.Now())
	}
	if err != nil {
		return err
	}
	d.origin.node = d.identity.NodeID // what follows must be of this node
	if d.member, err = d.origin.loadMembership(d.path); err != nil {
		return err
	}
	if r := d.member.Recovering; r != nil && !d.offline {
		return &UnfinishedError{Dir: d.path, Recovery: *r}
	}
	return d.loadBoots()
}

// openRaft opens raft.db, which is made only in a directory that has joined
// nothing: a member whose log is gone must not vote again under its old ID.
func (d *Dir) openRaft(snapshot uint64) error {
	path := filepath.Join(d.path, raftFile)
	there, err := exists(path)
	if err != nil {
		return fmt.Errorf("look into data directory: %w", err)
	}
	switch {
	case !there && (d.member.Joined() || snapshot > 0):
		return &CorruptError{File: path, Reason: "is missing, but this node is a member of a group"}
	case !there && d.offline:
		return fmt.Errorf("%s is missing: this directory has been in no group yet", path)
	case !there:
		if err := d.origin.createBolt(path, d.boot); err != nil {
			return err
		}
	}
	if err := os.Remove(path + compactSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what an interrupted compaction left: %w", err)
	}
	db, run, err := openBolt(path)
	if err != nil {
		return err
	}
	d.run = run
	d.bolt = db
	d.log = newLog(db, path, d.fail, d.opts.OnFsync)
	d.stable = NewStable(d.log)
	return d.checkOwn()
}

// checkFounded refuses a log and a membership that do not belong together. The
// order of founding is: promise, Raft's first entry, joined and logged. So whoever
// has entries has at least promised or joined, and whoever has noted them has them.
func (d *Dir) checkFounded(m Membership) error {
	last, err := d.log.LastIndex()
	if err != nil {
		return err
	}
	snapshot, err := d.newestSnapshot()
	if err != nil {
		return err
	}
	empty := last == 0 && snapshot == 0
	switch {
	case !empty && m.Promise == nil && !m.Joined():
		return &CorruptError{File: filepath.Join(d.path, membershipFile), Reason: "is missing, but the log has entries: a part of the directory was lost"}
	case empty && (m.Logged || m.Joined() && m.foundingVoter(d.identity.NodeID)):
		return &CorruptError{File: filepath.Join(d.path, raftFile), Reason: "is empty, but this node has been a member of cluster " + m.ClusterID}
	}
	return nil
}

// checkReach refuses a log with a hole after the newest snapshot: what belongs
// there is lost, and raft would panic when it gets there. (For an older hole see
// dropStale.)
func (d *Dir) checkReach(snapshot uint64) error {
	if d.run.first > snapshot+1 {
		return &CorruptError{File: filepath.Join(d.path, raftFile), Index: d.run.first - 1,
			Reason: fmt.Sprintf("is lost, and the newest usable snapshot ends at %d", snapshot)}
	}
	return nil
}

// dropStale does what raft does after it has installed a snapshot, where the
// process ended before: what was in the log until then is void. See
// Log.IsMonotonic.
func (d *Dir) dropStale(snapshot uint64) error {
	first, err := d.log.FirstIndex()
	if err != nil || first == 0 {
		return err
	}
	switch {
	case d.run.last < snapshot:
		return d.log.DeleteRange(first, d.run.last)
	case first < d.run.first:
		return d.log.DeleteRange(first, d.run.first-1)
	}
	return nil
}

// Path returns the directory's absolute path.
func (d *Dir) Path() string { return d.path }

// Identity returns who this directory is.
func (d *Dir) Identity() Identity { return d.identity }

// Boot returns how often the directory has been opened, this time included.
func (d *Dir) Boot() uint64 { return d.boot }

// RaftStores returns what raft.NewRaft wants: the log behind a cache of
// CachedEntries entries, and term and vote; and the log itself. The first two are
// for raft alone: where raft would panic over a store that has failed, the
// goroutine that asked ends.
func (d *Dir) RaftStores() (raft.LogStore, raft.StableStore, *Log) {
	logs, stable, log := d.stores()
	return silentLog{logs}, silentStable{stable}, log
}

func (d *Dir) stores() (raft.LogStore, *Stable, *Log) {
	cached, err := raft.NewLogCache(CachedEntries, d.log)
	if err != nil {
		panic(err) // CachedEntries is not positive: a mistake in limits.go
	}
	return cached, d.stable, d.log
}

// Close ends all use and lets the directory go. Close raft first. Errors of uses
// that come too late are ErrClosed and not fatal. A second Close does nothing.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	var errs []error
	d.fail.close()
	if d.bolt != nil {
		errs = append(errs, d.bolt.Close())
	}
	// The lock goes with its descriptor; the file stays, so that no second
	// process can lock a name that is being removed.
	return errors.Join(append(errs, d.lock.Close())...)
}
