package raftnode

import (
	"context"
	"errors"
	"time"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// reigning returns this node's reign if it is the Raft leader and ready to serve.
func (n *Node) reigning() *reign { return n.reign.Load() }

// carryOnce sends a command to wherever the Raft leader is believed to be. An error wraps errNothing, or the outcome is unknown.
func (n *Node) carryOnce(ctx context.Context, c *lease.Command) (lease.Result, error) {
	encoded := lease.AppendCommand(make([]byte, 0, 192), c)
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

// knownLeader is the ID of the node that leads: by this node's own Raft, or, where that does not know or there is none, by what others
// say. Empty if nobody is known to.
func (n *Node) knownLeader() string {
	if m := n.asMember(); m != nil {
		if _, id := m.raft.LeaderWithID(); id != "" {
			n.rumour.Store(nil)
			return string(id)
		}
	}
	return n.knowsByHearsay()
}

// term is the highest one that this node knows of.
func (n *Node) term() (t uint64) {
	if r := n.roster.Load(); r != nil {
		t = r.Term
	}
	if m := n.asMember(); m != nil {
		t = max(t, m.raft.CurrentTerm())
	}
	return t
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
			if l = n.makeLink(leader, changed); l != nil {
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

func (n *Node) makeLink(leader string, changed <-chan struct{}) *link {
	ctx, cancel := context.WithTimeout(n.ctx, linkDialTimeout)
	defer cancel()
	go func() { // another leader is not kept waiting for one that is out of reach
		select {
		case <-changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	l, err := n.dialLink(ctx, leader)
	if err != nil {
		n.noteRefusal(leader, err)
		return nil
	}
	n.refused.Store(nil)
	n.link.Store(l)
	n.leaderChange.broadcast()
	return l
}

// noteRefusal remembers why the Raft leader did not take this node's requests, and tells when that is new: a leader out of reach is
// nothing to tell of each time, one that refuses is.
func (n *Node) noteRefusal(leader string, err error) {
	refused, ok := errors.AsType[*peer.HelloError](err)
	if !ok || refused.Code == peer.CodeWrongTarget || refused.Code == peer.CodeNotServed || refused.Code == peer.CodeNotFormed {
		n.log.Debug("cannot reach the Raft leader", "leader", n.nameOf(leader), "err", err)
		return
	}
	why := refused.Error()
	if old := n.refused.Swap(&why); old == nil || *old != why {
		n.log.Error("the Raft leader refuses this node", "leader", n.nameOf(leader), "err", why)
	}
}

func (n *Node) dropLink(l *link) {
	if l != nil {
		n.link.Store(nil)
		n.linked.cut()
		l.close(errNotLeader)
		l.wg.Wait()
	}
}

const (
	linkDialTimeout = time.Second
	keepLinkEvery   = 100 * time.Millisecond
)
