package raftnode

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/sidelock/sidelock/lease"
)

// errUnread means that what a member said could not be read.
var errUnread = errors.New("what a member of the group told cannot be read; are the releases too far apart?")

// state reads a whole state, of which a piece has come, and hands it over.
func (r *relay) state(in *bufio.Reader, first []byte) bool {
	if !r.node.machine.feed.readers.restore(r.ctx) {
		return false
	}
	defer r.node.machine.feed.readers.restored()
	src := &stateReader{in: in, piece: first}
	state, err := lease.Restore(src)
	if err == nil {
		err = src.rest()
	}
	switch {
	case src.err != nil:
		return false
	case err != nil: // not for want of another member: it would be the same there
		r.node.log.Error("the state that a member tells cannot be read", "member", r.node.nameOf(r.member), "err", err)
		return r.give(piece{err: fmt.Errorf("%w: %w", errUnread, err)})
	}
	snapshot := state.Snapshot()
	return r.give(piece{Delivery: Delivery{State: &snapshot, ID: src.id}})
}

// stateReader puts the pieces of a state together again.
type stateReader struct {
	in    *bufio.Reader
	piece []byte
	ended bool
	id    EventID // the position of the state, once it has ended
	err   error   // of the connection
}

// Read implements io.Reader.
func (s *stateReader) Read(b []byte) (int, error) {
	for len(s.piece) == 0 {
		switch {
		case s.err != nil:
			return 0, s.err
		case s.ended:
			return 0, io.EOF
		}
		s.next()
	}
	n := copy(b, s.piece)
	s.piece = s.piece[n:]
	return n, nil
}

// next takes the next frame.
func (s *stateReader) next() {
	_, kind, payload, err := readFrame(s.in)
	switch {
	case err != nil:
		s.err = fmt.Errorf("%w: %v", errCut, err)
	case kind == frameState:
		s.piece = payload
	case kind == frameStateEnd:
		r := pongReader{b: payload, ok: true}
		s.id, s.ended = r.position(), true
		if !r.ok {
			s.err = errUnread
		}
	}
}

// rest reads to the end of the state. There is nothing left of what it is made of.
func (s *stateReader) rest() error {
	n, err := io.Copy(io.Discard, s)
	if err == nil && n > 0 {
		err = errUnread
	}
	return err
}

// stateWriter sends a state in pieces.
type stateWriter struct{ out *speaker }

// Write implements io.Writer.
func (s stateWriter) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		piece := b[:min(len(b), statePiece)]
		if err := s.out.say(0, frameState, func(to []byte) []byte { return append(to, piece...) }); err != nil {
			return n, err
		}
		n, b = n+len(piece), b[len(piece):]
	}
	return n, nil
}

// readers are those who follow this node's replica from elsewhere, and the states that this node reads from others.
type readers struct {
	mu     sync.Mutex
	byNode map[string]int
	total  int
	states chan struct{} // has a value for each state being read
}

// enter takes one subscriber of another sidecar on, if there is room; leave is called afterwards.
func (r *readers) enter(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.total >= maxReaders || r.byNode[id] >= maxReadersOfOne {
		return false
	}
	if r.byNode == nil {
		r.byNode = map[string]int{}
	}
	r.byNode[id]++
	r.total++
	return true
}

func (r *readers) leave(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total--
	if r.byNode[id]--; r.byNode[id] == 0 {
		delete(r.byNode, id)
	}
}

// restore waits until another state may be read; restored is called afterwards. False means that the context ended first.
func (r *readers) restore(ctx context.Context) bool {
	select {
	case r.slots() <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *readers) restored() { <-r.slots() }

func (r *readers) slots() chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.states == nil {
		r.states = make(chan struct{}, maxStates)
	}
	return r.states
}
