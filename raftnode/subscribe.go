package raftnode

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// Filter says which events a subscriber wants.
type Filter struct {
	Space  lease.Space // 0: both
	Prefix string      // of names
}

func (f Filter) wants(e *lease.Event) bool {
	return (f.Space == 0 || f.Space == e.Space) && strings.HasPrefix(e.Name, f.Prefix)
}

// Subscription follows what happens, as this node's replica applies it. It belongs to one goroutine and needs no ending.
type Subscription struct {
	node   *Node
	filter Filter
	at     cursor
	id     EventID
	fresh  bool // the next delivery is the whole state
}

// Delivery is the next piece of a subscription: the whole state, or events.
type Delivery struct {
	State  *lease.Snapshot // not nil: everything before is void; what follows begins behind it
	Events []Happened      // in order, none missing and none twice
	ID     EventID         // the position behind this delivery, to resume after
}

// ErrTooSlow means that the subscriber did not keep up with what happens: some of it is no longer remembered.
var ErrTooSlow = errors.New("the subscriber is too slow: events that it has not taken are no longer remembered")

// Subscribe follows what happens after a position, or from now on: then, and where not all since then is remembered, the first
// delivery is the whole state. A returned error is an *Error.
func (n *Node) Subscribe(ctx context.Context, after *EventID, f Filter) (*Subscription, error) {
	if err := n.admit(0); err != nil {
		return nil, err
	}
	if n.freshAt().IsZero() {
		return nil, &Error{Code: NotReady, Detail: "this replica has not caught up since its start; ask another sidecar, or again shortly"}
	}
	s := &Subscription{node: n, filter: f, fresh: true}
	if after == nil {
		return s, nil
	}
	s.id = *after
	if _, head := n.machine.feed.end(); head.before(*after) && !n.reached(ctx, *after) {
		return s, nil // a position that this group never had, or that nobody can vouch for
	}
	at, ok := n.machine.feed.seek(*after)
	s.at, s.fresh = at, !ok
	return s, nil
}

// reached asks the Raft leader whether the group has come as far as a position that this replica has not, and waits for it.
func (n *Node) reached(ctx context.Context, id EventID) bool {
	a, _, err := n.Query(ctx, lease.Query{Kind: lease.QueryLease}, Linearizable)
	if err != nil || (EventID{a.Index + 1, 0}).before(id) {
		return false
	}
	ticker := time.NewTicker(retryPause)
	defer ticker.Stop()
	for {
		if _, head := n.machine.feed.end(); !head.before(id) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
}

// Next returns the next delivery, and waits for one. It returns ErrTooSlow, or ctx's error.
func (s *Subscription) Next(ctx context.Context) (Delivery, error) {
	for {
		news := s.node.machine.feed.news.wait()
		if s.node.asMember() == nil {
			return Delivery{}, errAgent // what its replica was is void
		}
		if s.fresh {
			return s.begin(), nil
		}
		events, at, id, what := s.node.machine.feed.read(s.at)
		switch what {
		case foundNewLife:
			s.fresh = true
			continue
		case foundLost:
			return Delivery{}, ErrTooSlow
		}
		caughtUp := len(events) == 0
		s.at, s.id = at, id
		if wanted := s.wanted(events); len(wanted) > 0 {
			return Delivery{Events: wanted, ID: id}, nil
		}
		if !caughtUp {
			continue
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Delivery{}, ctx.Err()
		}
	}
}

// begin takes the state and the place in the feed behind it, at one moment.
func (s *Subscription) begin() Delivery {
	m := s.node.machine
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.state.Snapshot()
	s.at, s.id = m.feed.end()
	s.fresh = false
	return Delivery{State: &state, ID: s.id}
}

func (s *Subscription) wanted(events []Happened) []Happened {
	wanted := events[:0]
	for i := range events {
		if s.filter.wants(&events[i].Event) {
			wanted = append(wanted, events[i])
		}
	}
	return wanted
}

// Position is behind all that was delivered or was not wanted.
func (s *Subscription) Position() EventID { return s.id }

// Age is how long ago this replica had applied all that was committed.
func (s *Subscription) Age() time.Duration { return max(0, time.Since(s.node.freshAt())) }
