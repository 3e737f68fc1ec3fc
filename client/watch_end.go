package client

import (
	"context"
	"errors"
	"time"
)

// giveBack ends the lease, if it may be alive, and all streams.
func (w *watch) giveBack() {
	t := w.t
	if t.failed != nil {
		w.leaveLine()
		return
	}
	if w.gone {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.caller), releaseWithin)
	defer cancel()
	// First with the stream still open, so that the lock's history says released and not disconnected.
	err := w.delete(ctx, time.Second)
	w.hangUp()
	if err != nil && !definite(err) {
		err = w.delete(ctx, releaseWithin)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result = err
	if lost := t.lostBy(err); lost != nil {
		t.result = lost
	}
}

// delete tries for so long; an error is of the last try.
func (w *watch) delete(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := w.t.c.end(ctx, "release", w.t.kind, w.t.name, w.lease, forever)
	var stopped *ended
	if !errors.As(err, &stopped) {
		return err
	}
	if stopped.last != nil {
		return stopped.last
	}
	return &unreachable{stopped.call, errNoWord}
}

// leaveLine makes sure that nothing is left of a tenure that was never held. Closing a live stream is enough; without
// one, what was asked may be on its way to being granted.
func (w *watch) leaveLine() {
	unknown := w.live == nil && !w.gone
	w.hangUp()
	if unknown {
		w.t.c.abandon(w.t.kind, w.t.name, w.lease)
	}
}
