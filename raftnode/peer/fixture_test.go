package peer

import (
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/sidelock/sidelock/internal/sim"
)

// slowStore is a log store in memory whose StoreLogs takes as long as told.
type slowStore struct {
	*raft.InmemStore
	mu     sync.Mutex
	epoch  uint64
	since  time.Time
	busy   bool
	delay  time.Duration
	onBusy []func()
}

var _ Busy = (*slowStore)(nil)

func (s *slowStore) Busy() (uint64, time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch, s.since, s.busy
}

func (s *slowStore) OnBusy(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onBusy = append(s.onBusy, f)
}

func (s *slowStore) setDelay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

func (s *slowStore) begin() time.Duration {
	s.mu.Lock()
	s.epoch, s.since, s.busy = s.epoch+1, time.Now(), true
	d, fs := s.delay, s.onBusy
	s.mu.Unlock()
	for _, f := range fs {
		f()
	}
	return d
}

func (s *slowStore) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
}

func (s *slowStore) StoreLogs(l []*raft.Log) error {
	time.Sleep(s.begin())
	defer s.end()
	return s.InmemStore.StoreLogs(l)
}

func (s *slowStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// journal is an FSM that remembers what was applied.
type journal struct {
	mu   sync.Mutex
	data []string
}

func (j *journal) Apply(l *raft.Log) any {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.data = append(j.data, string(l.Data))
	return nil
}
func (j *journal) applied() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.data...)
}
func (j *journal) Snapshot() (raft.FSMSnapshot, error) { return nil, fmt.Errorf("no snapshots here") }
func (j *journal) Restore(r io.ReadCloser) error       { return r.Close() }

// view is a fake RaftView.
type view struct {
	mu    sync.Mutex
	state raft.RaftState
	term  uint64
	gone  bool
}

func (v *view) State() raft.RaftState      { v.mu.Lock(); defer v.mu.Unlock(); return v.state }
func (v *view) CurrentTerm() uint64        { v.mu.Lock(); defer v.mu.Unlock(); return v.term }
func (v *view) Peer(id raft.ServerID) bool { v.mu.Lock(); defer v.mu.Unlock(); return !v.gone }

// realView is the RaftView of a raft.Raft.
type realView struct{ *raft.Raft }

func (v realView) Peer(id raft.ServerID) bool {
	for _, s := range v.GetConfiguration().Configuration().Servers {
		if s.ID == id {
			return true
		}
	}
	return false
}

// node is a port and a transport, with or without a raft.Raft on top.
type node struct {
	host   string
	id     raft.ServerID
	port   *Port
	trans  *Transport
	store  *slowStore
	stable *raft.InmemStore
	fsm    *journal
	raft   *raft.Raft
}

const (
	electionTimeout = 400 * time.Millisecond
	leaseTimeout    = 350 * time.Millisecond
)

// open starts the node's port and transport.
func (nd *node) open(t *testing.T, n *sim.Net) {
	t.Helper()
	nd.port = openPort(t, n, nd.host, nil)
	for _, h := range []string{"n1", "n2", "n3"} {
		nd.port.Book().Learn("id-"+h, Entry{Address: h + ":5626"})
	}
	var err error
	nd.trans, err = NewTransport(TransportConfig{Port: nd.port, ID: nd.id, Store: nd.store,
		DialTimeout: electionTimeout / 2, IOTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
}

func (nd *node) close() {
	if nd.raft != nil {
		nd.raft.Shutdown().Error()
		nd.raft = nil
	}
	nd.trans.Close()
	nd.port.Close()
}

func newNode(host string) *node {
	return &node{host: host, id: raft.ServerID("id-" + host), store: &slowStore{InmemStore: raft.NewInmemStore()},
		stable: raft.NewInmemStore(), fsm: &journal{}}
}

// pairOf gives two nodes without Raft.
func pairOf(t *testing.T, n *sim.Net) (*node, *node) {
	t.Helper()
	a, b := newNode("n1"), newNode("n2")
	a.open(t, n)
	b.open(t, n)
	return a, b
}

func (nd *node) startRaft(t *testing.T) {
	t.Helper()
	c := raft.DefaultConfig()
	c.LocalID = nd.id
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = electionTimeout, electionTimeout, leaseTimeout
	c.CommitTimeout = 25 * time.Millisecond
	c.Logger = hclog.NewNullLogger()
	var err error
	nd.raft, err = raft.NewRaft(c, nd.fsm, nd.store, nd.stable, raft.NewDiscardSnapshotStore(), nd.trans)
	if err != nil {
		t.Fatal(err)
	}
	nd.trans.Bind(realView{nd.raft})
}

// group is three real Raft members.
type group struct {
	t     *testing.T
	net   *sim.Net
	nodes []*node
}

func startGroup(t *testing.T, n *sim.Net) *group {
	t.Helper()
	g := &group{t: t, net: n}
	var servers []raft.Server
	for _, h := range []string{"n1", "n2", "n3"} {
		nd := newNode(h)
		g.nodes = append(g.nodes, nd)
		servers = append(servers, raft.Server{ID: nd.id, Address: raft.ServerAddress(nd.id)})
	}
	for _, nd := range g.nodes {
		nd.open(t, n)
		nd.startRaft(t)
	}
	if err := g.nodes[0].raft.BootstrapCluster(raft.Configuration{Servers: servers}).Error(); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *group) close() {
	for _, nd := range g.nodes {
		nd.close()
	}
}

// leader waits for a leader among the nodes not left out.
func (g *group) leader(limit time.Duration, not ...*node) *node {
	g.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
	next:
		for _, nd := range g.nodes {
			for _, x := range not {
				if nd == x {
					continue next
				}
			}
			if nd.raft != nil && nd.raft.State() == raft.Leader {
				return nd
			}
		}
	}
	g.t.Fatalf("no leader within %v", limit)
	return nil
}

func (g *group) others(nd *node) (out []*node) {
	for _, o := range g.nodes {
		if o != nd {
			out = append(out, o)
		}
	}
	return out
}

// caughtUp waits until a node has applied s.
func (g *group) caughtUp(nd *node, s string, limit time.Duration) time.Duration {
	g.t.Helper()
	start := time.Now()
	for time.Since(start) <= limit {
		for _, a := range nd.fsm.applied() {
			if a == s {
				return time.Since(start)
			}
		}
		time.Sleep(time.Millisecond)
	}
	g.t.Fatalf("%s has not applied %q within %v", nd.host, s, limit)
	return 0
}

func (g *group) apply(nd *node, s string) {
	g.t.Helper()
	if err := nd.raft.Apply([]byte(s), time.Second).Error(); err != nil {
		g.t.Fatal(err)
	}
}
