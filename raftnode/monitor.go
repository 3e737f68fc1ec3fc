package raftnode

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
)

const (
	monitorEvery = 50 * time.Millisecond
	reignPause   = time.Second // before a Raft leader that could not serve tries again
)

// monitor starts a reign when this node becomes Raft leader and ends it with its term. It asks raft for its state and
// term again and again: the channel of raft may drop a change that was undone at once.
func (n *Node) monitor(ctx context.Context, part *member) {
	ticker := time.NewTicker(monitorEvery)
	defer ticker.Stop()
	m := monitor{node: n, member: part, ctx: ctx}
	defer m.end()
	for {
		m.look(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-part.raft.LeaderCh():
		case <-n.leaderSeen:
		case <-ticker.C:
		}
	}
}

// monitor is what the goroutine of Node.monitor knows.
type monitor struct {
	node    *Node
	member  *member
	ctx     context.Context
	leader  string // last seen
	current *reign
	stop    func() // of current
	notYet  time.Time
}

func (m *monitor) look(now time.Time) {
	n := m.node
	if leader := n.knownLeader(); leader != m.leader {
		m.leader = leader
		n.leaderChange.broadcast()
		n.deps.Recorder.LeaderChange()
		n.log.Info("Raft leader changed", "leader", n.nameOf(leader), "term", m.member.raft.CurrentTerm())
	}
	leads, term := m.member.leads(), m.member.raft.CurrentTerm()
	if r := m.current; r != nil && (!leads || r.term != term || r.isOver()) {
		if leads && r.term == term && r.failed.Load() {
			m.notYet = now.Add(reignPause)
		}
		m.end()
	}
	if leads && m.current == nil && !now.Before(m.notYet) {
		m.current = newReign(n, m.member, term)
		m.stop = n.startReign(m.ctx, m.current)
	}
}

func (m *monitor) end() {
	if m.stop != nil {
		m.stop()
		m.current, m.stop = nil, nil
	}
}

// startReign runs a reign beside; the returned function ends it and waits.
func (n *Node) startReign(ctx context.Context, r *reign) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.prepare(ctx, n.bootCommand()); err != nil {
			n.cannotServe(ctx, r, err)
			return
		}
		n.reign.Store(r)
		n.machine.leading.Store(r.term)
		n.leaderChange.broadcast()
		var kept sync.WaitGroup
		kept.Go(func() { newSteward(n, r).run(ctx) })
		defer kept.Wait()
		r.run(ctx)
		cancel()
	}()
	return func() {
		retire := func() {
			if n.reign.CompareAndSwap(r, nil) {
				n.fresh.led(n.majorityContact())
			}
			n.machine.leading.Store(0)
		}
		retire()
		cancel()
		<-done
		retire() // it may have begun to serve just now
		// Those who waited on this leader's word must ask the next.
		n.machine.watch.wakeAll()
		n.leaderChange.broadcast()
	}
}

// cannotServe ends a reign before it began. Another voter may be able to do what this one cannot.
func (n *Node) cannotServe(ctx context.Context, r *reign, err error) {
	defer r.overOnce.Do(func() { close(r.over) })
	if ctx.Err() != nil || !r.current() || errors.Is(err, errNothing) {
		return
	}
	r.failed.Store(true)
	if errors.Is(err, raft.ErrLeadershipTransferInProgress) {
		n.stuck(r)
		return
	}
	n.log.Error("cannot serve as Raft leader", "term", r.term, "err", err)
	n.handOver(ctx)
}

// stuck is told that raft takes nothing because it is handing leadership over. That ends by itself, within an election timeout or so, unless
// what replicates to the chosen follower hangs: then raft waits for it for ever, still leads, and refuses every entry (guard 7,
// hashicorp/raft #696). Only a new one helps.
func (n *Node) stuck(r *reign) {
	s := &r.member.stuck
	if s.term != r.term {
		s.term, s.times = r.term, 0
	}
	if s.times++; s.times > transferTries {
		n.makeAnew("it has refused every entry since it tried to hand leadership over")
	}
}

// transferTries is how often, reignPause apart, raft may say so.
const transferTries = 4

func (r *reign) isOver() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// bootCommand is what the first Raft leader of a group writes first.
func (n *Node) bootCommand() lease.Command {
	settings := n.cfg.Settings
	return lease.Command{Op: lease.OpBootstrap, Token: lease.Token(time.Now().UnixMicro()), Settings: &settings}
}
