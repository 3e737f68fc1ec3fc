package raftnode

import (
	"context"
	"errors"
	"math/rand/v2"
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

// Subscription follows what happens: as this node's replica applies it or, where there is none, as another's does. When what it
// follows goes away it goes on elsewhere, after the last position, which its subscriber does not notice. It belongs to one goroutine.
// Close it.
type Subscription struct {
	node   *Node
	filter Filter

	from    source        // nil: to be found
	shunned string        // the member that it turned away from last
	cluster string        // whose log the position is of
	id      EventID       // behind all that was delivered or was not wanted
	fresh   bool          // there is no position to go on from: the next delivery is the whole state
	known   time.Time     // all that was committed then has been delivered; by what its sources say
	index   uint64        // how far the replica had come when this began
	pause   time.Duration // before members that had no room are asked again
}

// source is what a subscription follows. It belongs to the subscription's goroutine.
type source interface {
	// next returns the next delivery, which may be empty but for its position, or errMoved: this is to be followed elsewhere. With an
	// error too, an ID that is not zero is a position.
	next(ctx context.Context) (Delivery, error)
	// upTo is a time of which all that was committed has been delivered or was not wanted; zero if none is known.
	upTo() time.Time
	close()
}

var errMoved = errors.New("what was followed has gone")

// Delivery is the next piece of a subscription: the whole state, or events.
type Delivery struct {
	State  *lease.Snapshot // not nil: everything before is void; what follows begins behind it
	Events []Happened      // in order, none missing and none twice
	ID     EventID         // the position behind this delivery, to resume after
}

// ErrTooSlow means that the subscriber did not keep up with what happens: some of it is no longer remembered.
var ErrTooSlow = errors.New("the subscriber is too slow: events that it has not taken are no longer remembered")

// Subscribe follows what happens after a position, or from now on: then, and where not all since then is remembered, the first
// delivery is the whole state. ctx bounds only the beginning. A returned error is an *Error.
func (n *Node) Subscribe(ctx context.Context, after *EventID, f Filter) (*Subscription, error) {
	if err := n.admit(0); err != nil {
		return nil, err
	}
	if n.asMember() != nil && n.freshAt().IsZero() {
		return nil, &Error{Code: NotReady, Detail: "this replica has not caught up since its start; ask another sidecar, or again shortly"}
	}
	s := &Subscription{node: n, index: n.machine.applied.Load(), filter: f, cluster: n.clusterID(), fresh: after == nil}
	if after != nil {
		s.id = *after
	}
	err := s.settle(ctx, false)
	if m := n.asMember(); errors.Is(err, errAhead) && m != nil {
		s.from, err = newLocal(n, m, nil, f), nil // nobody can vouch for the position
	}
	if err != nil {
		return nil, s.unsettled(err)
	}
	return s, nil
}

func (s *Subscription) unsettled(err error) error {
	switch {
	case errors.Is(err, errClosing):
		return errDraining(err)
	case errors.Is(err, errNoRoom):
		return &Error{Overloaded, "the members of the group have no room for another event stream of an agent; ask one of them, or again shortly", err}
	}
	return &Error{NotReady, "this sidecar is an agent, and no member of the group could be reached that tells it what happens; ask another sidecar, or again shortly", err}
}

// Next returns the next delivery, and waits for one. It returns ErrTooSlow, ctx's error, or another that ends the subscription.
func (s *Subscription) Next(ctx context.Context) (Delivery, error) {
	for {
		if s.from != nil && s.cluster != s.node.clusterID() {
			s.leave()
		}
		if s.from == nil {
			if err := s.settle(ctx, true); err != nil {
				return Delivery{}, err
			}
		}
		d, err := s.from.next(ctx)
		if d.ID != (EventID{}) {
			s.id = d.ID
		}
		switch {
		case errors.Is(err, errMoved):
			s.leave()
		case err != nil:
			return Delivery{}, err
		case d.State != nil:
			s.fresh = false
			return d, nil
		case len(d.Events) > 0:
			return d, nil
		}
	}
}

// settle finds a source. Impatient, it takes no for an answer where members have no room.
func (s *Subscription) settle(ctx context.Context, patient bool) error {
	for {
		changed := s.node.leaderChange.wait()
		err := s.find(ctx)
		full := errors.Is(err, errNoRoom)
		if err == nil || !patient && full {
			s.pause = 0
			return err
		}
		pause := settlePause
		if full { // so are the others, or they are gone; and to ask is a handshake with each
			s.pause = min(max(2*s.pause, settlePause), settleMost)
			pause, changed = s.pause/2+rand.N(s.pause), nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		case <-s.node.ctx.Done():
		}
		timer.Stop()
		switch {
		case s.node.ctx.Err() != nil:
			return errClosing
		case ctx.Err() != nil && patient:
			return ctx.Err()
		case ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		}
	}
}

// find looks for a source once: this node's own replica, or else a member that tells what happens.
func (s *Subscription) find(ctx context.Context) error {
	n := s.node
	if id := n.clusterID(); id != s.cluster { // another group's log has nothing to do with that position
		s.cluster, s.id, s.fresh = id, EventID{}, true
	}
	after := &s.id
	if s.fresh {
		after = nil
	}
	l, err := n.follow(ctx, after, s.filter)
	if err == nil {
		s.from = l
		return nil
	}
	if !errors.Is(err, errAgent) {
		return err
	}
	r, err := n.relayed(ctx, follow{filter: s.filter, after: after}, s.shunned)
	if err != nil {
		return err
	}
	s.from, s.index = r, max(s.index, r.index)
	return nil
}

// leave gives up a source. It is not the first choice when another is looked for.
func (s *Subscription) leave() {
	s.Age()
	if r, ok := s.from.(*relay); ok {
		s.shunned = r.member
	}
	s.from.close()
	s.from = nil
}

// Close ends the subscription.
func (s *Subscription) Close() {
	if s.from != nil {
		s.from.close()
	}
}

// Position is behind all that was delivered or was not wanted.
func (s *Subscription) Position() EventID { return s.id }

// Index is how far the replica that this follows had come when it began.
func (s *Subscription) Index() uint64 { return s.index }

// Age is how long ago all that was committed had been delivered, or was not wanted.
func (s *Subscription) Age() time.Duration {
	if s.from != nil {
		if at := s.from.upTo(); at.After(s.known) {
			s.known = at
		}
	}
	return max(0, time.Since(s.known))
}
