package raftnode

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/sidelock/sidelock/raftnode/peer"
)

// errNoRoom means that no member has room for another subscription of a sidecar without a replica.
var errNoRoom = errors.New("no member has room for another subscriber")

// relay follows a member's replica, over a connection of its own.
type relay struct {
	node   *Node
	member string // its ID
	conn   net.Conn
	began  time.Time
	index  uint64 // applied there at first
	pieces chan piece
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	known  time.Time // all before has been taken
}

var _ source = (*relay)(nil)

// piece is what the reading goroutine hands over.
type piece struct {
	Delivery
	known time.Time     // not zero: all that was committed then is before the position
	age   time.Duration // then: of the member's replica, by its own word
	err   error         // the end
}

// relayed looks for a member to follow.
func (n *Node) relayed(ctx context.Context, f follow, shunned string) (*relay, error) {
	last := fmt.Errorf("no member is known: %w", errAgent)
	full := false
	for _, id := range n.relays(shunned) {
		r, err := n.dialRelay(ctx, id, f)
		if err == nil {
			return r, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		full = full || errors.Is(err, errNoRoom)
		last = err
		n.log.Debug("a member does not tell what happens", "member", n.nameOf(id), "err", err)
	}
	if full {
		return nil, errNoRoom
	}
	return nil, last
}

// relays are the members in the order in which they are to be asked. The load is spread, and the Raft leader has enough to do.
func (n *Node) relays(shunned string) (ids []string) {
	r := n.roster.Load()
	if r == nil {
		return nil
	}
	for _, l := range r.Nodes {
		if l.Role != Agent && l.ID != string(n.id) {
			ids = append(ids, l.ID)
		}
	}
	rand.Shuffle(len(ids), func(i, k int) { ids[i], ids[k] = ids[k], ids[i] })
	leader := n.knownLeader()
	rank := map[string]int{}
	for _, id := range ids {
		switch {
		case id == shunned:
			rank[id] = 3
		case !n.isHealthy(n.contact.ago(id)):
			rank[id] = 2
		case id == leader:
			rank[id] = 1
		}
	}
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(rank[a], rank[b]) })
	return ids
}

// dialRelay begins to follow one member.
func (n *Node) dialRelay(ctx context.Context, member string, f follow) (*relay, error) {
	ctx, cancel := context.WithTimeout(ctx, relayAnswer)
	defer cancel()
	conn, _, err := n.port.Dial(ctx, peer.KindEvents, member)
	if err != nil {
		return nil, err
	}
	r := &relay{node: n, member: member, conn: conn, began: time.Now(), pieces: make(chan piece)}
	r.ctx, r.cancel = context.WithCancel(n.ctx)
	context.AfterFunc(r.ctx, func() { conn.Close() })
	in := bufio.NewReaderSize(patient{conn}, 64<<10)
	stop := context.AfterFunc(ctx, r.cancel)
	err = r.begin(in, f)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil && !(n.beside(func() { r.run(in) }) && n.beside(r.ask)) {
		err = errClosing
	}
	if err != nil {
		r.cancel()
		return nil, err
	}
	return r, nil
}

// begin says what is to be followed, and takes the answer.
func (r *relay) begin(in *bufio.Reader, f follow) error {
	if err := r.write(0, frameFollow, f.encode()); err != nil {
		return err
	}
	_, kind, payload, err := readFrame(in)
	switch {
	case err != nil:
		return err
	case kind == frameFull:
		return errNoRoom
	case kind != frameReached:
		return fmt.Errorf("refused: %w", refusal(kind, payload))
	}
	p, ok := decodeReached(payload)
	if !ok {
		return errUnread
	}
	r.index, r.known = p.index, r.began.Add(-p.age)
	return nil
}

func (r *relay) write(call uint64, kind byte, payload []byte) error {
	if err := r.conn.SetWriteDeadline(time.Now().Add(forwardIdleTimeout)); err != nil {
		return err
	}
	_, err := r.conn.Write(appendFrame(nil, call, kind, func(b []byte) []byte { return append(b, payload...) }))
	return err
}

// ask asks again and again how far the member has come, which also tells it that this node is there.
func (r *relay) ask() {
	ticker := time.NewTicker(relayEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-ticker.C:
		}
		if r.write(uint64(time.Since(r.began)), frameAsk, nil) != nil {
			return // who reads will see that, and what came before it
		}
	}
}

// run takes what the member sends until the connection fails or the subscription ends.
func (r *relay) run(in *bufio.Reader) {
	defer close(r.pieces)
	defer r.cancel()
	for {
		call, kind, payload, err := readFrame(in)
		if err != nil || !r.take(in, call, kind, payload) {
			return
		}
	}
}

// take takes one frame; false was the last.
func (r *relay) take(in *bufio.Reader, call uint64, kind byte, payload []byte) bool {
	switch kind {
	case frameReached:
		p, ok := decodeReached(payload)
		if !ok {
			return r.give(piece{err: errUnread})
		}
		// The age was said after the ask had left, so it is no greater than this makes it.
		return r.give(piece{Delivery: Delivery{ID: p.id}, known: r.began.Add(time.Duration(call) - p.age), age: p.age})
	case frameHappened:
		d, ok := decodeHappened(payload)
		if !ok {
			return r.give(piece{err: errUnread})
		}
		return r.give(piece{Delivery: d})
	case frameState:
		return r.state(in, payload)
	case frameTooSlow:
		return r.give(piece{err: ErrTooSlow})
	case frameNothing:
		return false
	}
	return true // of a later release
}

// give hands a piece over, and waits until it is wanted: so a reader that is slow holds the member up, and nobody else.
func (r *relay) give(p piece) bool {
	select {
	case r.pieces <- p:
		return p.err == nil
	case <-r.ctx.Done():
		return false
	}
}

// next implements source.
func (r *relay) next(ctx context.Context) (Delivery, error) {
	select {
	case p, ok := <-r.pieces:
		switch {
		case !ok:
			return Delivery{}, errMoved
		case p.err != nil:
			return Delivery{}, p.err
		case !p.known.IsZero():
			r.known = p.known
			if p.age > relayStale && r.node.isHealthy(r.node.contact.ago(r.node.knownLeader())) {
				return p.Delivery, errMoved // it is cut off from the Raft leader, and this node is not
			}
		}
		return p.Delivery, nil
	case <-ctx.Done():
		return Delivery{}, ctx.Err()
	}
}

// upTo implements source.
func (r *relay) upTo() time.Time { return r.known }

// close implements source.
func (r *relay) close() { r.cancel() }
