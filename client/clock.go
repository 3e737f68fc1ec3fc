package client

import "time"

// instant is one moment by both clocks of this machine. Neither is enough: the monotonic clock of Go stands still while
// the machine is suspended, and the wall clock may be set back.
type instant struct {
	mono time.Time // compared by its monotonic reading
	wall time.Time // without one
}

// now is the clock of a client; tests replace it.
func now() instant {
	t := time.Now()
	return instant{mono: t, wall: t.Round(0)}
}

// since is the time from a to i by the clock that says more.
func (i instant) since(a instant) time.Duration {
	return max(i.mono.Sub(a.mono), i.wall.Sub(a.wall))
}

// later returns whichever of two moments came later.
func later(a, b instant) instant {
	if a.mono.After(b.mono) {
		return a
	}
	return b
}

// deadline is until when a grant may be relied on: so long after a moment. For an answer that moment is when its request
// was sent, never when the answer came: the answer may have lain anywhere, and the sidecar reckons from no earlier than
// the request's arrival. For an event of a stream, which nobody asked for, it is what [beats] says.
type deadline struct {
	from instant
	span time.Duration
}

// left is the time until the deadline, at most 0 once either clock says that it has passed.
func (d deadline) left(now instant) time.Duration { return d.span - now.since(d.from) }

// beats bound when an event arrived. The time at which it is read does not: a process may be stopped, or its machine
// suspended, with events lying in its socket, and what they promise counts from when they were sent.
//
// A process that runs reads what has arrived within a moment. So when its heart has beaten twice, a regular interval apart, all
// that had arrived at the first of the two beats has been read at the second; what is read later came after the first. A
// longer interval proves nothing, for the process may have slept through all of it, nor does a shorter one, in which a
// ticker makes up for lost time. After a pause what is read counts from before the pause, until the heart beats regularly
// again; without one this costs two intervals at most.
type beats struct {
	certain instant // all that had arrived by then has been read
	last    instant
}

// beat notes that the process runs, and should at such intervals.
func (b *beats) beat(at instant, every time.Duration) {
	passed := at.since(b.last)
	if passed < every/2 {
		return
	}
	if passed <= 2*every {
		b.certain = b.last
	}
	b.last = at
}

// arrived is a moment before anything arrived that is read now, on a stream whose request was sent at the given time.
func (b *beats) arrived(sent instant) instant { return later(b.certain, sent) }

// heartbeat is the interval of the beats.
func heartbeat(ttl time.Duration) time.Duration {
	return max(shortestHeartbeat, min(longestHeartbeat, ttl/heartbeatsPerTTL))
}
