package raftnode

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// member is this node's part in Raft, while it has one: an agent has none. It comes and goes with the node's role, and is made anew
// where only that helps; the data directory and the state machine stay.
type member struct {
	raft      *raft.Raft
	transport *peer.Transport

	stuck struct { // in handing leadership over, as often in a term
		term  uint64
		times int
	}

	transfer chan struct{} // holds a value while raft has not answered a transfer of leadership

	cancel context.CancelFunc
	work   sync.WaitGroup // its goroutines
	down   chan struct{}  // closed when raft has been shut down

	configured configured
}

// asMember returns this node's Raft member; nil while it is an agent or has not joined.
func (n *Node) asMember() *member { return n.member.Load() }

// configuration is Raft's latest configuration, as this member has it, and its index; pending if it is not known here to be committed.
func (m *member) configuration() (raft.Configuration, uint64) {
	c := m.raft.GetConfiguration().Configuration()
	return c, m.configured.indexOf(c)
}

func (m *member) leads() bool { return m.raft.State() == raft.Leader }

// startMember starts Raft on the data directory. Before, vote requests are refused: the port serves no Raft (guard 4).
func (n *Node) startMember() error {
	logs, stable, log := n.dir.RaftStores()
	snapshots, err := n.dir.Snapshots(n.raftLog)
	if err != nil {
		return err
	}
	m := &member{down: make(chan struct{}), transfer: make(chan struct{}, 1)}
	m.transport, err = peer.NewTransport(peer.TransportConfig{Port: n.port, ID: n.id, Store: log, Log: n.raftLog,
		DialTimeout: n.cfg.Timing.Election / 2})
	if err != nil {
		return err
	}
	known := noting{snapshots, &m.configured}
	if err := errors.Join(checkLevel(logs, snapshots), known.learn()); err != nil {
		return errors.Join(err, m.transport.Close())
	}
	n.machine.trim, n.machine.configured = n.trim, m.configured.note
	m.raft, err = raft.NewRaft(n.raftConfig(), n.machine, logs, stable, known, m.transport)
	if err != nil {
		return errors.Join(fmt.Errorf("start raft: %w", err), m.transport.Close())
	}
	m.transport.Bind(view{m.raft})
	m.transport.Observe(n.observe)
	m.raft.RegisterObserver(raft.NewObserver(nil, false, n.leaderObserved))
	ctx, cancel := context.WithCancel(n.ctx)
	m.cancel = cancel
	n.member.Store(m)
	n.port.Handle(peer.KindEvents, n.serveEvents)
	m.work.Go(func() { n.monitor(ctx, m) })
	if c, _ := m.configuration(); len(c.Servers) == 1 && c.Servers[0].ID == n.id && n.dir.Boot() == 1 {
		m.work.Go(m.transport.Campaign) // there is nobody to wait for
	}
	n.log.Info("this node is a member", "id", n.id, "last_index", m.raft.LastIndex())
	return nil
}

// stopMember ends this node's part in Raft. What its replica knew is forgotten: the log tells it again, if need be.
func (n *Node) stopMember() error {
	m := n.member.Swap(nil)
	if m == nil {
		return nil
	}
	n.port.Handle(peer.KindEvents, nil)
	m.cancel()
	m.endTransfer()
	err := errors.Join(m.raft.Shutdown().Error(), m.transport.Close())
	close(m.down)
	m.work.Wait()
	if n.ctx.Err() == nil {
		n.machine.reset()
		n.fresh.forget()
		n.leaderChange.broadcast()
	}
	return err
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

// handOver lets another voter lead, which saves the others an election timeout.
func (n *Node) handOver(ctx context.Context) {
	m := n.asMember()
	if m == nil || !m.leads() {
		return
	}
	if c, _ := m.configuration(); voters(c) < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, handOverTimeout)
	defer cancel()
	to := n.successor(m)
	if to == "" {
		return
	}
	select {
	case m.transfer <- struct{}{}:
	default:
		return // one is under way
	}
	answer := make(chan error, 1)
	go func() {
		err := m.raft.LeadershipTransferToServer(to, raft.ServerAddress(to)).Error()
		<-m.transfer
		answer <- err
	}()
	var err error
	select {
	case err = <-answer:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil && m.leads() {
		n.log.Warn("could not hand Raft leadership over; the others elect a new leader", "err", err)
	}
}

// endTransfer waits, before raft is shut down, until it has answered a transfer that was just asked for: one that it has not looked at then
// is never answered (guard 8). One that hangs (guard 7) is not waited for.
func (m *member) endTransfer() {
	timer := time.NewTimer(handOverTimeout)
	defer timer.Stop()
	select {
	case m.transfer <- struct{}{}:
	case <-timer.C:
	}
}

// successor is the voter that was heard of last: raft would choose by what it has sent, also one that is gone, and hang on it.
func (n *Node) successor(m *member) (best raft.ServerID) {
	c, _ := m.configuration()
	least := time.Duration(-1)
	for _, s := range c.Servers {
		ago := n.contact.ago(string(s.ID))
		e, _ := n.roll.look(string(s.ID))
		if s.Suffrage == raft.Voter && s.ID != n.id && n.isHealthy(ago) && !e.leaving && (least < 0 || ago < least) {
			best, least = s.ID, ago
		}
	}
	return best
}

const handOverTimeout = 2 * time.Second

func voters(c raft.Configuration) (n int) {
	for _, s := range c.Servers {
		if s.Suffrage == raft.Voter {
			n++
		}
	}
	return n
}

// life is where this node stands, by its disk.
func (n *Node) life() peer.Life {
	l := peer.Life{Instance: n.instance, Boot: n.dir.Boot()}
	if m := n.asMember(); m != nil {
		l.Term, l.Committed = m.raft.CurrentTerm(), m.raft.CommitIndex()
		l.LastIndex = max(m.raft.LastIndex(), l.Committed)
		return l
	}
	// One that is just starting, or was put out, has forgotten nothing, and must not look to its peers as if it had.
	l.Term, l.LastIndex = n.dir.Reach()
	return l
}

// number reads one of raft's statistics; 0 if it is none.
func number(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}
