package raftnode

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync"

	"github.com/sidelock/sidelock/lease"
)

// session gives the commands of this run of this sidecar their identities (Raft dissertation, 6.3). The state machine
// keeps what each came to until the session says, by Low, that it has the answer.
type session struct {
	mu      sync.Mutex
	id      lease.SessionID
	seq     uint64
	low     uint64 // the lowest sequence number still open
	closed  map[uint64]struct{}
	opening chan struct{} // closed when the one who opens is done
	nonce   uint64        // of the session being opened: repeats of the command make one
}

// begin returns the identity of a new command; open is called, by one caller at a time, if there is no session yet.
func (s *session) begin(ctx context.Context, open func(context.Context) (lease.SessionID, error)) (lease.Identity, error) {
	for {
		s.mu.Lock()
		if s.id != 0 {
			s.seq++
			id := lease.Identity{Session: s.id, Seq: s.seq, Low: s.low}
			s.mu.Unlock()
			return id, nil
		}
		if s.opening == nil {
			s.opening = make(chan struct{})
			s.mu.Unlock()
			id, err := open(ctx)
			s.opened(id, err)
			if err != nil {
				return lease.Identity{}, err
			}
			continue
		}
		opening := s.opening
		s.mu.Unlock()
		select {
		case <-opening:
		case <-ctx.Done():
			return lease.Identity{}, ctx.Err()
		}
	}
}

func (s *session) opened(id lease.SessionID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.id, s.seq, s.low, s.closed, s.nonce = id, 0, 1, map[uint64]struct{}{}, 0
	}
	close(s.opening)
	s.opening = nil
}

// draw returns the nonce of the session that is being opened.
func (s *session) draw() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.nonce == 0 {
		var b [8]byte
		rand.Read(b[:]) // never fails
		s.nonce = binary.BigEndian.Uint64(b[:])
	}
	return s.nonce
}

// end says that a command has been answered or given up.
func (s *session) end(id lease.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id.Session != s.id {
		return
	}
	s.closed[id.Seq] = struct{}{}
	for {
		if _, ok := s.closed[s.low]; !ok {
			return
		}
		delete(s.closed, s.low)
		s.low++
	}
}

// forget is lost for whatever session there is: the group that had it exists no more.
func (s *session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id = 0
}

// lost forgets a session that the state machine does not know any more; the next command opens another.
func (s *session) lost(id lease.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id == id {
		s.id = 0
	}
}
