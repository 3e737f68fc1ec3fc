package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// holdWords are how a hold stream tells where its client stands.
type holdWords struct{ waiting, holding string }

var (
	lockWords     = holdWords{"queued", "held"}
	electionWords = holdWords{"standby", "leading"}
)

// hold answers with a stream for as long as the client keeps the connection, and then lets go of what it held. How the stream
// ends decides what becomes of the place: only a client's own close releases it.
func (q *call) hold(c lease.Command, words holdWords) *problem {
	if p := q.openStream(); p != nil {
		return p
	}
	defer q.closeStream()
	wait := time.Duration(-1)
	if q.v.given.has(pWait) {
		wait = q.v.wait
	}
	q.v.wait = 0 // the beginning is bounded, the wait in line is not part of it
	ctx, cancel := q.context()
	defer cancel()
	q.proposed, q.lease = true, c.Lease
	place, out, err := q.api.node.Hold(ctx, c, wait)
	if p := q.unsettled(&out, err); p != nil {
		return p
	}
	h := holder{q: q, words: words, place: place, every: min(out.TTL/3, HoldAliveEvery), lastPosition: -1}
	var end raftnode.Ending // whatever goes wrong here, the client has not let go
	defer func() {
		end.Told = h.told
		place.End(end)
	}()
	if h.gone() {
		end.Release = h.closedByClient()
		return &problem{code: clientGone}
	}
	end.Latest = q.near()
	h.stream = q.stream(out.Index)
	end.Release = h.follow()
	return nil
}

// holder is the side of a hold that talks to the client.
type holder struct {
	q      *call
	words  holdWords
	stream *stream
	place  Holding
	every  time.Duration // the longest silence

	told         bool // that it holds
	inJeopardy   bool // was said last
	lastPosition int
	lastFrame    time.Time
}

// gone tells whether the connection is over.
func (h *holder) gone() bool { return h.q.r.Context().Err() != nil || connectionOver(h.q.r.Context()) }

// closedByClient is asked when the connection is over, or the client does not take what is sent to it. A proxy's close is not the client's,
// who may be alive and act on what it heard last.
func (h *holder) closedByClient() bool { return !h.q.forwarded() && closedByClient(h.q.r.Context()) }

// forwarded tells whether a proxy stands between, as far as it says so.
func (q *call) forwarded() bool {
	for _, name := range [...]string{"Via", "Forwarded", "X-Forwarded-For"} {
		if len(q.r.Header[name]) > 0 {
			return true
		}
	}
	return false
}

// near tells whether the client is on this host: then a close that came before is seen at once, while one from afar may be under
// way, and an open connection proves nothing.
func (q *call) near() bool {
	if q.forwarded() {
		return false
	}
	if addr, ok := q.r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && addr.Network() == "unix" {
		return true
	}
	addr, err := netip.ParseAddrPort(q.r.RemoteAddr)
	return err == nil && addr.Addr().Unmap().IsLoopback()
}

// follow says what there is to say until the hold or the connection is over, and tells whether that lets go of the place.
func (h *holder) follow() (release bool) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := h.place.State()
		if now.Closing {
			return false
		}
		if now.Standing == lease.Holding && !h.told && h.gone() {
			return h.closedByClient() // and was never told
		}
		if h.say(&now) && h.stream.send() != nil {
			return h.closedByClient()
		}
		if now.Lost != "" {
			return true // there is nothing left, or nothing that its client may still rely on
		}
		timer.Reset(h.quiet(&now))
		select {
		case <-h.place.Changed():
		case <-timer.C:
		case <-h.q.keyLife():
			return false // as in a drain: what its client holds lives out its TTL, and may be resumed with another key
		case <-h.q.r.Context().Done():
			return h.closedByClient()
		}
	}
}

// say gathers the frame that is due, if one is.
func (h *holder) say(now *raftnode.HoldState) bool {
	due := time.Since(h.lastFrame) >= h.every
	switch {
	case now.Lost != "":
		h.stream.frame("lost", "", func(e *encoder) {
			e.string("reason", string(now.Lost))
			if now.Why != "" {
				e.string("why", now.Why)
			}
		})
	case now.Standing == lease.Waiting:
		if now.Position == h.lastPosition && !due {
			return false
		}
		h.lastPosition = now.Position
		h.stream.frame(h.words.waiting, "", func(e *encoder) {
			e.int("position", int64(now.Position))
			e.string("lease", string(now.Lease))
		})
	case !h.told:
		h.told = true
		h.stream.frame(h.words.holding, "", func(e *encoder) {
			e.string("lease", string(now.Lease))
			e.uint("token", uint64(now.Token))
			e.ms("ttl_ms", now.TTL)
			e.ms("valid_for_ms", now.ValidFor)
		})
	default:
		return h.sayAlive(now, due)
	}
	h.lastFrame = time.Now()
	return true
}

// sayAlive tells a holder how long it may go on, and when that is in doubt. A renewal is due at a third of the TTL, so that it has
// failed for a while when half is gone.
func (h *holder) sayAlive(now *raftnode.HoldState, due bool) bool {
	jeopardy := now.Jeopardy()
	if !due && jeopardy == h.inJeopardy {
		return false
	}
	if jeopardy && !h.inJeopardy {
		h.q.api.recorder.Jeopardy()
	}
	h.inJeopardy = jeopardy
	if jeopardy {
		reason := now.Doubt
		if reason == lease.OK {
			reason = raftnode.NoQuorum // nobody has answered yet
		}
		h.stream.frame("jeopardy", "", func(e *encoder) {
			e.ms("valid_for_ms", now.ValidFor)
			e.string("reason", string(reason))
		})
	} else {
		h.stream.frame("alive", "", func(e *encoder) { e.ms("valid_for_ms", now.ValidFor) })
	}
	h.lastFrame = time.Now()
	return true
}

// quiet is how long there will be nothing to say, unless something changes.
func (h *holder) quiet(now *raftnode.HoldState) time.Duration {
	d := h.every - time.Since(h.lastFrame)
	if now.Standing == lease.Holding {
		d = min(d, now.ValidFor)
		if left := now.ValidFor - now.TTL/2; left > 0 {
			d = min(d, left+time.Millisecond)
		}
	}
	return max(d, 0)
}
