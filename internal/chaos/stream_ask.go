package chaos

import (
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// Next returns the next frame; ErrQuiet if none comes in time, ErrClosedHere if the test has closed the stream, io.EOF if the sidecar
// has ended it in order, and otherwise what broke it. The frames that came before an end are returned before it.
func (s *Stream) Next(within time.Duration) (Frame, error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		s.mu.Lock()
		if len(s.frames) > 0 {
			f := s.frames[0]
			s.frames = s.frames[1:]
			s.mu.Unlock()
			return f, nil
		}
		ended := s.ended
		s.mu.Unlock()
		if ended != nil {
			s.tell() // whoever else waits
			return Frame{}, ended
		}
		select {
		case <-s.news:
		case <-timer.C:
			return Frame{}, ErrQuiet
		}
	}
}

// Await returns the next frame of one of some kinds, and drops those before it. The test fails if none comes in time.
func (s *Stream) Await(within time.Duration, kinds ...string) Frame {
	s.t.Helper()
	f, _ := s.AwaitAll(within, kinds...)
	return f
}

// AwaitAll is Await with the frames that came before.
func (s *Stream) AwaitAll(within time.Duration, kinds ...string) (found Frame, before []Frame) {
	s.t.Helper()
	for deadline := time.Now().Add(within); ; {
		f, err := s.Next(time.Until(deadline))
		if err != nil {
			s.t.Fatalf("%s\nno %v within %s: %v; what came: %v", s.Answer, kinds, within, err, before)
		}
		if slices.Contains(kinds, f.Event) {
			return f, before
		}
		before = append(before, f)
	}
}

// Ended waits until the stream has ended, and returns the frames that came before that and why it ended: io.EOF if the sidecar ended it in
// order. The test fails if it goes on for longer.
func (s *Stream) Ended(within time.Duration) ([]Frame, error) {
	s.t.Helper()
	var last []Frame
	for deadline := time.Now().Add(within); ; {
		f, err := s.Next(time.Until(deadline))
		switch {
		case err == ErrQuiet:
			s.t.Fatalf("%s\nstill open after %s; what came: %v", s.Answer, within, last)
		case err != nil:
			return last, err
		}
		last = append(last, f)
	}
}

// Drain returns the frames that have come and were not asked for.
func (s *Stream) Drain() []Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.frames
	s.frames = nil
	return all
}

// Close closes the connection, as a client does that has finished.
func (s *Stream) Close() { s.close(false) }

// Kill breaks the connection, as the kernel does for a process that died with something unread.
func (s *Stream) Kill() { s.close(true) }

func (s *Stream) close(reset bool) {
	s.end(ErrClosedHere)
	if s.conn == nil {
		return
	}
	if tcp, ok := s.conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0) // it may be closed already
	}
	s.conn.Close()
}

// WantOpen fails the test if the stream has ended.
func (s *Stream) WantOpen() *Stream {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		s.t.Fatalf("%s\nended: %v; frames not asked for: %v", s.Answer, s.ended, s.frames)
	}
	return s
}

// WantEOF fails the test unless an end was the sidecar's own, in order.
func WantEOF(t interface {
	Helper()
	Errorf(string, ...any)
}, err error) {
	t.Helper()
	if err != io.EOF {
		t.Errorf("the sidecar ends a stream in order: %v", fmt.Sprint(err))
	}
}

// Begun fails the test unless the stream has begun.
func (s *Stream) Begun(t testing.TB) *Stream {
	t.Helper()
	s.Want(t, 200)
	return s
}
