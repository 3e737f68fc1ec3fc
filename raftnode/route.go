package raftnode

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
)

// reigning returns this node's reign if it is the Raft leader and ready to serve.
func (n *Node) reigning() *reign { return n.reign.Load() }

// carryOnce sends a command to wherever the Raft leader is believed to be. An error wraps errNothing, or the outcome is unknown.
func (n *Node) carryOnce(ctx context.Context, c *lease.Command) (lease.Result, error) {
	encoded := lease.AppendCommand(nil, c)
	if r := n.reigning(); r != nil {
		return r.propose(ctx, encoded, vital(c.Op))
	}
	l, err := n.leaderLink()
	if err != nil {
		return lease.Result{}, err
	}
	return l.command(ctx, encoded)
}

// propose puts a command into the next batch and waits for its result, or for the context.
func (r *reign) propose(ctx context.Context, encoded []byte, vital bool) (lease.Result, error) {
	type outcome struct {
		result lease.Result
		err    error
	}
	back := make(chan outcome, 1)
	p := &proposal{command: encoded, done: func(res lease.Result, err error) { back <- outcome{res, err} }}
	if err := r.queue.push(p, vital); err != nil {
		return lease.Result{}, err
	}
	select {
	case o := <-back:
		return o.result, o.err
	case <-ctx.Done():
		if p.cancel() {
			return lease.Result{}, errors.Join(errNothing, ctx.Err())
		}
		return lease.Result{}, ctx.Err()
	}
}

// leaderLink returns the forwarding connection to the Raft leader, if there is one. Callers do not dial: a leader that is
// out of reach would hold them up one after the other.
func (n *Node) leaderLink() (*link, error) {
	if l := n.link.Load(); l != nil && !l.broken() && l.leader == n.knownLeader() {
		return l, nil
	}
	return nil, errNotLeader
}

func (n *Node) knownLeader() string {
	if !n.joined.Load() {
		return ""
	}
	_, id := n.raft.LeaderWithID()
	return string(id)
}

// keepLink holds a link to the Raft leader while there is another one, and lets go of a link to a former leader, so that its
// requests are tried elsewhere.
func (n *Node) keepLink() {
	var l *link
	defer func() { n.dropLink(l) }()
	for {
		changed := n.leaderChange.wait()
		leader := n.knownLeader()
		if l != nil && (l.leader != leader || l.broken()) {
			n.dropLink(l)
			l = nil
		}
		if l == nil && leader != "" && leader != string(n.id) {
			if l = n.makeLink(leader); l != nil {
				continue
			}
		}
		var broken <-chan struct{}
		if l != nil {
			broken = l.out.quit
		}
		select {
		case <-n.ctx.Done():
			return
		case <-changed:
		case <-broken:
		case <-time.After(keepLinkEvery):
		}
	}
}

func (n *Node) makeLink(leader string) *link {
	ctx, cancel := context.WithTimeout(n.ctx, linkDialTimeout)
	defer cancel()
	l, err := n.dialLink(ctx, leader)
	if err != nil {
		n.log.Debug("cannot reach the Raft leader", "leader", n.nameOf(leader), "err", err)
		return nil
	}
	n.link.Store(l)
	n.leaderChange.broadcast()
	return l
}

func (n *Node) dropLink(l *link) {
	if l != nil {
		n.link.Store(nil)
		l.close(errNotLeader)
		l.wg.Wait()
	}
}

const (
	linkDialTimeout = time.Second
	keepLinkEvery   = 100 * time.Millisecond
)

// monitor starts a reign when this node becomes Raft leader and ends it with its term. It asks raft for its state and
// term again and again: the channel of raft may drop a change that was undone at once.
func (n *Node) monitor() {
	ticker := time.NewTicker(monitorEvery)
	defer ticker.Stop()
	var current *reign
	var stop func()
	end := func() {
		if stop != nil {
			stop()
			current, stop = nil, nil
		}
	}
	defer end()
	leader := ""
	for {
		if now := n.knownLeader(); now != leader {
			leader = now
			n.leaderChange.broadcast()
			n.deps.Recorder.LeaderChange()
			n.log.Info("Raft leader changed", "leader", n.nameOf(leader), "term", n.raft.CurrentTerm())
		}
		leads, term := n.raft.State() == raft.Leader, n.raft.CurrentTerm()
		if current != nil && (!leads || current.term != term || current.isOver()) {
			end()
		}
		if leads && current == nil {
			current = newReign(n, term)
			stop = n.startReign(current)
		}
		select {
		case <-n.ctx.Done():
			return
		case <-n.raft.LeaderCh():
		case <-n.leaderSeen:
		case <-ticker.C:
		}
	}
}

const monitorEvery = 50 * time.Millisecond

// startReign runs a reign beside; the returned function ends it and waits.
func (n *Node) startReign(r *reign) (stop func()) {
	ctx, cancel := context.WithCancel(n.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.prepare(ctx, n.bootCommand()); err != nil {
			if ctx.Err() == nil && !errors.Is(err, errNothing) {
				n.log.Error("cannot serve as Raft leader", "term", r.term, "err", err)
			}
			r.overOnce.Do(func() { close(r.over) })
			return
		}
		n.reign.Store(r)
		n.machine.leading.Store(r.term)
		n.leaderChange.broadcast()
		r.run(ctx)
	}()
	return func() {
		if n.reign.CompareAndSwap(r, nil) {
			n.fresh.led(n.majorityContact())
		}
		n.machine.leading.Store(0)
		cancel()
		<-done
		// Those who waited on this leader's word must ask the next.
		n.machine.watch.wakeAll()
		n.leaderChange.broadcast()
	}
}

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
