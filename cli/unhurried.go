package cli

import (
	"io"
	"sync"
	"time"
)

// unhurried is a way to stderr that never waits: whoever should read it may not (a pager that stands still, a terminal
// after Ctrl-S), and what a command runs under must be watched all the same. What finds no room is dropped. Its methods
// may be called concurrently.
type unhurried struct {
	w     io.Writer
	queue chan []byte
	end   chan struct{} // closed when only what is in the queue is still to be written
	done  chan struct{}
	once  sync.Once
}

var _ io.Writer = (*unhurried)(nil)

func newUnhurried(w io.Writer) *unhurried {
	u := &unhurried{w: w, queue: make(chan []byte, maxUnread), end: make(chan struct{}), done: make(chan struct{})}
	go u.run()
	return u
}

func (u *unhurried) run() {
	defer close(u.done)
	for {
		select {
		case text := <-u.queue:
			_, _ = u.w.Write(text) // if it fails there is nobody to tell
			continue
		case <-u.end:
		}
		select {
		case text := <-u.queue:
			_, _ = u.w.Write(text)
		default:
			return
		}
	}
}

// Write takes p; its result says nothing about whether anybody will read it.
func (u *unhurried) Write(p []byte) (int, error) {
	select {
	case u.queue <- append([]byte(nil), p...):
	default:
	}
	return len(p), nil
}

// flush waits until all is written, but not for long. What is written after it is dropped.
func (u *unhurried) flush() {
	u.once.Do(func() { close(u.end) })
	timer := time.NewTimer(flushWithin)
	defer timer.Stop()
	select {
	case <-u.done:
	case <-timer.C:
	}
}
