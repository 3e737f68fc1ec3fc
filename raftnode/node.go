package raftnode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/raftnode/form"
	"github.com/sidelock/sidelock/raftnode/peer"
	"github.com/sidelock/sidelock/raftnode/store"
)

// Node is one sidecar's part in its group. All methods are safe for concurrent use.
type Node struct {
	cfg     Config
	deps    Deps
	id      raft.ServerID
	log     *slog.Logger
	raftLog hclog.Logger

	dir       *store.Dir
	port      *peer.Port
	former    *form.Former
	machine   *machine
	session   session
	keeper    *keeper
	leads     *leads
	advertise atomic.Pointer[string] // host:port told to peers; known once the peer port is open

	// Set once, before joined.
	raft      *raft.Raft
	transport *peer.Transport
	store     *store.Log
	cluster   atomic.Pointer[string]
	joined    atomic.Bool

	reign        atomic.Pointer[reign] // while this node is Raft leader and ready
	leaderChange broadcast
	leaderSeen   chan struct{} // has a value when raft observed a leader
	begun        chan struct{} // closed when the group was joined, or never will be; nil: not tried
	raftDown     chan struct{} // closed when raft has been shut down
	lost         chan struct{} // has a value when a peer could not be reached
	link         atomic.Pointer[link]

	contact  contacts
	fresh    freshness
	started  time.Time
	ready    atomic.Bool
	draining atomic.Bool
	noWaits  chan struct{} // closed by EndWaits
	endWaits sync.Once

	ctx        context.Context
	cancel     context.CancelFunc
	background sync.WaitGroup // all goroutines of the node
	besideMu   sync.Mutex     // callers' goroutines that start some take it, and so does Close before it waits
	closeOnce  sync.Once
	closeErr   error
}

var errClosing = fmt.Errorf("this node is stopping: %w", errNothing)

// Open opens the data directory and the peer port, and begins to form or rejoin the group in the background. The node
// refuses with NotReady until it belongs to one. Close it.
func Open(cfg Config, deps Deps) (*Node, error) {
	if err := cfg.check(&deps); err != nil {
		return nil, fmt.Errorf("configure the node: %w", err)
	}
	n := &Node{cfg: cfg, deps: deps, log: deps.Logger, started: time.Now(), leaderSeen: make(chan struct{}, 1), lost: make(chan struct{}, 1), raftDown: make(chan struct{}), noWaits: make(chan struct{})}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.raftLog = newRaftLogger(n.log)
	n.machine = newMachine(deps.Recorder, deps.Clock, deps.Fatal)
	n.machine.spy = deps.spy
	n.keeper, n.leads = newKeeper(n), n.machine.leads
	if err := n.open(); err != nil {
		n.cancel()
		return nil, errors.Join(err, n.release())
	}
	n.begun = make(chan struct{})
	go func() {
		defer close(n.begun)
		n.begin()
	}()
	return n, nil
}

func (n *Node) open() (err error) {
	n.dir, err = store.Open(n.cfg.DataDir, store.Options{
		Fatal: n.deps.Fatal, Logger: n.log,
		OnFsync: func(seconds float64, _ int) { n.deps.Recorder.Fsync(seconds) },
	})
	if err != nil {
		return err
	}
	n.id = raft.ServerID(n.dir.Identity().NodeID)
	n.log = n.log.With("node", n.cfg.Name)
	if err := n.checkSolitude(); err != nil {
		return err
	}
	book := map[string]peer.Entry{}
	for id, p := range n.dir.Peers() {
		book[id] = peer.Entry{Address: p.Address, Name: p.Name}
	}
	n.port, err = peer.Listen(peer.Config{Network: n.deps.Network, Listen: n.cfg.PeerAddr, Identity: n.identity,
		Book: peer.NewBook(book), Log: n.log, OnDialError: n.seekSoon})
	if err != nil {
		return fmt.Errorf("open the peer port: %w; choose another with --peer-addr", err)
	}
	address, err := advertised(n.cfg.Advertise, n.port.Addr())
	if err != nil {
		return err
	}
	n.advertise.Store(&address)
	n.port.Book().OnChange(n.saveBook)
	forming := form.Config{ID: string(n.id), Name: n.cfg.Name, Address: address, Join: n.cfg.Join,
		ClusterSize: n.cfg.ClusterSize, Voters: n.cfg.Voters, Known: n.known(), Logger: n.log}
	if n.alone() {
		forming.StableFor = aloneStable
	}
	n.former, err = form.New(forming, founding{n}, probing{n})
	if err != nil {
		return err
	}
	n.port.Handle(peer.KindProbe, n.serveProbe)
	return nil
}

// checkSolitude refuses to look for others with a directory that founded a group of its own: it would stay alone and answer
// as if it were not.
func (n *Node) checkSolitude() error {
	m := n.dir.Membership()
	if m.Promise != nil && len(m.Promise.Nodes) == 1 && n.cfg.ClusterSize > 1 {
		return fmt.Errorf("the data directory %s belongs to a group of one, and --cluster-size is %d: move the directory away and start again, or start without --cluster-size and --join", n.cfg.DataDir, n.cfg.ClusterSize)
	}
	return nil
}

// advertised fills the listener's port into an address that leaves it open.
func advertised(want string, bound net.Addr) (string, error) {
	_, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return bound.String(), nil // no address of TCP: take it as it is
	}
	if want == "" {
		return bound.String(), nil
	}
	host, wantPort, err := net.SplitHostPort(want)
	if err != nil {
		return "", fmt.Errorf("advertised address %q: %w", want, err)
	}
	if wantPort != "0" {
		port = wantPort
	}
	return net.JoinHostPort(host, port), nil
}

// identity is who this node says it is in every hello.
func (n *Node) identity() peer.Identity {
	return peer.Identity{ClusterID: n.clusterID(), NodeID: string(n.id), Name: n.cfg.Name, Address: n.address()}
}

// address is where peers find this node; empty until its port is open.
func (n *Node) address() string {
	if a := n.advertise.Load(); a != nil {
		return *a
	}
	return ""
}

func (n *Node) clusterID() string {
	if id := n.cluster.Load(); id != nil {
		return *id
	}
	return ""
}

// begin forms or rejoins the group, then starts Raft.
func (n *Node) begin() {
	group, err := n.former.Form(n.ctx)
	if err == nil {
		err = n.startRaft(group)
	}
	switch {
	case n.ctx.Err() != nil:
	case err != nil:
		n.deps.Fatal(fmt.Errorf("join the group: %w", err))
	default:
		n.background.Go(n.monitor)
		n.background.Go(n.keepLink)
		n.background.Go(n.seek)
		n.background.Go(func() { n.keeper.run(n.ctx) })
		n.background.Go(n.watchReadiness)
	}
}

// startRaft starts the Raft member. Before, vote requests are refused: the port serves no Raft (guard 4).
func (n *Node) startRaft(group form.Result) error {
	for _, m := range group.Members {
		n.port.Book().Learn(m.ID, peer.Entry{Address: m.Address, Name: m.Name})
	}
	n.cluster.Store(&group.ClusterID)
	logs, stable, log := n.dir.RaftStores()
	n.store = log
	snapshots, err := n.dir.Snapshots(n.raftLog)
	if err != nil {
		return err
	}
	n.transport, err = peer.NewTransport(peer.TransportConfig{Port: n.port, ID: n.id, Store: log, Log: n.raftLog,
		DialTimeout: n.cfg.Timing.Election / 2})
	if err != nil {
		return err
	}
	n.machine.trim = n.trim
	n.raft, err = raft.NewRaft(n.raftConfig(), n.machine, logs, stable, snapshots, n.transport)
	if err != nil {
		return errors.Join(fmt.Errorf("start raft: %w", err), n.transport.Close())
	}
	n.transport.Bind(view{n.raft})
	n.transport.Observe(n.observe)
	n.raft.RegisterObserver(raft.NewObserver(nil, false, n.leaderObserved))
	n.joined.Store(true)
	n.port.Handle(peer.KindForward, func(c net.Conn, _ peer.Hello) { n.serveForward(c) })
	n.log.Info("joined the group", "cluster", group.ClusterID, "id", n.id, "last_index", n.raft.LastIndex())
	return nil
}

// leaderObserved is called by raft, and must not block; it is no filter but a bell.
func (n *Node) leaderObserved(o *raft.Observation) bool {
	if _, ok := o.Data.(raft.LeaderObservation); ok {
		select {
		case n.leaderSeen <- struct{}{}:
		default:
		}
	}
	return false
}

// view is what the transport's guards ask raft.
type view struct{ *raft.Raft }

func (v view) Peer(id raft.ServerID) bool {
	for _, s := range v.GetConfiguration().Configuration().Servers {
		if s.ID == id {
			return true
		}
	}
	return false
}

var _ peer.RaftView = view{}

// Close hands Raft leadership over, stops everything and lets the data directory go. What clients hold is not released: it
// lives out its TTL. Calls under way fail.
func (n *Node) Close(ctx context.Context) error {
	n.closeOnce.Do(func() {
		n.Drain()
		n.handOver(ctx)
		n.besideMu.Lock()
		n.cancel()
		n.besideMu.Unlock()
		released := make(chan error, 1)
		go func() { released <- n.release() }()
		select {
		case n.closeErr = <-released:
		case <-ctx.Done():
			n.closeErr = fmt.Errorf("close the node: %w; something hangs, perhaps the disk", ctx.Err())
		}
	})
	return n.closeErr
}

// beside runs f in the background on behalf of a caller, unless the node is closing.
func (n *Node) beside(f func()) (started bool) {
	n.besideMu.Lock()
	defer n.besideMu.Unlock()
	if n.ctx.Err() != nil {
		return false
	}
	n.background.Go(f)
	return true
}

// handOver lets another voter lead before this one goes, which saves the others an election timeout.
func (n *Node) handOver(ctx context.Context) {
	if !n.joined.Load() || n.raft.State() != raft.Leader || len(n.raft.GetConfiguration().Configuration().Servers) < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, handOverTimeout)
	defer cancel()
	if err := wait(ctx, n.raft.LeadershipTransfer()); err != nil {
		n.log.Warn("could not hand Raft leadership over; the others elect a new leader", "err", err)
	}
}

const handOverTimeout = 2 * time.Second

// release closes what is open, in the reverse order of opening.
func (n *Node) release() error {
	var errs []error
	n.machine.watch.wakeAll()
	if n.begun != nil {
		<-n.begun
	}
	if n.joined.Load() {
		errs = append(errs, n.raft.Shutdown().Error(), n.transport.Close())
	}
	close(n.raftDown)
	n.background.Wait()
	if n.port != nil {
		errs = append(errs, n.port.Close())
	}
	if n.dir != nil {
		errs = append(errs, n.dir.Close())
	}
	return errors.Join(errs...)
}
