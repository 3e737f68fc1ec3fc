package raftnode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sidelock/sidelock/raftnode/peer"
)

// checkNotReplaced looks around, shortly, before this node takes part with its log: the old majority of a group that was recovered must not
// come back beside it.
func (n *Node) checkNotReplaced() error {
	mine := n.clusterID()
	ctx, cancel := context.WithTimeout(n.ctx, lookAroundTimeout)
	defer cancel()
	addresses, _ := n.finder.Find(ctx)
	addresses = append(addresses, n.whereMembersAre()...)
	slices.Sort(addresses)
	addresses = slices.DeleteFunc(slices.Compact(addresses), func(a string) bool { return a == n.address() })
	for a := range n.ask(ctx, addresses) {
		if n.refusedForGood(a.err) {
			return a.err
		}
		if a.err == nil && slices.Contains(a.hello.Ancestors, mine) {
			return n.obsolete(a.hello, "it was recovered under a new identity")
		}
	}
	return nil
}

// lookAroundTimeout is how long a member's start waits at most to hear whether its group was replaced.
const lookAroundTimeout = 500 * time.Millisecond

// obsolete says that this node's directory is of a group that is no more, and has the directory remember a recovery.
func (n *Node) obsolete(by peer.Hello, why string) error {
	var err error
	if slices.Contains(by.Ancestors, n.clusterID()) {
		err = n.dir.SetReplacedBy(by.ClusterID)
	}
	return errors.Join(err, n.replaced(by, why))
}

func (n *Node) replaced(by peer.Hello, why string) error {
	return fmt.Errorf("cluster %s, to which the data directory %s belongs, was replaced by cluster %s (node %s at %s): %s. Move the data directory away and start again: this node then joins the other as a new member",
		n.clusterID(), n.cfg.DataDir, by.ClusterID, by.Name, by.Address, why)
}

// clusterReplaced is called when another cluster has taken the place of this node's. An agent has nothing that binds it: it turns to the
// other one, and tells its clients that what they held is not known there. Who has a log of the old group must not take part in the
// new one with it, nor let the old one come back beside it.
func (n *Node) clusterReplaced(by peer.Hello, why string) {
	mine := n.clusterID()
	if n.asMember() != nil || n.dir.Membership().Logged {
		n.refusedOnce.Do(func() { n.deps.Fatal(n.obsolete(by, why)) })
		return
	}
	n.log.Error("the group of this agent was replaced by another; it turns to that one, and all that was held through it is lost", "cluster", mine, "by", by.ClusterID, "why", why)
	if err := n.dir.Follow(by.ClusterID, by.Ancestors); err != nil {
		n.deps.Fatal(fmt.Errorf("turn to the cluster that replaced this one: %w", err))
		return
	}
	n.former.Adopted(by.ClusterID)
	n.roster.Store(nil)
	n.rumour.Store(nil)
	n.belongTo(by.ClusterID)
	n.session.forget()
	n.leads.giveUpAll(n.deps.Clock.Boot())
	n.holds.loseAll(ClusterReplaced)
	n.leaderChange.broadcast()
}
