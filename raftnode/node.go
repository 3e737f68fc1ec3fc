package raftnode

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/raftnode/discover"
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
	finder    *discover.Finder
	machine   *machine
	session   session
	keeper    *keeper
	leads     *leads
	advertise atomic.Pointer[string] // host:port told to peers; known once the peer port is open

	member    atomic.Pointer[member] // nil while this node is an agent
	cluster   atomic.Pointer[string]
	ancestors atomic.Pointer[[]string] // of cluster
	joined    atomic.Bool
	instance  string // drawn at each start

	roster      atomic.Pointer[roster] // the group as its Raft leader told it last
	roll        roll                   // who forwards to this node
	rumour      atomic.Pointer[rumour] // who leads, by what others say
	shift       chan struct{}          // has a value when this node's role may have to change
	restart     chan string            // has a value when the member must be made anew: why
	leaving     atomic.Bool
	expelled    expelled
	linked      linked // who is alive, by the Raft leader's word
	refusedOnce sync.Once
	foreign     foreign
	dialBacks   dialBacks
	holds       holds
	refused     atomic.Pointer[string] // why the Raft leader does not take this node's requests; nil: it does, or nobody was asked

	reign        atomic.Pointer[reign] // while this node is Raft leader and ready
	leaderChange broadcast
	leaderSeen   chan struct{} // has a value when raft observed a leader
	begun        chan struct{} // closed when the group was joined, or never will be; nil: not tried
	lost         chan struct{} // has a value when a peer could not be reached
	link         atomic.Pointer[link]

	contact  contacts
	fresh    freshness
	started  time.Time
	ready    atomic.Bool
	ponged   atomic.Int64 // when the Raft leader last answered, unix nanoseconds of this clock; 0: never
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
	n := &Node{cfg: cfg, deps: deps, log: deps.Logger, started: time.Now(), leaderSeen: make(chan struct{}, 1), lost: make(chan struct{}, 1), noWaits: make(chan struct{}),
		shift: make(chan struct{}, 1), restart: make(chan string, 1), instance: rand.Text()}
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
		Fatal: n.deps.Fatal, Logger: n.log, Release: n.cfg.Version,
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
	book, seen := n.recall()
	n.finder, err = discover.Parse(n.cfg.Join)
	if err != nil {
		return err
	}
	n.port, err = peer.Listen(peer.Config{Network: n.deps.Network, Listen: n.cfg.PeerAddr, Identity: n.identity,
		Book: peer.NewBook(book), Log: n.log, OnDialError: n.seekSoon, Security: n.deps.Security, Admit: n.admitPeer, Alive: n.linked.has, OnForgotten: n.forgotten})
	if err != nil {
		return fmt.Errorf("open the peer port: %w; choose another with --peer-addr", err)
	}
	address, err := advertised(n.cfg.Advertise, n.port.Addr())
	if err != nil {
		return err
	}
	n.advertise.Store(&address)
	n.port.Recall(seen)
	n.port.Book().OnChange(n.saveBook)
	forming := form.Config{ID: string(n.id), Name: n.cfg.Name, Address: address, Find: n.finder.Find, Existing: n.cfg.Existing || n.cfg.Agent, // an agent founds nothing
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

// checkSolitude refuses a directory whose group was replaced, and to look for others with one that founded a group of its own: it would
// stay alone and answer as if it were not.
func (n *Node) checkSolitude() error {
	m := n.dir.Membership()
	if m.ReplacedBy != "" {
		return fmt.Errorf("cluster %s, to which the data directory %s belongs, was replaced by cluster %s: it was recovered under a new identity. Move the data directory away and start again: this node then joins the other as a new member", m.ClusterID, n.cfg.DataDir, m.ReplacedBy)
	}
	if m.Promise != nil && len(m.Promise.Nodes) == 1 && !m.Grown && n.cfg.ClusterSize > 1 {
		return fmt.Errorf("the data directory %s belongs to a group of one, and --cluster-size is %d: move the directory away and start again, or start it with --cluster-size 1 and let the others join it (--cluster-state existing)", n.cfg.DataDir, n.cfg.ClusterSize)
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
	i := peer.Identity{ClusterID: n.clusterID(), NodeID: string(n.id), Name: n.cfg.Name, Address: n.address(), Life: n.life(), About: n.about()}
	if a := n.ancestors.Load(); a != nil {
		i.Ancestors = *a
	}
	return i
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

// release closes what is open, in the reverse order of opening.
func (n *Node) release() error {
	var errs []error
	n.machine.watch.wakeAll()
	if n.begun != nil {
		<-n.begun
	}
	n.background.Wait()
	errs = append(errs, n.stopMember())
	if n.port != nil {
		if n.dir != nil {
			n.saveBook()
		}
		errs = append(errs, n.port.Close())
	}
	if n.dir != nil {
		errs = append(errs, n.dir.Close())
	}
	return errors.Join(errs...)
}
