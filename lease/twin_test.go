package lease

import (
	"slices"
	"strings"
	"time"
)

// twin is the state machine once more, written from the API page alone, with lists and linear scans, and with no thought of speed,
// memory or snapshots. Where it and State differ, one of them is wrong.
type twin struct {
	clock    Time
	token    Token
	settings Settings
	leases   []*twinLease
	ends     []twinEnd
	places   []*twinPlace // in the order of their arrival
	sessions []*twinSession
	opened   SessionID
	looked   time.Duration // whole second at which silent sessions were last looked for
	vacated  []nameKey     // names that somebody left since waiters were last admitted
	level    uint32
	twinNext
}

type twinLease struct {
	id       ID
	explicit bool
	owner    string
	ttl      time.Duration
	metadata []Pair
	deadline Time
	gaveUp   []Token
}

type twinPlace struct {
	at       nameKey
	lease    ID
	limit    uint32
	minHold  time.Duration
	metadata []Pair
	value    string
	attempts []uint64
	told     bool
	token    Token
	granted  Time
	until    Time // the holder has ended, its place is taken until then
	ended    EndReason
	why      string
}

type twinEnd struct {
	id     ID
	reason EndReason
	why    string
	when   Time
	at     nameKey
}

type twinSession struct {
	id      SessionID
	low     uint64
	used    Time
	answers map[uint64]Result
}

func newTwin(settings Settings) *twin { return &twin{token: firstToken, settings: settings, level: 1} }

// advance moves the clock: ends what is over, in the order of deadlines, then admits.
func (w *twin) advance(now Time) {
	w.clock = max(w.clock, now)
	for {
		var lease *twinLease
		var place *twinPlace
		earliest := w.clock + 1
		for _, p := range w.places {
			if p.until > 0 && p.until < earliest {
				place, earliest = p, p.until
			}
		}
		for _, l := range w.leases {
			if l.deadline < earliest || lease != nil && l.deadline == earliest && l.id < lease.id {
				lease, place, earliest = l, nil, l.deadline
			}
		}
		if place != nil {
			w.drop(place)
		} else if lease != nil {
			w.end(lease, Expired, "")
		} else {
			break
		}
	}
	w.admit()
	w.forgetEnds()
	if second := time.Duration(w.clock) / time.Second; second != w.looked {
		w.looked = second
		w.sessions = slices.DeleteFunc(w.sessions, func(s *twinSession) bool { return w.clock.Sub(s.used) > 60*time.Second })
	}
}

func (w *twin) forgetEnds() {
	w.ends = slices.DeleteFunc(w.ends, func(e twinEnd) bool {
		keep := time.Hour
		if e.reason == Released {
			keep = time.Minute
		}
		return w.clock.Sub(e.when) > keep
	})
}

func (w *twin) at(k nameKey, holding bool) (list []*twinPlace) {
	for _, p := range w.places {
		if p.at == k && (p.token > 0) == holding {
			list = append(list, p)
		}
	}
	if holding {
		slices.SortFunc(list, func(a, b *twinPlace) int { return int(a.token) - int(b.token) })
	}
	return list
}

// fits is the one rule.
func (w *twin) fits(k nameKey, limit uint32) bool {
	holders := w.at(k, true)
	for _, h := range holders {
		if h.limit > 0 && len(holders)+1 > int(h.limit) {
			return false
		}
	}
	return limit == 0 || len(holders)+1 <= int(limit)
}

func (w *twin) admit() {
	for _, k := range w.vacated {
		for _, p := range w.at(k, false) {
			if !w.fits(k, p.limit) {
				break
			}
			w.grant(p)
		}
	}
	w.vacated = nil
}

func (w *twin) grant(p *twinPlace) {
	w.token++
	p.token, p.granted = w.token, w.clock
}

func (w *twin) drop(p *twinPlace) {
	w.places = slices.DeleteFunc(w.places, func(o *twinPlace) bool { return o == p })
	w.vacated = append(w.vacated, p.at)
}

// vacate ends a place; a holder's may stay taken.
func (w *twin) vacate(p *twinPlace, reason EndReason, why string, until Time) {
	if p.token > 0 && until > w.clock {
		p.until, p.ended, p.why = until, reason, why
		return
	}
	w.drop(p)
}

func (w *twin) end(l *twinLease, reason EndReason, why string) {
	e := twinEnd{id: l.id, reason: reason, why: why, when: w.clock}
	for _, p := range w.of(l) {
		if !l.explicit {
			e.at = p.at
		}
		w.vacate(p, reason, why, p.granted.Add(p.minHold))
	}
	w.ends = append(w.ends, e)
	w.remove(l)
}

func (w *twin) remove(l *twinLease) {
	w.leases = slices.DeleteFunc(w.leases, func(o *twinLease) bool { return o == l })
}

// of lists the living places of a lease.
func (w *twin) of(l *twinLease) (list []*twinPlace) {
	for _, p := range w.places {
		if p.lease == l.id && p.until == 0 {
			list = append(list, p)
		}
	}
	return list
}

func (w *twin) lease(id ID) *twinLease {
	for _, l := range w.leases {
		if l.id == id {
			return l
		}
	}
	return nil
}

func (w *twin) place(l *twinLease, k nameKey) *twinPlace {
	for _, p := range w.of(l) {
		if p.at == k {
			return p
		}
	}
	return nil
}

// leftover finds the place of a holder that has ended.
func (w *twin) leftover(id ID, k nameKey, t Token) *twinPlace {
	for _, p := range w.at(k, true) {
		if p.lease == id && p.until > 0 && (t == 0 || p.token == t) {
			return p
		}
	}
	return nil
}

func (w *twin) ended(id ID) *twinEnd {
	for i := range w.ends {
		if w.ends[i].id == id {
			return &w.ends[i]
		}
	}
	return nil
}

func (w *twin) over(id ID) Result {
	if e := w.ended(id); e != nil {
		return Result{Code: LeaseExpired, Reason: e.reason, Why: e.why, EndedAgo: w.clock.Sub(e.when)}
	}
	return Result{Code: LeaseExpired}
}

func (w *twin) refused(k nameKey) Result {
	out := Result{Code: LockHeld, QueueLength: len(w.at(k, false))}
	kept := 0
	for _, p := range w.at(k, true) {
		left := p.until.Sub(w.clock)
		if p.until == 0 {
			left = w.lease(p.lease).deadline.Sub(w.clock)
		}
		if p.until > 0 && p.ended != Forced {
			kept++
		}
		out.Holders = append(out.Holders, Holder{Token: p.token, ExpiresIn: left, Ended: p.ended})
		if out.RetryAfter == 0 || left < out.RetryAfter {
			out.RetryAfter = left
		}
	}
	if kept > 0 && kept == len(out.Holders) {
		out.Code = MinHold
	}
	return out
}

func (w *twin) report(l *twinLease, p *twinPlace) Result {
	out := Result{Token: p.token, Standing: Holding, Remaining: l.deadline.Sub(w.clock)}
	if p.token == 0 {
		out.Standing, out.Position = Waiting, slices.Index(w.at(p.at, false), p)+1
	}
	return out
}

func (w *twin) reportAll(l *twinLease) Result {
	out := Result{Remaining: l.deadline.Sub(w.clock)}
	for _, p := range w.of(l) {
		r := w.report(l, p)
		out.Places = append(out.Places, Place{p.at.space, p.at.name, r.Standing, r.Token, r.Position})
	}
	return out
}

// renew starts a lease's time anew: the whole TTL, but for a lock's waiting request.
func (w *twin) renew(l *twinLease) {
	d := l.ttl
	if !l.explicit {
		if p := w.of(l)[0]; p.at.space == Locks && p.token == 0 {
			d = min(d, 10*time.Second)
		}
	}
	l.deadline = w.clock.Add(d)
}

// do runs one command, once.
func (w *twin) do(c Command) Result {
	if c.Op == OpOpenSession {
		w.opened++
		w.sessions = append(w.sessions, &twinSession{id: w.opened, used: w.clock, answers: map[uint64]Result{}})
		return Result{Session: w.opened}
	}
	if c.Op == OpRaiseLevel {
		if c.Level != w.level+1 || c.Level > MaxLevel {
			return Result{Code: InvalidRequest}
		}
		w.level++
		return Result{}
	}
	i := slices.IndexFunc(w.sessions, func(s *twinSession) bool { return s.id == c.Session })
	if i < 0 {
		return Result{Code: UnknownSession}
	}
	s := w.sessions[i]
	if c.Seq < s.low {
		return Result{Code: StaleCommand}
	}
	if before, ok := s.answers[c.Seq]; ok {
		return before
	}
	s.used, s.low = w.clock, max(s.low, c.Low)
	if _, ran := s.answers[c.Cancel]; c.Cancel != 0 && !ran {
		s.answers[c.Cancel] = Result{Code: StaleCommand}
	}
	out := w.run(&c)
	s.answers[c.Seq] = out
	w.admit()
	return out
}

func (w *twin) run(c *Command) Result {
	k := nameKey{c.Space, c.Name}
	switch c.Op {
	case OpCreateLease:
		return w.create(c)
	case OpAcquire:
		return w.acquire(c, k)
	case OpForceRelease:
		return w.force(c, k)
	case OpRelease:
		return w.release(c, k)
	case OpKeepAlive:
		return w.keepAlive(c)
	}
	if slices.Contains(nextOps, c.Op) {
		return w.next(c)
	}
	l := w.lease(c.Lease)
	if l == nil {
		if e := w.ended(c.Lease); c.Op == OpRevokeLease && e != nil && e.reason == Revoked {
			return Result{Reason: Revoked}
		}
		return w.over(c.Lease)
	}
	switch c.Op {
	case OpRenewLease:
		w.renew(l)
		return w.reportAll(l)
	case OpRevokeLease:
		w.end(l, Revoked, "")
		return Result{Reason: Revoked}
	case OpRenew:
		p := w.place(l, k)
		if p == nil {
			return w.elsewhere(l, k, 0)
		}
		if p.token == 0 && k.space == Locks {
			return Result{Code: NotHolder}
		}
		if c.Given&GivenValue != 0 {
			p.value = c.Value
		}
		w.renew(l)
		return w.report(l, p)
	case OpWithdraw:
		return w.withdraw(c, l, k)
	}
	panic("the twin knows no such operation")
}

func (w *twin) keepAlive(c *Command) (out Result) {
	for _, k := range c.Renewals {
		l := w.lease(k.Lease)
		if l == nil || l.explicit {
			over := w.over(k.Lease)
			if l != nil {
				over = Result{Code: LeaseMismatch}
			}
			out.Kept = append(out.Kept, Kept{Code: over.Code, Reason: over.Reason, Why: over.Why})
			continue
		}
		p := w.of(l)[0]
		if k.Hold || p.token == 0 && p.at.space == Locks {
			w.renew(l)
		}
		r := w.report(l, p)
		out.Kept = append(out.Kept, Kept{Standing: r.Standing, Token: r.Token, Remaining: r.Remaining, Position: r.Position})
	}
	return out
}

func (w *twin) elsewhere(l *twinLease, k nameKey, t Token) Result {
	if !l.explicit {
		return Result{Code: LeaseMismatch}
	}
	if p := w.leftover(l.id, k, t); p != nil {
		return Result{Code: NotHolder, Reason: p.ended, Why: p.why}
	}
	return Result{Code: NotHolder}
}

func (w *twin) unusable(c *Command) bool {
	return w.ended(c.Lease) != nil || c.Given&GivenLease != 0 && strings.HasPrefix(string(c.Lease), "sl_")
}

func differs(c *Command, l *twinLease) bool {
	return c.Given&GivenOwner != 0 && c.Owner != l.owner || c.Given&GivenTTL != 0 && c.TTL != l.ttl
}

func (w *twin) create(c *Command) Result {
	l := w.lease(c.Lease)
	switch {
	case l == nil && w.unusable(c):
		return w.over(c.Lease)
	case l == nil && len(w.leases) >= int(w.settings.MaxLeases):
		return Result{Code: TooManyLeases}
	case l == nil:
		l = &twinLease{id: c.Lease, explicit: true, owner: c.Owner, ttl: c.TTL, metadata: c.Metadata}
		w.leases = append(w.leases, l)
		w.renew(l)
		out := w.reportAll(l)
		out.Created = true
		return out
	case !l.explicit || differs(c, l) || c.Given&GivenMetadata != 0 && !slices.Equal(c.Metadata, l.metadata):
		return Result{Code: LeaseMismatch}
	}
	w.renew(l)
	return w.reportAll(l)
}

func (w *twin) acquire(c *Command, k nameKey) Result {
	if c.Space == Elections && c.Limit != 1 {
		return Result{Code: InvalidLimit}
	}
	l := w.lease(c.Lease)
	if l == nil && w.unusable(c) {
		return w.over(c.Lease)
	}
	if l != nil {
		if p := w.place(l, k); p != nil {
			return w.again(c, l, p)
		}
		if !l.explicit || c.Hold || differs(c, l) {
			return Result{Code: LeaseMismatch}
		}
	}
	waiting := len(w.at(k, false))
	now := waiting == 0 && w.fits(k, c.Limit)
	switch {
	case !now && !c.Wait:
		return w.refused(k)
	case !now && waiting >= int(w.settings.MaxWaiters):
		return Result{Code: TooManyWaiters, QueueLength: waiting}
	case l == nil && len(w.leases) >= int(w.settings.MaxLeases):
		return Result{Code: TooManyLeases}
	}
	p := &twinPlace{at: k, lease: c.Lease, limit: c.Limit, minHold: c.MinHold, metadata: c.Metadata, value: c.Value}
	if c.Attempt != 0 {
		p.attempts = []uint64{c.Attempt}
	}
	w.places = append(w.places, p)
	if now {
		w.grant(p)
	}
	if l == nil {
		l = &twinLease{id: c.Lease, owner: c.Owner, ttl: c.TTL}
		w.leases = append(w.leases, l)
		w.renew(l)
	}
	out := w.report(l, p)
	out.Created = true
	return out
}

// again is an acquire by a lease that has its place.
func (w *twin) again(c *Command, l *twinLease, p *twinPlace) Result {
	g := c.Given
	if c.Hold && l.explicit || differs(c, l) || g&GivenLimit != 0 && c.Limit != p.limit || g&GivenMinHold != 0 && c.MinHold != p.minHold ||
		g&GivenMetadata != 0 && !slices.Equal(c.Metadata, p.metadata) || g&GivenValue != 0 && c.Value != p.value {
		return Result{Code: LeaseMismatch}
	}
	if p.token == 0 && !c.Wait {
		return w.refused(p.at)
	}
	if c.Attempt != 0 && !slices.Contains(p.attempts, c.Attempt) {
		p.attempts = append(p.attempts, c.Attempt) // of the eight that are remembered the game makes but three
	}
	if !l.explicit {
		w.renew(l)
	}
	return w.report(l, p)
}

func (w *twin) release(c *Command, k nameKey) Result {
	l := w.lease(c.Lease)
	forced := w.leftover(c.Lease, k, c.Token)
	if forced != nil && forced.ended != Forced {
		forced = nil
	}
	if l == nil {
		e := w.ended(c.Lease)
		switch {
		case forced != nil:
			if e != nil && e.at == k {
				e.reason, e.why, e.when = Released, "", w.clock
			}
			w.lastWord(forced)
			return Result{Token: forced.token, Reason: Released}
		case e != nil && e.at == k && e.reason == Released:
			return Result{Reason: Released}
		}
		return w.over(c.Lease)
	}
	p := w.place(l, k)
	if p != nil && (!l.explicit || c.Token == 0 || c.Token == p.token) {
		switch {
		case p.token > 0 && l.explicit && c.Token == 0:
			return Result{Code: TokenRequired}
		case p.token > 0 && c.Token != 0 && c.Token != p.token:
			return Result{Code: StaleToken}
		}
		if !l.explicit {
			w.end(l, Released, "")
			return Result{Token: p.token}
		}
		if p.token > 0 {
			l.gaveUp = append(l.gaveUp, p.token)
		}
		w.vacate(p, Released, "", p.granted.Add(p.minHold))
		return Result{Token: p.token}
	}
	switch {
	case forced != nil && l.explicit && c.Token == 0:
		return Result{Code: TokenRequired}
	case forced != nil:
		l.gaveUp = append(l.gaveUp, forced.token)
		w.lastWord(forced)
		return Result{Token: forced.token}
	case c.Token != 0 && slices.Contains(l.gaveUp[max(0, len(l.gaveUp)-16):], c.Token):
		return Result{Token: c.Token}
	case p != nil:
		return Result{Code: StaleToken}
	}
	return w.elsewhere(l, k, c.Token)
}

// lastWord is the release of a holder that was forced out: nothing but min_hold keeps its place now.
func (w *twin) lastWord(p *twinPlace) { w.vacate(p, Released, p.why, p.granted.Add(p.minHold)) }

func (w *twin) withdraw(c *Command, l *twinLease, k nameKey) Result {
	p := w.place(l, k)
	if p == nil {
		return w.elsewhere(l, k, 0)
	}
	if p.token > 0 && c.Keep {
		if !l.explicit {
			w.renew(l)
		}
		return w.report(l, p)
	}
	if i := slices.Index(p.attempts, c.Attempt); i >= 0 {
		p.attempts = slices.Delete(p.attempts, i, i+1)
		if c.Latest && (c.Told || p.token == 0) {
			p.attempts = p.attempts[i:]
		}
		before := p.told
		p.told = p.told || c.Told && p.token > 0
		switch {
		case len(p.attempts) > 0 || c.Leave:
		case p.token > 0 && before && !c.Told: // it may be relied upon by who was told before
		case c.Told && p.token > 0 && !l.explicit:
			w.end(l, Disconnected, "")
		default:
			w.drop(p)
			if !l.explicit {
				w.remove(l)
			}
		}
	}
	out := w.refused(k)
	out.Code = WaitTimeout
	return out
}

func (w *twin) force(c *Command, k nameKey) Result {
	for _, p := range w.at(k, true) {
		if p.token != c.Token {
			continue
		}
		if p.until > 0 {
			if c.Immediate {
				w.drop(p)
				return Result{Token: p.token}
			}
			return Result{Token: p.token, Remaining: p.until.Sub(w.clock)}
		}
		l := w.lease(p.lease)
		until := max(l.deadline, p.granted.Add(p.minHold))
		if c.Immediate {
			until = 0
		}
		out := Result{Token: p.token, Remaining: max(0, until.Sub(w.clock))}
		w.vacate(p, Forced, c.Reason, until)
		if !l.explicit {
			w.ends = append(w.ends, twinEnd{id: l.id, reason: Forced, why: c.Reason, when: w.clock, at: k})
			w.remove(l)
		}
		return out
	}
	return Result{Code: StaleToken}
}
