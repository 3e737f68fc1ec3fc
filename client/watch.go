package client

import (
	"context"
	"maps"
	"sync"
	"time"
)

// phase is how far a tenure is.
type phase int

const (
	waiting phase = iota // in line, or trying to get there
	held                 // the work goes on
	ending               // the work was told to stop; the lease is left to it until Release, or a while after the deadline at the latest
	over
)

// watch is the goroutine that keeps a tenure: a state machine fed by streams, timers and the caller. It never blocks
// while the lease is held, so that its heart beats evenly; whatever takes time runs elsewhere and reports.
//
// At most two streams are open: live, which speaks, and next, which is being opened because live broke or fell silent.
// The first line of next makes it live. The old one is closed only then: to the sidecar a second stream with the same
// lease takes the first one's place, and the first one's end means nothing any more, while closing the only stream
// releases the lease.
type watch struct {
	t      *tenure
	caller context.Context

	phase phase
	gone  bool // the lease has ended, there is nothing to give back

	streams    context.Context // of all streams; not the caller's, whose end must not release what is still worked under
	hangUp     context.CancelFunc
	running    sync.WaitGroup
	said       chan said[holdLine]
	live, next *stream[holdLine]
	confirmed  bool          // live has said held
	quiet      time.Duration // since live said something; while this process ran, for what it slept through is still to be read
	failures   int           // of streams, in a row
	last       error
	retry      *time.Timer
	retrying   bool

	lease    string
	fresh    int // lease IDs drawn because one had ended before it was held
	token    uint64
	ttl      time.Duration
	position int
	began    instant

	beats   beats
	heart   *time.Ticker
	cut     *time.Timer // for the deadline
	leave   deadline    // when an ending is over
	notices notices
}

func newWatch(caller context.Context, t *tenure) *watch {
	w := &watch{t: t, caller: caller, lease: t.request.lease, ttl: t.options.ttl, said: make(chan said[holdLine])}
	w.streams, w.hangUp = context.WithCancel(context.WithoutCancel(caller))
	w.began = t.c.now()
	w.beats = beats{w.began, w.began}
	return w
}

func (w *watch) run() {
	defer close(w.t.done)
	defer w.running.Wait()
	defer w.hangUp()
	defer w.notices.end()
	w.heart = time.NewTicker(heartbeat(w.ttl))
	defer w.heart.Stop()
	w.retry, w.cut = time.NewTimer(0), time.NewTimer(longestWait)
	defer w.retry.Stop()
	defer w.cut.Stop()
	w.retrying = true
	callerDone := w.caller.Done()
	for w.phase != over {
		select {
		case <-w.heart.C:
			now := w.t.c.now()
			w.beats.beat(now, heartbeat(w.ttl))
			w.quiet += heartbeat(w.ttl)
			w.check(now)
		case s := <-w.said:
			w.check(w.t.c.now())
			w.hear(s)
		case <-w.retry.C:
			w.retrying = false
			if w.live == nil || w.silent() { // else it has spoken again
				w.open()
			}
		case <-w.cut.C:
			w.check(w.t.c.now())
		case <-callerDone:
			callerDone = nil
			w.callerGone()
		case <-w.t.release:
			w.phase = over
		}
	}
	w.giveBack()
}

// check acts on what time has brought. It comes before anything that is heard: what is heard too late changes nothing.
func (w *watch) check(now instant) {
	left := w.t.left(now)
	switch w.phase {
	case waiting:
		w.checkWait(now)
	case held:
		if left <= w.t.grace {
			w.lose(w.t.lostError(Deadline, ""))
		} else {
			w.openBeside()
		}
	case ending:
		if w.leave.left(now) <= 0 {
			w.phase = over
		}
	}
}

// left is until the deadline itself, without the grace.
func (t *tenure) left(now instant) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.until.left(now)
}

func (w *watch) checkWait(now instant) {
	o := w.t.options
	tooLong := time.Duration(0)
	if w.live != nil {
		tooLong = waitSlack
	}
	switch left := o.wait - now.since(w.began); {
	case o.wait > 0 && left <= -tooLong:
		switch {
		case w.position > 0:
			w.fail(w.waitOver())
		case w.last != nil:
			w.fail(w.last)
		default: // it never said that there is a line
			w.fail(&unreachable{w.t.request.call, errNoWord})
		}
		w.gone = false // so it is, for all that the sidecar knows
	case w.next != nil && now.since(w.next.sent) > openWithin:
		silent := w.next
		w.next.close()
		w.broke(silent, &unreachable{w.t.request.call, errTooSlow})
	default:
		w.openBeside()
	}
}

// silent says whether live ought to have said something by now.
func (w *watch) silent() bool {
	if w.phase == held {
		return w.live != nil && w.quiet > 2*min(sayEvery, w.ttl/3)
	}
	return w.live != nil && w.quiet > queuedSilence
}

func (w *watch) waitOver() error {
	return &Error{
		Status: 423, Code: "wait_timeout", Title: "Lock is held, and the wait is over", Retryable: true,
		Detail: "try again, or wait longer", call: w.t.request.call,
	}
}

// open begins a stream, as a first one or to resume.
func (w *watch) open() {
	r := w.t.request
	r.lease = w.lease
	r.form = maps.Clone(w.t.request.form)
	switch o := w.t.options; {
	case w.phase > held:
		return
	case w.phase == held:
		// What was set since must not be set back, and a lease that the group does not know any more must not stand in line.
		r.form.Del("value")
		w.setWait(&r, 0)
	case o.noWait:
		w.setWait(&r, 0)
	case o.wait > 0:
		w.setWait(&r, max(0, o.wait-w.t.c.now().since(w.began)))
	}
	w.next = open(w.streams, w.t.c, r, maxHoldLine, w.said, &w.running)
}

func (w *watch) setWait(r *request, d time.Duration) {
	if w.t.kind == KindLock { // a candidate stands by for as long as it lives
		r.form.Set("wait", d.Truncate(time.Millisecond).String())
	}
}

// openBeside opens a second stream beside one that fell silent, unless that is under way.
func (w *watch) openBeside() {
	if w.silent() && w.next == nil && !w.retrying {
		w.open()
	}
}

// again opens a stream anew after a while, because of err.
func (w *watch) again(err error) {
	w.failures++
	w.after(pause(w.failures, err), err)
}

func (w *watch) after(d time.Duration, err error) {
	w.last = err
	if w.phase == held {
		// A sidecar that asks for patience may ask for more than is left.
		d = min(d, w.t.left(w.t.c.now())/4)
	}
	if w.t.c.onRetry != nil {
		w.t.c.onRetry(err)
	}
	w.retry.Reset(max(0, d))
	w.retrying = true
}

// callerGone ends what the caller's context bounds.
func (w *watch) callerGone() {
	switch w.phase {
	case waiting:
		w.fail(&ended{call: w.t.request.call, cause: context.Cause(w.caller), last: w.last})
	case held:
		w.end()
	}
}

// fail ends a tenure that was never held.
func (w *watch) fail(err error) {
	w.gone = definite(err)
	w.t.failed = err
	w.t.stop(err)
	close(w.t.settled)
	w.phase = over
}

// lose tells the work to stop. The lease may still be alive, and closing the stream would free it: the work has until the
// deadline to stop. Beyond that nothing is given back for a while yet: who wakes up late, having been stopped, needs a moment to
// end what he has started, and says so by Release.
func (w *watch) lose(l *LostError) {
	w.t.mu.Lock()
	w.t.lost = l
	w.t.mu.Unlock()
	w.t.stop(l)
	w.end()
}

// end begins the time in which the work may stop.
func (w *watch) end() {
	w.phase = ending
	now := w.t.c.now()
	w.leave = deadline{from: now, span: max(0, w.t.left(now)) + lingers}
	w.cut.Reset(w.leave.span)
}
