package raftnode

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/internal/sim"
	"github.com/sidelock/sidelock/lease"
)

var (
	long    = flag.Bool("long", false, "more seeds and longer storms")
	showLog = flag.Bool("node-log", false, "show what the nodes log")
)

// world is a group of whole nodes in fake time: a network in memory, real files, and a clock for each.
type world struct {
	t      *testing.T
	net    *sim.Net
	root   string // of the data directories
	timing Timing
	tune   func(*raft.Config)
	also   func(*Config) // to the configuration of every host; may be nil
	ledger *ledger
	hosts  []*host

	mu       sync.Mutex
	copies   int
	restores int // snapshots installed by or loaded into any node
}

// host is a machine on which a node may run.
type host struct {
	w     *world
	name  string
	clock *skewedClock

	mu   sync.Mutex
	dir  string
	node *Node // nil: down

	also   func(*Config) // to its configuration; may be nil
	fatals chan error    // not nil: what a fatal failure says goes here, and is none of the test
}

// small makes snapshots and their installation frequent.
func small(c *raft.Config) {
	c.SnapshotInterval, c.SnapshotThreshold, c.TrailingLogs = time.Second, 32, 16
}

// inFakeTime runs f in a bubble with a group of the given size, all up.
func inFakeTime(t *testing.T, size int, f func(*world), options ...func(*world)) {
	t.Helper()
	t.Parallel()
	root := dataRoot(t)
	synctest.Test(t, func(t *testing.T) {
		// A bubble begins in the year 2000, and no clock of a real group says so.
		time.Sleep(time.Until(builtAfter.AddDate(0, 1, 0)))
		inWorld(t, root, size, f, options)
	})
}

// inRealTime is inFakeTime for what would never let a bubble end.
func inRealTime(t *testing.T, size int, f func(*world), options ...func(*world)) {
	t.Helper()
	t.Parallel()
	inWorld(t, dataRoot(t), size, f, options)
}

func inWorld(t *testing.T, root string, size int, f func(*world), options []func(*world)) {
	w := &world{t: t, net: sim.New(), root: root, timing: Fast, ledger: newLedger(t)}
	for _, o := range options {
		o(w)
	}
	for i := range size {
		name := fmt.Sprintf("n%d", i+1)
		w.hosts = append(w.hosts, &host{w: w, name: name, clock: newSkewedClock(1), dir: filepath.Join(root, name), also: w.also})
	}
	defer w.end()
	for _, h := range w.hosts {
		h.start()
	}
	w.ready()
	f(w)
}

// dataRoot is a directory for data directories, in memory where the system has such a place: an fsync to a disk takes
// longer than all the rest.
func dataRoot(t *testing.T) string {
	root, err := os.MkdirTemp("/dev/shm", "sidelock-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	return root
}

// end stops every node; the bubble must be empty then.
func (w *world) end() {
	w.net.HealAll()
	for _, h := range w.hosts {
		h.clock.thaw()
		h.stop()
	}
	w.net.Close()
}

func (h *host) addr() string { return h.name + ":5626" }

// start opens a node on the host's directory.
func (h *host) start() *Node {
	w := h.w
	w.t.Helper()
	join := []string{}
	for _, other := range w.hosts {
		if other != h {
			join = append(join, other.addr())
		}
	}
	cfg := Config{DataDir: h.dir, Name: h.name, PeerAddr: h.addr(), Advertise: h.addr(),
		ClusterSize: len(w.hosts), Voters: len(w.hosts), Join: join, Timing: w.timing, Version: "test"}
	if h.also != nil {
		h.also(&cfg)
	}
	n, err := Open(cfg,
		Deps{Logger: w.logger(), Recorder: noRecorder{}, Clock: h.clock, Network: w.net.Host(h.name), Fatal: h.fatal,
			tune: w.tune, spy: w.spyOn(h)})
	if err != nil {
		w.t.Fatalf("open %s: %v", h.name, err)
	}
	h.mu.Lock()
	h.node = n
	h.mu.Unlock()
	return n
}

func (h *host) fatal(err error) {
	if h.fatals == nil {
		h.w.t.Errorf("%s: fatal: %v", h.name, err)
		return
	}
	select {
	case h.fatals <- err:
	default:
	}
}

func (w *world) logger() *slog.Logger {
	if !*showLog {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (w *world) spyOn(h *host) spy {
	return spy{
		applied: func(l *raft.Log, s *lease.State) { w.ledger.applied(h.name, l, s) },
		restored: func(s *lease.State) {
			w.mu.Lock()
			w.restores++
			w.mu.Unlock()
			w.ledger.digest(h.name, s)
		},
	}
}

// up returns the host's node, nil if it is down.
func (h *host) up() *Node {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.node
}

func (h *host) take() *Node {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.node
	h.node = nil
	return n
}

// stop ends the node as SIGTERM does.
func (h *host) stop() {
	if n := h.take(); n != nil {
		if err := n.Close(context.Background()); err != nil {
			h.w.t.Errorf("close %s: %v", h.name, err)
		}
	}
}

// crash takes the host's power away. What was in its directory at that moment is what a later start finds; the old
// node, cut off, is then put out of its misery.
func (h *host) crash() {
	n := h.take()
	if n == nil {
		return
	}
	w := h.w
	w.net.Crash(h.name)
	synctest.Wait() // nobody is in the middle of a write
	w.mu.Lock()
	w.copies++
	dir := filepath.Join(w.root, fmt.Sprintf("%s-%d", h.name, w.copies))
	w.mu.Unlock()
	if err := copyDir(h.dir, dir); err != nil {
		w.t.Fatal(err)
	}
	h.dir = dir
	if err := n.abandon(); err != nil {
		w.t.Errorf("close the rest of %s: %v", h.name, err)
	}
	w.net.Restart(h.name)
}

// abandon is Close without handing over.
func (n *Node) abandon() error {
	n.closeOnce.Do(func() {
		n.Drain()
		n.besideMu.Lock()
		n.cancel()
		n.besideMu.Unlock()
		n.closeErr = n.release()
	})
	return n.closeErr
}

func copyDir(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o600)
	})
}

// sleep lets fake time pass.
func (w *world) sleep(d time.Duration) { time.Sleep(d) }

// eventually waits for a condition and returns how long that took.
func (w *world) eventually(limit time.Duration, what string, cond func() bool) time.Duration {
	w.t.Helper()
	begin := time.Now()
	for !cond() {
		if time.Since(begin) > limit {
			w.t.Fatalf("%s: not within %v", what, limit)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(begin)
}

// ready waits until every node that is up can serve, with links to the Raft leader.
func (w *world) ready() {
	w.t.Helper()
	w.eventually(20*time.Second, "the group is ready", func() bool {
		for _, h := range w.hosts {
			if n := h.up(); n != nil && (!n.Status().Ready || n.Status().Leader == nil || !n.caughtUp()) {
				return false
			}
		}
		return w.leader() != nil
	})
}

// leader returns the host whose node reigns in the highest term, nil if none does.
func (w *world) leader() *host {
	var best *host
	var term uint64
	for _, h := range w.hosts {
		if n := h.up(); n != nil {
			if r := n.reigning(); r != nil && r.term >= term {
				best, term = h, r.term
			}
		}
	}
	return best
}

// newLeader waits for a leader that is not the given host.
func (w *world) newLeader(old *host) *host {
	w.t.Helper()
	var now *host
	w.eventually(10*time.Second, "another Raft leader", func() bool {
		now = w.leader()
		return now != nil && now != old
	})
	return now
}

// transfer makes another node Raft leader, without a fault, and returns it.
func (w *world) transfer() *host {
	w.t.Helper()
	old := w.leader()
	if old == nil {
		w.t.Fatal("nobody leads")
	}
	if err := old.up().asMember().raft.LeadershipTransfer().Error(); err != nil {
		w.t.Fatalf("transfer leadership: %v", err)
	}
	return w.newLeader(old)
}

// follower returns a host that does not lead.
func (w *world) follower() *host {
	w.t.Helper()
	leader := w.leader()
	for _, h := range w.hosts {
		if h != leader && h.up() != nil {
			return h
		}
	}
	w.t.Fatal("no follower is up")
	return nil
}

func (w *world) others(not *host) (names []string) {
	for _, h := range w.hosts {
		if h != not {
			names = append(names, h.name)
		}
	}
	return names
}

// isolate cuts a host off from all others, both ways.
func (w *world) isolate(h *host) { w.net.Partition(h.name, w.others(h)...) }

// within returns a context that ends after d.
func within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// skewedClock runs at its own rate and can be made to jump.
type skewedClock struct {
	mu    sync.Mutex
	start time.Time
	rate  float64
	jump  time.Duration
	awake time.Duration // of jumps, what Boot alone saw
	stall chan struct{} // not nil: whoever reads Steady waits until it is closed
}

var _ Clock = (*skewedClock)(nil)

func newSkewedClock(rate float64) *skewedClock { return &skewedClock{start: time.Now(), rate: rate} }

// Steady is what the Raft leader's batcher reads, so to hold it up holds up the leader.
func (c *skewedClock) Steady() time.Duration {
	c.mu.Lock()
	stall := c.stall
	c.mu.Unlock()
	if stall != nil {
		<-stall
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(float64(time.Since(c.start))*c.rate) + c.jump
}

func (c *skewedClock) Boot() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(float64(time.Since(c.start))*c.rate) + c.jump + c.awake
}

// setRate changes the rate from now on; the readings do not jump.
func (c *skewedClock) setRate(rate float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jump += time.Duration(float64(time.Since(c.start)) * (c.rate - rate))
	c.rate = rate
}

// suspend lets time pass that the steady clock does not count.
func (c *skewedClock) suspend(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awake += d
}

// freeze stops whoever reads the steady clock until thaw.
func (c *skewedClock) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stall == nil {
		c.stall = make(chan struct{})
	}
}

func (c *skewedClock) thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stall != nil {
		close(c.stall)
		c.stall = nil
	}
}

type noRecorder struct{}

var _ Recorder = noRecorder{}

func (noRecorder) Commit(float64)                    {}
func (noRecorder) Batch(int)                         {}
func (noRecorder) Fsync(float64)                     {}
func (noRecorder) LeaderChange()                     {}
func (noRecorder) MembershipChange(string)           {}
func (noRecorder) Granted(string, string, float64)   {}
func (noRecorder) GrantEnded(string, string, string) {}
func (noRecorder) RenewalMargin(float64)             {}
func (noRecorder) ExpiryLateness(float64)            {}
