package raftnode

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/sidelock/sidelock/raftnode/peer"
)

// speaker tells one subscription of a sidecar without a replica what happens, as this node's replica applies it.
type speaker struct {
	node  *Node
	conn  net.Conn
	asked atomic.Uint64 // the call number of the last ask
	asks  bell          // has a value when there is another
	buf   []byte
}

// serveEvents serves one events connection until it fails, or this node's replica is no more.
func (n *Node) serveEvents(conn net.Conn, h peer.Hello) {
	s := &speaker{node: n, conn: conn, asks: newBell()}
	in := bufio.NewReaderSize(patient{conn}, 4<<10)
	_, kind, payload, err := readFrame(in)
	if err != nil {
		return
	}
	f, ok := decodeFollow(payload)
	if kind != frameFollow || !ok {
		s.refuse(frameNothing, "what is to be followed is not understood: upgrade the member")
		return
	}
	if !n.machine.feed.readers.enter(h.NodeID) {
		s.refuse(frameFull, "")
		return
	}
	defer n.machine.feed.readers.leave(h.NodeID)
	ctx, cancel := context.WithCancel(n.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		s.listen(in)
	}()
	s.run(ctx, f)
	conn.Close()
	<-done
}

// listen takes the asks, until the sidecar has gone.
func (s *speaker) listen(in *bufio.Reader) {
	for {
		call, kind, _, err := readFrame(in)
		if err != nil {
			return
		}
		if kind == frameAsk {
			s.asked.Store(call)
			s.asks.ring()
		}
	}
}

// run tells what happens, until the context ends or the replica does.
func (s *speaker) run(ctx context.Context, f follow) {
	begin, cancel := context.WithTimeout(ctx, relayBegin)
	l, err := s.node.follow(begin, f.after, f.filter)
	cancel()
	if err != nil {
		s.refuse(frameNothing, err.Error())
		return
	}
	if s.reached(0, l.id, l.upTo()) != nil {
		return
	}
	l.wake = s.asks
	for told := uint64(0); ; {
		// What was committed at the first of these times was in the feed at the second.
		call, known := s.asked.Load(), l.upTo()
		_, head := s.node.machine.feed.end()
		if call != told {
			l.wake.ring() // do not wait for news
		}
		d, err := l.next(ctx)
		switch {
		case errors.Is(err, ErrTooSlow):
			s.refuse(frameTooSlow, "")
		case d.State != nil || len(d.Events) > 0:
			err = s.deliver(&d)
		}
		if err == nil && call != told && !l.id.before(head) {
			told = call
			err = s.reached(call, l.id, known)
		}
		if err != nil {
			return
		}
	}
}

func (s *speaker) deliver(d *Delivery) error {
	if d.State == nil {
		return s.say(0, frameHappened, func(b []byte) []byte { return encodeHappened(b, d) })
	}
	if _, err := d.State.WriteTo(stateWriter{s}); err != nil {
		return err
	}
	return s.say(0, frameStateEnd, func(b []byte) []byte { return appendPosition(b, d.ID) })
}

// reached says how far this node has come, and that it is there.
func (s *speaker) reached(call uint64, id EventID, known time.Time) error {
	p := reached{id: id, age: time.Since(known), index: s.node.machine.applied.Load()}
	return s.say(call, frameReached, func(b []byte) []byte { return append(b, p.encode()...) })
}

// refuse says the last word.
func (s *speaker) refuse(kind byte, why string) {
	// If it cannot be said, the other side notices the end by itself.
	_ = s.say(0, kind, func(b []byte) []byte { return append(b, why...) })
}

// say sends a frame, and waits while the other side does not read, though not for ever.
func (s *speaker) say(call uint64, kind byte, encode func([]byte) []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(relayWrite)); err != nil {
		return err
	}
	s.buf = appendFrame(s.buf[:0], call, kind, encode)
	_, err := s.conn.Write(s.buf)
	return err
}
