package client

import (
	"errors"
	"net/http"
)

// hear takes what a stream brought.
func (w *watch) hear(s said[holdLine]) {
	switch {
	case w.phase == over, s.from != w.live && s.from != w.next:
	case s.err != nil:
		w.broke(s.from, s.err)
	default:
		w.line(s.from, &s.line)
	}
}

// broke is told that a stream has ended, or never began.
func (w *watch) broke(s *stream[holdLine], err error) {
	wasLive := s == w.live
	if wasLive {
		w.live, w.confirmed = nil, false
	} else {
		w.next = nil
	}
	switch w.phase {
	case waiting:
		w.brokeWaiting(s, wasLive, err)
	case held:
		w.brokeHeld(s, wasLive, err)
	}
}

func (w *watch) brokeWaiting(s *stream[holdLine], wasLive bool, err error) {
	var refused *Error
	switch {
	case errors.As(err, &refused) && refused.Code == "lease_expired":
		w.drawAnew(err)
	case !temporary(err):
		w.fail(err)
	case w.t.options.noWait && w.t.c.now().since(w.began) > w.t.c.retryFor:
		w.fail(err)
	default:
		w.resume(s, wasLive, err)
	}
}

// drawAnew goes on with a fresh lease after one that had ended before it was held: nobody relied on it.
func (w *watch) drawAnew(err error) {
	if w.t.options.lease != "" || w.t.options.noWait && w.fresh >= freshLeaseTries {
		w.fail(err)
		return
	}
	w.fresh++
	w.live.close()
	w.next.close()
	w.live, w.next, w.position, w.token = nil, nil, 0, 0
	w.lease = NewLeaseID()
	w.again(err)
}

func (w *watch) brokeHeld(s *stream[holdLine], wasLive bool, err error) {
	switch lost := w.t.lostBy(err); {
	case lost != nil:
		w.loseFor(lost, true)
	case errors.Is(err, ErrHeld):
		// To the group this was a new lease, so the old one has ended and is forgotten.
		w.loseFor(w.t.lostError(Expired, ""), true)
	default:
		// Whatever else a sidecar says, the lease is alive until its deadline: see docs/api.md on what "lost" is.
		w.resume(s, wasLive, err)
	}
}

// resume opens a stream again: at once after one that worked for a while, else after a pause.
func (w *watch) resume(s *stream[holdLine], wasLive bool, err error) {
	switch {
	case wasLive && w.next != nil || w.retrying:
		w.last = err
	case wasLive && w.t.c.now().since(s.sent) >= steadyStream:
		w.failures = 0
		w.after(0, err)
	default:
		w.again(err)
	}
}

// line takes one line of a stream.
func (w *watch) line(s *stream[holdLine], l *holdLine) {
	if s == w.next {
		w.live.close()
		w.live, w.next, w.confirmed = s, nil, false
		w.retry.Stop()
		w.retrying = false
	}
	w.quiet, w.last = 0, nil
	if w.phase == ending {
		w.lostEnding(l)
		return
	}
	switch l.Event {
	case "queued":
		w.queued(l)
	case "held":
		w.granted(s, l)
	case "alive", "jeopardy":
		if w.confirmed {
			w.announced(s, l)
		}
	case "lost":
		w.lostLine(l)
	}
}

func (w *watch) queued(l *holdLine) {
	if w.phase == held {
		w.loseFor(w.t.lostError(Expired, ""), false) // forgotten, and standing in line as somebody new
		return
	}
	if f := w.t.options.onPosition; f != nil && l.Position != w.position {
		w.notices.post(func() { f(l.Position) })
	}
	w.position, w.confirmed = l.Position, false
}

func (w *watch) granted(s *stream[holdLine], l *holdLine) {
	switch {
	case l.Lease != w.lease:
		w.live.close()
		w.broke(s, &strange{w.t.request.call, "another lease than asked for"})
		return
	case w.phase == held && l.Token != w.token:
		w.loseFor(w.t.lostError(Expired, ""), false) // forgotten, and granted to somebody new
		return
	}
	w.token, w.confirmed = l.Token, true
	if ttl := l.TTL.duration(); ttl != w.ttl {
		w.ttl = ttl
		w.heart.Reset(heartbeat(ttl))
	}
	w.announced(s, l)
}

// announced takes a new deadline.
func (w *watch) announced(s *stream[holdLine], l *holdLine) {
	span := min(l.ValidFor.duration(), w.ttl)
	d := deadline{w.beats.arrived(s.sent), span}
	if w.phase == waiting && !w.settle(d) {
		return
	}
	w.t.mu.Lock()
	w.t.until = d
	w.t.mu.Unlock()
	now := w.t.c.now()
	w.cut.Reset(d.left(now) - w.t.grace)
	w.check(now)
	if f := w.t.options.onJeopardy; f != nil && l.Event == "jeopardy" && w.phase == held {
		left := w.t.valid()
		w.notices.post(func() { f(left, string(l.Reason)) })
	}
}

// settle makes a grant known to the caller, if there is time to work under it. There is none if this process was
// stopped while it stood in line; then the next line will tell.
func (w *watch) settle(d deadline) bool {
	grace := w.t.options.grace
	if grace == 0 {
		grace = DefaultGrace(w.ttl)
	}
	if d.left(w.t.c.now()) <= grace {
		return false
	}
	w.t.token, w.t.lease, w.t.grace = w.token, w.lease, grace
	w.t.until = d
	w.phase = held
	close(w.t.settled)
	return true
}

func (w *watch) lostLine(l *holdLine) {
	switch {
	case w.phase == held:
		w.loseFor(w.t.lostError(l.Reason, l.Why), l.Reason != Forced)
	case l.Reason == "wait_timeout":
		w.fail(w.waitOver())
	default:
		err := &Error{
			Status: http.StatusGone, Code: "lease_expired", Title: "Lease has ended", Reason: l.Reason, Why: l.Why, call: w.t.request.call,
		}
		if l.Reason == Revoked || l.Reason == Released {
			w.fail(err) // somebody wants it so
			return
		}
		w.drawAnew(err)
	}
}

// lostEnding is told while the work stops: nothing is left to give back.
func (w *watch) lostEnding(l *holdLine) {
	if l.Event != "lost" || l.Reason == Forced {
		return
	}
	w.gone, w.phase = true, over
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	if w.t.lost == nil {
		w.t.lost = w.t.lostError(l.Reason, l.Why)
	}
}

// loseFor loses what was held. gone says that the lease has ended, so that nothing is left to wait for; of a lease that
// lives on under another grant there is only that to give back.
func (w *watch) loseFor(l *LostError, gone bool) {
	w.lose(l)
	w.gone = gone
	if gone || l.Reason != Forced {
		w.phase = over
	}
}
