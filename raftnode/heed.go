package raftnode

import (
	"context"
	"sync"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// A node with a replica hears of the end of a lead as it applies the log, whoever ended it. One without has to be told: while candidates
// of it lead, it watches their places at the Raft leader's, and when something has happened to one it asks what.

// heeder watches over the leads of a node without a replica.
type heeder struct {
	node    *Node
	watched map[seat]func() // stops the watch
	bell    bell

	mu   sync.Mutex
	rung []seat // something has happened to them
}

// heedLeads sees to it that leads are watched over, if that is needed.
func (n *Node) heedLeads() {
	if n.asMember() != nil || n.leads.heeded.Load() || n.leads.none() || !n.leads.heeded.CompareAndSwap(false, true) {
		return
	}
	h := &heeder{node: n, watched: map[seat]func(){}, bell: newBell()}
	if !n.beside(h.run) {
		n.leads.heeded.Store(false)
	}
}

// run ends when nobody leads any more, or this node has a replica: then it starts anew with the next lead.
func (h *heeder) run() {
	n := h.node
	defer n.heedLeads() // there may be a lead that came as this ended
	defer n.leads.heeded.Store(false)
	defer h.keep(nil)
	for {
		all := n.leads.all()
		if len(all) == 0 || n.asMember() != nil {
			return
		}
		h.keep(all)
		timer := time.NewTimer(heedEvery)
		select {
		case <-h.bell:
		case <-n.leads.more:
		case <-timer.C:
		case <-n.ctx.Done():
		}
		timer.Stop()
		if n.ctx.Err() != nil {
			return
		}
		h.mu.Lock()
		rung := h.rung
		h.rung = nil
		h.mu.Unlock()
		for _, s := range rung {
			h.drop(s)
			if token, leads := all[s]; leads {
				h.look(s, token)
			}
		}
	}
}

// keep watches over these leads, and no others.
func (h *heeder) keep(all map[seat]lease.Token) {
	for s := range h.watched {
		if _, leads := all[s]; !leads {
			h.drop(s)
		}
	}
	for s := range all {
		if h.watched[s] != nil {
			continue
		}
		h.watched[s] = h.node.watch(interest{spot: spot{lease.Elections, s.name, s.id}, standing: lease.Holding}, func() {
			h.mu.Lock()
			h.rung = append(h.rung, s)
			h.mu.Unlock()
			h.bell.ring()
		})
	}
}

func (h *heeder) drop(s seat) {
	if stop := h.watched[s]; stop != nil {
		stop()
		delete(h.watched, s)
	}
}

// look asks whether a lead still stands. While nobody can tell, it does, to its safe deadline.
func (h *heeder) look(s seat, token lease.Token) {
	n := h.node
	ctx, cancel := context.WithTimeout(n.ctx, keepTimeout)
	defer cancel()
	a, _, err := n.Query(ctx, lease.Query{Kind: lease.QueryName, Space: lease.Elections, Name: s.name}, Linearizable)
	if err != nil || a.Info == nil {
		return
	}
	for i := range a.Info.Holders {
		if one := &a.Info.Holders[i]; one.Token == token && one.Ended == lease.NotEnded {
			return
		}
	}
	n.leads.endToken(s.name, token, n.deps.Clock.Boot())
}

const heedEvery = time.Second
