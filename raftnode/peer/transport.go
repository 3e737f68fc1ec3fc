package peer

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// RaftView is what the transport must know of the Raft member that it serves.
// All methods are called often and from several goroutines, and must not block.
type RaftView interface {
	State() raft.RaftState
	CurrentTerm() uint64
	// Peer reports whether the latest configuration has this server.
	Peer(id raft.ServerID) bool
}

// Busy is implemented by the log store.
type Busy interface {
	// Busy reports whether a StoreLogs is running now, since when, and its
	// epoch: a number that no other StoreLogs of this store has.
	Busy() (epoch uint64, since time.Time, busy bool)
	// OnBusy registers f, called whenever a StoreLogs begins, after Busy
	// reports it. f does not block.
	OnBusy(f func())
}

// SuccessFunc hears of each successful AppendEntries: the peer acknowledged, in
// this term, the request of this number. It is called from Raft's goroutines
// and must not block.
type SuccessFunc func(peer raft.ServerID, term, number uint64, sent time.Time)

// TransportConfig is what a Transport needs.
type TransportConfig struct {
	Port  *Port
	ID    raft.ServerID // this node's ID, which is also its Raft address
	Store Busy          // nil: none, and no heartbeat is answered in place of Raft
	Log   hclog.Logger  // nil: discarded

	DialTimeout time.Duration // 0: DefaultDialTimeout
	IOTimeout   time.Duration // 0: DefaultIOTimeout
	MaxPool     int           // 0: DefaultMaxPool
}

// Transport is the Raft transport over a Port. Server addresses are server IDs.
// It can be used as soon as it is made; Bind tells it of the Raft member, and
// without that it neither retries nor answers heartbeats. Close ends it;
// raft.Raft does so when it shuts down. All methods are safe for concurrent use.
type Transport struct {
	cfg    TransportConfig
	inner  *raft.NetworkTransport
	stream *stream

	view    atomic.Pointer[RaftView]
	success atomic.Pointer[SuccessFunc]
	sent    atomic.Uint64 // number of the last AppendEntries that left

	consumer  chan raft.RPC
	storeBusy chan struct{} // a StoreLogs has begun

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once
}

var (
	_ raft.Transport   = (*Transport)(nil)
	_ raft.WithPreVote = (*Transport)(nil) // without it raft turns pre-vote off
	_ raft.WithClose   = (*Transport)(nil)
)

// NewTransport makes the transport and takes over the port's raft connections.
func NewTransport(cfg TransportConfig) (*Transport, error) {
	if cfg.Port == nil || cfg.ID == "" {
		return nil, errors.New("peer: TransportConfig needs a Port and an ID")
	}
	if cfg.Log == nil {
		cfg.Log = hclog.NewNullLogger()
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = DefaultDialTimeout
	}
	if cfg.IOTimeout == 0 {
		cfg.IOTimeout = DefaultIOTimeout
	}
	if cfg.MaxPool == 0 {
		cfg.MaxPool = DefaultMaxPool
	}
	t := &Transport{cfg: cfg, consumer: make(chan raft.RPC), storeBusy: make(chan struct{}, 1)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.stream = newStream(t.ctx, cfg)
	t.inner = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  t.stream,
		Logger:  cfg.Log,
		MaxPool: cfg.MaxPool,
		Timeout: cfg.IOTimeout,
		// 1 turns pipelining off: a pipelined follower can silently stop
		// receiving (hashicorp/raft #612), and pipelined requests would pass
		// by the guards in append.go. Batches make up for it.
		MaxRPCsInFlight: 1,
	})
	if cfg.Store != nil {
		cfg.Store.OnBusy(func() {
			select {
			case t.storeBusy <- struct{}{}:
			default:
			}
		})
	}
	t.wg.Add(1)
	go t.pump()
	cfg.Port.Handle(KindRaft, t.stream.serve)
	return t, nil
}

// Bind tells the transport of its Raft member, once there is one.
func (t *Transport) Bind(v RaftView) { t.view.Store(&v) }

// Observe registers f in place of the one before.
func (t *Transport) Observe(f SuccessFunc) { t.success.Store(&f) }

// LastSent is the number of the last AppendEntries that left this node. A
// success with a greater number answers a request sent after this call.
func (t *Transport) LastSent() uint64 { return t.sent.Load() }

// Forget drops what is kept for a peer that has left the configuration, idle
// connections above all. Other peers' idle connections are made anew.
func (t *Transport) Forget(id raft.ServerID) {
	t.stream.forget(id)
	t.inner.CloseStreams()
}

// Close implements raft.WithClose. It ends all requests, closes all connections
// of Raft's and waits for the transport's goroutines. The port stays open: close
// it after the transport, for its Raft connections end with the transport.
func (t *Transport) Close() error {
	t.once.Do(func() {
		t.cfg.Port.Handle(KindRaft, nil)
		t.cancel()
		t.inner.Close() // closes the stream
	})
	t.wg.Wait()
	t.stream.wait()
	return nil
}

// Campaign makes this node's Raft stand for election now, as a leader that hands over would: for one that need wait for nobody.
func (t *Transport) Campaign() {
	rpc := raft.RPC{RespChan: make(chan raft.RPCResponse, 1), Command: &raft.TimeoutNowRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(t.cfg.ID), Addr: []byte(t.cfg.ID)}}}
	select {
	case t.consumer <- rpc:
	case <-t.ctx.Done():
	}
}

// Consumer implements raft.Transport.
func (t *Transport) Consumer() <-chan raft.RPC { return t.consumer }

// LocalAddr implements raft.Transport: it is the server ID.
func (t *Transport) LocalAddr() raft.ServerAddress { return address(t.cfg.ID) }

// EncodePeer implements raft.Transport.
func (t *Transport) EncodePeer(_ raft.ServerID, addr raft.ServerAddress) []byte { return []byte(addr) }

// DecodePeer implements raft.Transport.
func (t *Transport) DecodePeer(b []byte) raft.ServerAddress { return raft.ServerAddress(b) }

// AppendEntriesPipeline implements raft.Transport: there is none (see
// MaxRPCsInFlight in NewTransport).
func (t *Transport) AppendEntriesPipeline(id raft.ServerID, _ raft.ServerAddress) (raft.AppendPipeline, error) {
	return t.inner.AppendEntriesPipeline(id, address(id))
}

// RequestVote implements raft.Transport.
func (t *Transport) RequestVote(id raft.ServerID, _ raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return t.call(id, func() error { return t.inner.RequestVote(id, address(id), req, resp) })
}

// RequestPreVote implements raft.WithPreVote.
func (t *Transport) RequestPreVote(id raft.ServerID, _ raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return t.call(id, func() error { return t.inner.RequestPreVote(id, address(id), req, resp) })
}

// TimeoutNow implements raft.Transport.
func (t *Transport) TimeoutNow(id raft.ServerID, _ raft.ServerAddress, req *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return t.call(id, func() error { return t.inner.TimeoutNow(id, address(id), req, resp) })
}

// InstallSnapshot implements raft.Transport. As with AppendEntries, raft would
// wait longer after each failure; so the connection is made here first, for as
// long as that makes sense, and only then is the snapshot read.
func (t *Transport) InstallSnapshot(id raft.ServerID, _ raft.ServerAddress, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	for {
		err := t.storeStalled()
		if err == nil {
			var fresh raft.ServerAddress
			if fresh, err = t.stream.prepare(id); err == nil {
				defer t.stream.discard(fresh)
				return t.inner.InstallSnapshot(id, fresh, req, resp, data)
			}
		}
		if !t.again(id, req.Term, err) {
			return err
		}
	}
}

// address is the Raft address of a server: its ID, whatever the configuration
// says.
func address(id raft.ServerID) raft.ServerAddress { return raft.ServerAddress(id) }

func (t *Transport) raftView() RaftView {
	if v := t.view.Load(); v != nil {
		return *v
	}
	return nil
}
