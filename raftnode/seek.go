package raftnode

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sidelock/sidelock/raftnode/form"
	"github.com/sidelock/sidelock/raftnode/peer"
)

const (
	seekEvery    = 5 * time.Second        // while all is well
	seekSoonest  = 100 * time.Millisecond // between two searches while no Raft leader is known
	seekAtOnce   = 16                     // addresses asked at the same time
	orphanAfter  = 10 * time.Second       // of nobody but another cluster answering
	probeTimeout = 2 * time.Second
	maxProbe     = 256 << 10 // bytes of a status
)

// rumour is who leads, by what somebody else says.
type rumour struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
	Term    uint64 `json:"term"`
}

// report is what a node says to a probe: how far it has come with forming, and who leads.
type report struct {
	form.Status
	Leader   *rumour      `json:"leader,omitempty"`
	DialBack *DialledBack `json:"dial_back,omitempty"` // where it was asked for
}

// found is what one address said.
type answered struct {
	addr   string
	hello  peer.Hello
	report report
	err    error
}

// report is what this node says to a probe.
func (n *Node) report(mine form.Status) report {
	r := report{Status: mine}
	if known := n.roster.Load(); known != nil && mine.Phase == form.Joined {
		r.Members = map[string]form.Label{}
		for _, l := range known.Nodes {
			if l.Role != Agent {
				r.Members[l.ID] = form.Label{Name: l.Name, Address: l.Address}
			}
		}
	}
	// What this node itself has by hearsay is not passed on: a rumour must not live on it.
	if m := n.asMember(); m != nil {
		if _, id := m.raft.LeaderWithID(); id != "" {
			l := n.describe(string(id))
			r.Leader = &rumour{ID: l.ID, Name: l.Name, Address: l.Address, Term: n.term()}
		}
	}
	return r
}

// inquire asks one address.
func (n *Node) inquire(ctx context.Context, addr string, mine form.Status) answered {
	a := answered{addr: addr}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	a.hello, a.report, a.err = exchange(ctx, n.port, addr, mine)
	if a.err != nil {
		n.refusedForGood(a.err)
	}
	return a
}

// ask asks all addresses at once, or nearly so, and hands the answers on as they come. Those that come after ctx are lost.
func (n *Node) ask(ctx context.Context, addresses []string) <-chan answered {
	mine := n.former.Status()
	answers := make(chan answered, len(addresses))
	free := make(chan struct{}, seekAtOnce)
	var wg sync.WaitGroup
	for _, addr := range addresses {
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			answers <- n.inquire(ctx, addr, mine)
		})
	}
	go func() {
		wg.Wait()
		close(answers)
	}()
	return answers
}

// seek looks for the others: now and then, when a peer cannot be reached, and again and again while this node knows of no Raft
// leader. It finds members whose addresses have changed, the leader, and that the group has been replaced by another.
func (n *Node) seek() {
	s := seeker{node: n, foreign: map[string]bool{}, lastOwn: time.Now()}
	for {
		alone := n.leaderless()
		s.look(alone)
		pause := seekEvery
		if alone {
			pause = seekSoonest
		}
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(seekSoonest):
		}
		n.rest(pause, alone)
	}
}

// rest waits for something to look for.
func (n *Node) rest(pause time.Duration, alone bool) {
	over := time.NewTimer(pause)
	defer over.Stop()
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for changed := n.leaderChange.wait(); n.leaderless() == alone; {
		select {
		case <-n.ctx.Done():
			return
		case <-changed:
			return
		case <-n.lost:
			return
		case <-over.C:
			return
		case <-ticker.C:
		}
	}
}

// leaderless tells whether this node neither leads nor has a connection to one who does. Without a part in Raft it does not hear of
// another leader, and a machine that is gone says nothing: so who does not answer any more may not lead.
func (n *Node) leaderless() bool {
	l, err := n.leaderLink()
	switch {
	case n.reigning() != nil:
		return false
	case err != nil:
		return true
	}
	return n.asMember() == nil && n.contact.ago(l.leader) > n.patience()
}

// patience is how long an agent waits for an answer before it looks elsewhere.
func (n *Node) patience() time.Duration { return max(3*pingEvery, 2*n.cfg.Timing.Heartbeat) }

// whileLeaderless calls cancel when this node has found a Raft leader, or lost it.
func (n *Node) whileLeaderless(ctx context.Context, alone bool, cancel func()) {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if n.leaderless() != alone {
			cancel()
			return
		}
	}
}

// seeker is what the goroutine of Node.seek knows.
type seeker struct {
	node    *Node
	foreign map[string]bool // addresses of another cluster, of which was told
	lastOwn time.Time       // when a node of the own cluster was last heard of
	told    string          // the last fault of discovery that was logged
}

func (s *seeker) look(alone bool) {
	n := s.node
	addresses, faults := n.finder.Find(n.ctx)
	if err := errors.Join(faults...); err != nil && err.Error() != s.told && n.ctx.Err() == nil {
		s.told = err.Error()
		n.log.Warn("not all of --join can be looked up; going on with what is known", "err", err)
	}
	if alone || len(n.port.Book().Snapshot()) <= rosterMembers {
		addresses = append(addresses, n.whereMembersAre()...)
	}
	slices.Sort(addresses)
	addresses = slices.DeleteFunc(slices.Compact(addresses), func(a string) bool { return a == n.address() })
	ctx, cancel := context.WithTimeout(n.ctx, probeTimeout)
	defer cancel()
	go n.whileLeaderless(ctx, alone, cancel)
	var leader *rumour
	others := map[string]peer.Hello{}
	for a := range n.ask(ctx, addresses) {
		switch {
		case a.err != nil || a.hello.ClusterID == "":
		case a.hello.ClusterID != n.clusterID():
			others[a.hello.ClusterID] = a.hello
			s.warn(a)
		default:
			s.lastOwn = time.Now()
			n.learnUnknown(a.report.Members)
			if l := a.report.Leader; l != nil && (leader == nil || l.Term > leader.Term) {
				leader = l
				if alone && leader.ID != string(n.id) {
					n.hearsay(leader)
				}
			}
			if alone { // who is out of reach does not hold this up: who leads may be another in a moment
				time.AfterFunc(n.patience(), cancel)
			}
		}
	}
	if len(others) > 0 {
		s.replaced(others)
	}
}

// rosterMembers is up to how many known nodes are all asked, each time.
const rosterMembers = 8

// whereMembersAre are the addresses of the members, as last known; of all nodes known, if no roster is.
func (n *Node) whereMembersAre() (addresses []string) {
	book := n.port.Book().Snapshot()
	r := n.roster.Load()
	for _, id := range slices.Sorted(maps.Keys(book)) {
		if id != string(n.id) && (r == nil || r.lists(id)) {
			addresses = append(addresses, book[id].Address)
		}
	}
	return addresses
}

// hearsay takes over who leads from somebody who should know.
func (n *Node) hearsay(l *rumour) {
	n.port.Book().Learn(l.ID, peer.Entry{Address: l.Address, Name: l.Name})
	old := n.rumour.Swap(l)
	if old == nil || *old != *l {
		n.leaderChange.broadcast()
	}
}

// learnUnknown takes the whereabouts of nodes into the address book that are not in there: what a node says of itself counts for more.
func (n *Node) learnUnknown(members map[string]form.Label) {
	for id, label := range members {
		if _, known := n.port.Book().Lookup(id); !known && id != string(n.id) {
			n.port.Book().Learn(id, peer.Entry{Address: label.Address, Name: label.Name})
		}
	}
}

// warn tells of an address that leads to another cluster, once.
func (s *seeker) warn(a answered) {
	if s.foreign[a.addr] {
		return
	}
	if len(s.foreign) >= maxForeign {
		clear(s.foreign)
	}
	s.foreign[a.addr] = true
	s.node.log.Warn("an address leads to another cluster: correct --join there or here, or there are two groups where one is meant",
		"addr", a.addr, "its_cluster", a.hello.ClusterID, "own_cluster", s.node.clusterID(), "its_node", a.hello.NodeID, "its_name", a.hello.Name)
}

// replaced looks whether another cluster has taken the place of this node's.
func (s *seeker) replaced(others map[string]peer.Hello) {
	n := s.node
	mine := n.clusterID()
	for _, h := range others {
		if slices.Contains(h.Ancestors, mine) {
			n.clusterReplaced(h, "it was recovered under a new identity")
			return
		}
	}
	if n.asMember() != nil || !n.joined.Load() || len(others) != 1 || time.Since(s.lastOwn) < orphanAfter {
		return
	}
	for _, h := range others {
		n.clusterReplaced(h, "nobody of it answers any more, and all who answer are of the other")
	}
}

// knows tells who leads by hearsay; empty if nobody does.
func (n *Node) knowsByHearsay() string {
	if r := n.rumour.Load(); r != nil {
		return r.ID
	}
	return ""
}

// seekSoon is told of each peer that could not be reached.
func (n *Node) seekSoon(id string, err error) {
	if n.refusedForGood(err) {
		return
	}
	select {
	case n.lost <- struct{}{}:
	default:
	}
}

// forgotten ends a node whose disk went back, by what another remembers of it (guard 15).
func (n *Node) forgotten(why string) {
	n.refusedOnce.Do(func() { n.deps.Fatal(errors.New(why)) })
}

// refusedForGood ends a node whose peers do not talk to it any more because of what its disk has forgotten (guard 15).
func (n *Node) refusedForGood(err error) bool {
	refused, ok := errors.AsType[*peer.HelloError](err)
	if !ok || refused.Ours || refused.Code != peer.CodeSuperseded && refused.Code != peer.CodeRolledBack {
		return false
	}
	n.refusedOnce.Do(func() { n.deps.Fatal(fmt.Errorf("the peers of this node refuse it: %s", refused.Message)) })
	return true
}
