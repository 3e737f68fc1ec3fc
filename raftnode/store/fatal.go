package store

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// failure is the one-way switch of a directory: after the first error that ends
// the process nothing is read or written any more, whoever still tries.
type failure struct {
	mu     sync.Mutex
	err    error
	closed bool
	fatal  func(error)
	stall  time.Duration // of one use of the disk
}

func newFailure(fatal func(error)) *failure { return &failure{fatal: fatal, stall: StallLimit} }

// report switches over, tells Fatal once, and returns the error that counts. An
// error that only says that we closed the store ourselves is not one.
func (f *failure) report(err error) error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return ErrClosed
	}
	if f.err != nil {
		first := f.err
		f.mu.Unlock()
		return first
	}
	f.err = err
	f.mu.Unlock()
	f.fatal(err)
	return err
}

// check returns the error that ended the store, if any.
func (f *failure) check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	return f.err
}

func (f *failure) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

// protect turns a panic of bbolt, or a fault on its memory map, into a
// CorruptError: both mean that pages of the file are not what they were.
func protect(file string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			cause, ok := r.(error)
			if !ok {
				cause = errors.New(fmt.Sprint(r))
			}
			err = &CorruptError{File: file, Reason: fmt.Sprintf("the file is damaged (%v)", cause), Err: cause}
		}
	}()
	return f()
}
