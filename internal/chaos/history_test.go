package chaos_test

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// grant is one time that a client held a lock, as the client knows it. All times are of one machine's monotonic clock.
type grant struct {
	name, lease string
	client      int
	token       uint64
	index       uint64    // at which the answer was true; 0: not known
	streamed    bool      // held by a stream
	plain       bool      // granted at once, so that index is the grant's own
	asked       time.Time // the acquire was sent
	from        time.Time // the client knew that it held
	until       time.Time // the client's last safe deadline, or when it sent the release
	kept        time.Time // until then it must not end by itself: when the last acknowledged renewal was sent, + TTL
	ends        time.Time // the last renewal's answer + TTL: by then, or soon after, it ends by itself
	released    bool
}

// look is one linearizable read, or a sidecar's claim that a candidate of its own leads.
type look struct {
	name      string
	claim     bool
	sent, got time.Time
	token     uint64 // of the holder; 0: free
}

// history is what the clients of a random run saw. It is safe for concurrent use.
type history struct {
	mu                  sync.Mutex
	grants              []*grant
	looks               []look
	ok, failed, unknown int
	lastWrite           time.Time
	worstGap            time.Duration // between two acknowledged writes
	register            map[string]*grant
	overlaps            int // late writes of overstayers that the register refused
	resumed, warned     int // streams: gone on with at another sidecar; holders that were in jeopardy
	violations          []string
}

func newHistory() *history { return &history{register: map[string]*grant{}} }

func (h *history) violate(format string, args ...any) {
	h.violations = append(h.violations, fmt.Sprintf(format, args...))
}

// wrote notes that a write was acknowledged at the given time.
func (h *history) wrote(at time.Time) {
	if h.lastWrite.IsZero() {
		h.lastWrite = at
	}
	if at.After(h.lastWrite) {
		h.worstGap = max(h.worstGap, at.Sub(h.lastWrite))
		h.lastWrite = at
	}
}

// write is a write to what the lock protects: a register that refuses tokens smaller than the greatest it has seen.
func (h *history) write(g *grant) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.register[g.name]
	switch {
	case last == nil || g.token > last.token || g == last:
		h.register[g.name] = g
	case g.token == last.token:
		h.violate("accepted stale write: %s and %s both write %s with token %d", last.lease, g.lease, g.name, g.token)
	case time.Now().Before(g.until):
		h.violate("%s: token %d is refused before its safe deadline, %d has written", g.name, g.token, last.token)
	default:
		h.overlaps++
	}
}

// check finds what must not be in a history.
func (h *history) check() {
	h.checkTokens()
	for _, grants := range h.byName() {
		h.checkOne(grants)
	}
	h.checkLooks()
}

// byName gives each lock's grants, by token.
func (h *history) byName() map[string][]*grant {
	names := map[string][]*grant{}
	for _, g := range h.grants {
		names[g.name] = append(names[g.name], g)
	}
	for _, grants := range names {
		slices.SortFunc(grants, func(a, b *grant) int { return cmp.Compare(a.token, b.token) })
	}
	return names
}

// checkTokens: no token twice, and a grant at a later index has a greater one, whatever its name.
func (h *history) checkTokens() {
	seen := map[uint64]*grant{}
	var plain []*grant
	for _, g := range h.grants {
		if other := seen[g.token]; other != nil {
			h.violate("token %d was given twice: to %s for %s and to %s for %s", g.token, other.lease, other.name, g.lease, g.name)
		}
		seen[g.token] = g
		if g.plain {
			plain = append(plain, g)
		}
	}
	slices.SortFunc(plain, func(a, b *grant) int { return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(a.token, b.token)) })
	for i := 1; i < len(plain); i++ {
		if a, b := plain[i-1], plain[i]; a.token >= b.token {
			h.violate("token %d at index %d, then token %d at index %d", a.token, a.index, b.token, b.index)
		}
	}
}

// checkOne: of one exclusive lock, indexes rise with tokens, and nobody held before the safe deadline of all before had
// passed.
func (h *history) checkOne(grants []*grant) {
	for i := 1; i < len(grants); i++ {
		a, b := grants[i-1], grants[i]
		if a.index != 0 && b.index != 0 && b.index <= a.index {
			h.violate("%s: token %d at index %d, then token %d at index %d", a.name, a.token, a.index, b.token, b.index)
		}
		if b.from.Before(a.kept) && !a.released {
			h.violate("%s: token %d ended %s before its TTL after its last renewal, and %d was granted", a.name, a.token, a.kept.Sub(b.from), b.token)
		}
		if b.from.Before(a.until) {
			h.violate("%s: two holders: token %d could act for another %s when token %d was granted", a.name, a.token, a.until.Sub(b.from), b.token)
		}
	}
}

// checkLooks: a read sees whoever surely held all the while, and nobody older than who was known to hold before. A sidecar's claim that a
// candidate leads may be behind one thing alone, that the candidate gave it up through another sidecar.
func (h *history) checkLooks() {
	names := h.byName()
	kept := map[uint64]bool{} // tokens that their clients did not give up
	for _, g := range h.grants {
		kept[g.token] = !g.released
	}
	for _, l := range h.looks {
		for _, g := range names[l.name] {
			switch {
			case l.claim && (l.token >= g.token || !kept[l.token]):
			case !l.claim && l.token != g.token && !g.from.After(l.sent) && g.until.After(l.got):
				h.violate("%s: a read saw token %d while %d was held", l.name, l.token, g.token)
			case l.token != 0 && l.token < g.token && g.from.Before(l.sent):
				h.violate("%s: a read saw token %d after %d had been granted", l.name, l.token, g.token)
			}
		}
	}
}

// handovers counts grants that followed another client's, and finds the worst delay with which an abandoned lock went to
// one that was waiting for it.
func (h *history) handovers() (count int, latest time.Duration) {
	for _, grants := range h.byName() {
		for i := 1; i < len(grants); i++ {
			a, b := grants[i-1], grants[i]
			if a.client != b.client {
				count++
			}
			if !a.released && !b.plain && b.asked.Before(a.ends) {
				latest = max(latest, b.from.Sub(a.ends))
			}
		}
	}
	return count, latest
}

// kinds counts the grants by streams, and those in elections.
func (h *history) kinds() (streams, elections int) {
	for _, g := range h.grants {
		if g.streamed {
			streams++
		}
		if isElection(g.name) {
			elections++
		}
	}
	return streams, elections
}
