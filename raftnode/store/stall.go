package store

import (
	"sync"
	"time"
)

// stallLooks is in how many parts a StallLimit is waited for. A process that was
// paused, or a machine that slept, in the middle of a write finds one part over
// when it goes on, and not the whole.
const stallLooks = 10

// task is what the disk is used for.
type task struct {
	what string // "a write to the log"
	read bool
}

// use is one use of the disk under way.
type use struct {
	fail  *failure
	file  string
	task  task
	timer *time.Timer

	mu    sync.Mutex
	over  bool
	looks int
}

// begin watches over a use of the disk: a kernel that waits for a storage that is
// gone gives no error. If end has not been called after StallLimit of running
// time, the store ends with a StallError, for whoever still uses it and for the
// process.
func (f *failure) begin(file string, t task) *use {
	u := &use{fail: f, file: file, task: t}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.timer = time.AfterFunc(f.stall/stallLooks, u.look)
	return u
}

func (u *use) look() {
	u.mu.Lock()
	u.looks++
	stalled := !u.over && u.looks >= stallLooks
	if !u.over && !stalled {
		u.timer.Reset(u.fail.stall / stallLooks)
	}
	u.mu.Unlock()
	if stalled {
		// The answer is for those who ask next; whoever is in the middle of it may never come back.
		_ = u.fail.report(&StallError{File: u.file, What: u.task.what, After: u.fail.stall.String()})
	}
}

func (u *use) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
	u.timer.Stop()
}
