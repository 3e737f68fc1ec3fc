package raftnode

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/raftnode/form"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// begin forms, finds or rejoins the group, then takes part in it for as long as the node lives.
func (n *Node) begin() {
	err := n.enter()
	switch {
	case n.ctx.Err() != nil:
	case err != nil:
		n.deps.Fatal(fmt.Errorf("join the group: %w", err))
	default:
		n.joined.Store(true)
		n.background.Go(func() { n.keeper.run(n.ctx) })
		n.background.Go(n.watchReadiness)
		n.background.Go(n.keepStanding)
	}
}

// enter returns once this node belongs to a group: one that it founds with others, that it has belonged to, or that has taken it in.
func (n *Node) enter() error {
	linked := false
	for {
		group, err := n.former.Form(n.ctx)
		if err != nil {
			return err
		}
		for _, m := range group.Members {
			n.port.Book().Learn(m.ID, peer.Entry{Address: m.Address, Name: m.Name})
		}
		if group.Met != nil {
			n.learn(group.Met.Members)
			group.ClusterID = group.Met.ClusterID
		}
		n.belongTo(group.ClusterID)
		if group.Met == nil && n.dir.Membership().Logged && !n.dir.Membership().Retired {
			if err := n.checkNotReplaced(); err != nil {
				return err
			}
			if err := n.startMember(); err != nil {
				return err
			}
		}
		if !linked {
			linked = true
			n.port.Handle(peer.KindForward, n.serveForward)
			n.background.Go(n.keepLink)
			n.background.Go(n.seek)
		}
		if group.Met == nil {
			return nil
		}
		if taken, err := n.beTakenIn(group.Met); taken || err != nil {
			return err
		}
	}
}

// belongTo makes this node say in its hellos that it is of a cluster.
func (n *Node) belongTo(cluster string) {
	ancestors := n.dir.Membership().Replaced
	n.ancestors.Store(&ancestors)
	n.cluster.Store(&cluster)
}

// beTakenIn waits until the Raft leader of a group has accepted this node. It gives up after a while: the group that was met may be
// a remnant of one.
func (n *Node) beTakenIn(g *form.Group) (taken bool, err error) {
	n.log.Info("asking to be taken in by a group", "cluster", g.ClusterID, "at", g.Address)
	timer := time.NewTimer(takenInTimeout)
	defer timer.Stop()
	for {
		changed := n.leaderChange.wait()
		if r := n.roster.Load(); r != nil && r.Cluster == g.ClusterID {
			n.log.Info("taken in by the group", "cluster", g.ClusterID)
			if err := n.dir.SetJoined(g.ClusterID); err != nil {
				return true, err
			}
			n.former.Adopted(g.ClusterID)
			return true, nil
		}
		select {
		case <-n.ctx.Done():
			return false, context.Cause(n.ctx)
		case <-changed:
		case <-time.After(seekSoonest):
		case <-timer.C:
			n.cluster.Store(new(string))
			n.roster.Store(nil)
			n.rumour.Store(nil)
			n.leaderChange.broadcast()
			return false, nil
		}
	}
}

const takenInTimeout = 30 * time.Second

// keepStanding starts and stops this node's Raft member, as the group's Raft leader wants it.
func (n *Node) keepStanding() {
	ticker := time.NewTicker(standingEvery)
	defer ticker.Stop()
	var saved time.Time
	for {
		if time.Since(saved) > memoryEvery {
			saved = time.Now()
			n.saveBook()
		}
		err := n.takeStanding()
		if err != nil && n.ctx.Err() == nil {
			n.deps.Fatal(fmt.Errorf("change this node's role: %w", err))
		}
		select {
		case <-n.ctx.Done():
			return
		case why := <-n.restart:
			if n.asMember() == nil {
				continue // it has become an agent meanwhile
			}
			n.log.Error("raft is made anew on this node", "why", why)
			err := n.stopMember()
			if err == nil {
				err = n.startMember()
			}
			if err != nil && n.ctx.Err() == nil {
				n.deps.Fatal(fmt.Errorf("make raft anew: %w", err))
			}
		case <-n.shift:
		case <-ticker.C:
		}
	}
}

const (
	standingEvery = time.Second
	memoryEvery   = 5 * time.Second // how often it is written down how far the others are (guard 15)
)

// takeStanding compares what this node is with what the Raft leader's configuration says.
func (n *Node) takeStanding() error {
	if err := n.noteLog(); err != nil {
		return err
	}
	r := n.roster.Load()
	if r == nil || n.ctx.Err() != nil {
		return nil
	}
	m := n.asMember()
	listed := r.lists(string(n.id))
	switch {
	case listed && m == nil && !n.leaving.Load():
		if err := n.dir.SetRetired(false); err != nil {
			return err
		}
		n.log.Info("this node is to be a member of the group")
		return n.startMember()
	case !listed && m != nil && n.putOut(m, r):
		n.log.Info("this node is no longer a member of the group; it goes on as an agent")
		if err := n.stopMember(); err != nil {
			return err
		}
		return n.dir.SetRetired(true)
	}
	return nil
}

// putOut tells whether a roster without this node is newer than all that its log says. The entry that put it out may be missing in its log, and
// what is last in there may never be committed: but the log of a later term's leader holds all that is, and what this log has of the
// leader's own term is the beginning of what the leader's has.
func (n *Node) putOut(m *member, r *roster) bool {
	c, _ := m.configuration()
	if len(c.Servers) > 0 && !contains(c, n.id) {
		return true
	}
	end := m.logEnd()
	return end.term < r.Term || end.term == r.Term && r.Index != pending && r.Index > end.index
}

func contains(c raft.Configuration, id raft.ServerID) bool {
	for _, s := range c.Servers {
		if s.ID == id {
			return true
		}
	}
	return false
}

// noteLog writes down that this node's log has begun, and that it is not alone: only then is it told to the Raft leader that it has anything, and so
// it never votes with a directory that could lose its log unnoticed.
func (n *Node) noteLog() error {
	m := n.asMember()
	if m == nil || m.raft.LastIndex() == 0 {
		return nil
	}
	if c, _ := m.configuration(); len(c.Servers) > 1 {
		if err := n.dir.SetGrown(); err != nil {
			return err
		}
	}
	return n.dir.SetLogged()
}

// shifted is told when this node's role may have to change.
func (n *Node) shifted() {
	select {
	case n.shift <- struct{}{}:
	default:
	}
}

// makeAnew asks for a new Raft member in place of one that cannot be helped otherwise (guard 7).
func (n *Node) makeAnew(why string) {
	select {
	case n.restart <- why:
	default:
	}
}

var errAgent = errors.New("this sidecar is an agent: it has no replica")
