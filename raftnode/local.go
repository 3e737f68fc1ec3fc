package raftnode

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// errAhead means that a position cannot be gone on from here: this replica has not come so far, and nobody could be asked in time whether
// the group has.
var errAhead = errors.New("this replica has not come as far as the position to go on from")

// local follows this node's own replica, for as long as that is the one it was.
type local struct {
	node   *Node
	member *member
	filter Filter
	at     cursor
	id     EventID
	fresh  bool // the next delivery is the whole state
	wake   bell // when it has a value next returns, be it with nothing; may be nil
}

var _ source = (*local)(nil)

func newLocal(n *Node, m *member, after *EventID, f Filter) *local {
	l := &local{node: n, member: m, filter: f, fresh: true}
	if after != nil {
		l.id = *after
	}
	return l
}

// follow follows this node's replica after a position, or from now on. It returns errAgent if there is no replica, or none that has caught
// up, and errAhead.
func (n *Node) follow(ctx context.Context, after *EventID, f Filter) (*local, error) {
	m := n.asMember()
	if m == nil || n.freshAt().IsZero() {
		return nil, errAgent
	}
	l := newLocal(n, m, after, f)
	if after == nil {
		return l, nil
	}
	if _, head := n.machine.feed.end(); head.before(*after) {
		if there, err := n.reached(ctx, *after); !there {
			return l, err // fresh, if this is a position that the group never had
		}
	}
	at, ok := n.machine.feed.seek(*after)
	l.at, l.fresh = at, !ok
	return l, nil
}

// reached asks the Raft leader whether the group has come as far as a position that this replica has not, and waits for it. An error
// wraps errAhead.
func (n *Node) reached(ctx context.Context, id EventID) (bool, error) {
	a, _, err := n.Query(ctx, lease.Query{Kind: lease.QueryLease}, Linearizable)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errAhead, err)
	}
	if (EventID{a.Index + 1, 0}).before(id) {
		return false, nil
	}
	ticker := time.NewTicker(retryPause)
	defer ticker.Stop()
	for {
		if _, head := n.machine.feed.end(); !head.before(id) {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("%w: %w", errAhead, ctx.Err())
		case <-ticker.C:
		}
	}
}

// next implements source.
func (s *local) next(ctx context.Context) (Delivery, error) {
	for {
		news := s.node.machine.feed.news.wait()
		if s.moved() {
			return Delivery{}, errMoved // what its replica was is void
		}
		if s.fresh {
			if d := s.begin(); !s.moved() {
				return d, nil
			}
			continue
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
		case <-s.wake:
			return Delivery{ID: id}, nil
		case <-ctx.Done():
			return Delivery{ID: id}, ctx.Err()
		case <-s.node.ctx.Done():
			return Delivery{ID: id}, errClosing
		}
	}
}

func (s *local) moved() bool { return s.node.asMember() != s.member }

// begin takes the state and the place in the feed behind it, at one moment. They mean something only if the replica is still the same
// afterwards.
func (s *local) begin() Delivery {
	m := s.node.machine
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.state.Snapshot()
	s.at, s.id = m.feed.end()
	s.fresh = false
	return Delivery{State: &state, ID: s.id}
}

func (s *local) wanted(events []Happened) []Happened {
	wanted := events[:0]
	for i := range events {
		if s.filter.wants(&events[i].Event) {
			wanted = append(wanted, events[i])
		}
	}
	return wanted
}

// upTo implements source.
func (s *local) upTo() time.Time { return s.node.freshAt() }

func (s *local) close() {}
