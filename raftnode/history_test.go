package raftnode

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// call is one request of a client and what came of it.
type call struct {
	op         lease.Op
	host       string
	name       string
	lease      lease.ID
	mark       string // in the command, whatever it does: to find it in the log
	attempt    uint64
	ttl        time.Duration
	waits      bool
	hungUp     bool
	sent, back time.Time
	out        Outcome
	err        error
}

func (c *call) code() lease.Code {
	var e *Error
	if errors.As(c.err, &e) {
		return e.Code
	}
	return c.out.Code
}

// read is one question and its answer.
type read struct {
	host       string
	local      bool
	query      lease.Query
	sent, back time.Time
	answer     lease.Answer
	info       ReadInfo
	err        error
}

// term is a time during which a client relied on a grant.
type term struct {
	token      lease.Token
	limit      uint32
	begin, end time.Time
}

// history is what all clients saw.
type history struct {
	mu    sync.Mutex
	calls []*call
	reads []*read
	terms map[string][]*term
	safe  map[lease.ID]time.Time // until when holds were told that they hold
	held  int                    // holds that came to hold
	marks atomic.Uint64
}

func newHistory() *history {
	return &history{terms: map[string][]*term{}, safe: map[lease.ID]time.Time{}}
}

// client is one caller; it takes any sidecar.
type client struct {
	w     *world
	h     *history
	name  string
	rng   *rand.Rand
	count int
}

func (c *client) freshID() lease.ID {
	c.count++
	return lease.ID(fmt.Sprintf("%s-%06d-aaaaaaaaaaaaaaaa", c.name, c.count))
}

// node picks a sidecar that runs.
func (c *client) node() (*host, *Node) {
	for range 100 {
		h := c.w.hosts[c.rng.IntN(len(c.w.hosts))]
		if n := h.up(); n != nil {
			return h, n
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.w.t.Error("no sidecar runs")
	return c.w.hosts[0], nil
}

// say carries a command and notes it. wait is for an acquire; hangUp, if not 0, is when the client hangs up.
func (c *client) say(cmd lease.Command, wait, hangUp time.Duration) *call {
	h, n := c.node()
	if n == nil {
		return &call{err: errClosing}
	}
	mark := fmt.Sprintf("m%d", c.h.marks.Add(1))
	if cmd.Op == lease.OpAcquire {
		cmd.Attempt = c.h.marks.Load()
	}
	cmd.Owner = mark
	one := &call{op: cmd.Op, host: h.name, name: cmd.Name, lease: cmd.Lease, mark: mark, attempt: cmd.Attempt, ttl: cmd.TTL, waits: wait > 0, sent: time.Now()}
	ctx, cancel := context.WithTimeout(context.Background(), wait+4*time.Second)
	defer cancel()
	if hangUp > 0 {
		stop := time.AfterFunc(hangUp, func() { one.hungUp = true; cancel() })
		defer stop.Stop()
	}
	if cmd.Op == lease.OpAcquire && cmd.Space == lease.Locks {
		one.out, one.err = n.Acquire(ctx, cmd, wait)
	} else {
		one.out, one.err = n.Do(ctx, cmd)
	}
	one.back = time.Now()
	c.h.mu.Lock()
	c.h.calls = append(c.h.calls, one)
	c.h.mu.Unlock()
	return one
}

// ask puts a question about a name.
func (c *client) ask(name string, local bool) {
	h, n := c.node()
	if n == nil {
		return
	}
	r := &read{host: h.name, local: local, query: lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: name}, sent: time.Now()}
	how := Linearizable
	if local {
		how = Local
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	r.answer, r.info, r.err = n.Query(ctx, r.query, how)
	r.back = time.Now()
	c.h.mu.Lock()
	c.h.reads = append(c.h.reads, r)
	c.h.mu.Unlock()
}

// live acquires, keeps, and lets go, until the end.
func (c *client) live(until time.Time) {
	for time.Now().Before(until) {
		c.once()
		time.Sleep(time.Duration(c.rng.IntN(300)) * time.Millisecond)
	}
}

// campaign stands in an election until it leads, or gives up, or just stops (P13).
func (c *client) campaign() {
	ttl := time.Duration(1000+c.rng.IntN(2000)) * time.Millisecond
	cmd := lease.Command{Op: lease.OpAcquire, Space: lease.Elections, Name: "election", Lease: c.freshID(), TTL: ttl, Limit: 1, Wait: true, Value: c.name}
	got := c.say(cmd, 0, 0)
	for range c.rng.IntN(12) {
		switch {
		case got.err == nil && got.out.Code != lease.OK:
			return
		case got.err == nil && got.out.Standing == lease.Holding:
			c.hold(cmd, got)
			return
		case got.code() == OutcomeUnknown && got.op == lease.OpAcquire:
			got = c.say(cmd, 0, 0)
			continue
		}
		time.Sleep(ttl / 4)
		got = c.say(lease.Command{Op: lease.OpRenew, Space: cmd.Space, Name: cmd.Name, Lease: cmd.Lease, TTL: ttl}, 0, 0)
	}
}

func (c *client) once() {
	switch c.rng.IntN(8) {
	case 0:
		c.campaign()
		return
	case 1, 2:
		c.connect()
		return
	}
	name, limit := fmt.Sprintf("hot-%d", c.rng.IntN(2)), uint32(1)
	switch p := c.rng.IntN(10); {
	case p < 3:
		name = fmt.Sprintf("cold-%d", c.rng.IntN(20))
	case p < 4:
		name, limit = "semaphore", 3
	case p < 5:
		name, limit = "shared", uint32(c.rng.IntN(2)) // readers (no limit) and writers
	}
	ttl := time.Duration(1000+c.rng.IntN(2000)) * time.Millisecond
	cmd := lease.Command{Op: lease.OpAcquire, Space: lease.Locks, Name: name, Lease: c.freshID(), TTL: ttl, Limit: limit}
	var wait, hangUp time.Duration
	if c.rng.IntN(4) > 0 {
		wait = time.Duration(200+c.rng.IntN(6000)) * time.Millisecond
		if c.rng.IntN(5) == 0 {
			hangUp = time.Duration(1 + c.rng.IntN(int(wait)))
		}
	}
	got := c.say(cmd, wait, hangUp)
	for tries := 0; got.code() == OutcomeUnknown && !got.hungUp && tries < 4; tries++ {
		got = c.say(cmd, wait, 0) // the same lease: it may have happened
	}
	if got.err != nil || got.out.Code != lease.OK || got.out.Standing != lease.Holding || got.hungUp {
		return
	}
	c.hold(cmd, got)
}

// connect holds a lock for as long as a connection lasts, which ends in one of the ways that connections end: its client closes it, or
// its sidecar does, and then the client may go on through another.
func (c *client) connect() {
	name := fmt.Sprintf("hot-%d", c.rng.IntN(2))
	cmd := lease.Command{Op: lease.OpAcquire, Space: lease.Locks, Name: name, Lease: c.freshID(), Owner: c.name, Limit: 1,
		TTL: time.Duration(1000+c.rng.IntN(4000)) * time.Millisecond}
	var mine *term
	for range 1 + c.rng.IntN(3) {
		_, n := c.node()
		if n == nil {
			return
		}
		cmd.Attempt = c.h.marks.Add(1)
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		h, _, err := n.Hold(ctx, cmd, time.Duration(c.rng.IntN(8000)-1000)*time.Millisecond)
		cancel()
		if err != nil || h == nil {
			return
		}
		lost := c.follow(h, &mine, cmd, time.Duration(c.rng.IntN(5000))*time.Millisecond)
		if lost || c.rng.IntN(2) == 0 {
			if mine != nil {
				c.h.mu.Lock()
				mine.end = minTime(mine.end, time.Now())
				c.h.mu.Unlock()
			}
			h.End(Ending{Release: true, Told: mine != nil, Latest: true})
			return
		}
		h.End(Ending{Told: mine != nil, Latest: true})
	}
}

// follow notes for how long a hold is told that it may be relied upon.
func (c *client) follow(h *Hold, mine **term, cmd lease.Command, length time.Duration) (lost bool) {
	for until := time.Now().Add(length); time.Now().Before(until); {
		now := h.State()
		safe := time.Now().Add(now.ValidFor)
		c.h.mu.Lock()
		switch {
		case now.Standing == lease.Holding && *mine == nil:
			*mine = &term{token: now.Token, limit: cmd.Limit, begin: time.Now(), end: safe}
			c.h.terms[cmd.Name] = append(c.h.terms[cmd.Name], *mine)
			c.h.held++
		case now.Standing == lease.Holding && (*mine).token != now.Token:
			c.w.t.Errorf("a hold changed its token from %d to %d", (*mine).token, now.Token)
		case now.Standing == lease.Holding && safe.After((*mine).end):
			(*mine).end = safe
		}
		if now.Standing == lease.Holding && safe.After(c.h.safe[cmd.Lease]) {
			c.h.safe[cmd.Lease] = safe
		}
		c.h.mu.Unlock()
		if now.Lost != "" {
			return true
		}
		select {
		case <-h.Changed():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return false
}

// hold renews a while and releases, or just stops.
func (c *client) hold(cmd lease.Command, got *call) {
	mine := &term{token: got.out.Token, limit: cmd.Limit, begin: got.back, end: got.back.Add(got.out.ValidFor)}
	c.h.mu.Lock()
	c.h.terms[cmd.Name] = append(c.h.terms[cmd.Name], mine)
	c.h.mu.Unlock()
	relied := func(until time.Time) {
		c.h.mu.Lock()
		defer c.h.mu.Unlock()
		mine.end = until
	}
	for range c.rng.IntN(5) {
		time.Sleep(cmd.TTL/5 + time.Duration(c.rng.Int64N(int64(cmd.TTL/4))))
		if c.rng.IntN(3) == 0 {
			c.ask(cmd.Name, c.rng.IntN(2) == 0)
		}
		if time.Now().After(mine.end) {
			return
		}
		r := c.say(lease.Command{Op: lease.OpRenew, Space: cmd.Space, Name: cmd.Name, Lease: cmd.Lease, TTL: cmd.TTL}, 0, 0)
		switch {
		case r.err == nil && r.out.Code == lease.OK && r.out.ValidFor == 0:
			return // the answer came too late to rely on
		case r.err == nil && r.out.Code == lease.OK:
			relied(r.back.Add(r.out.ValidFor))
		case r.err == nil:
			relied(minTime(mine.end, r.back)) // lost
			return
		}
	}
	if c.rng.IntN(6) == 0 {
		return // died: the lease runs out
	}
	relied(minTime(mine.end, time.Now()))
	for range 3 {
		r := c.say(lease.Command{Op: lease.OpRelease, Space: cmd.Space, Name: cmd.Name, Lease: cmd.Lease}, 0, 0)
		if r.err == nil {
			return
		}
	}
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// verdict checks a history against the log.
type verdict struct {
	t         *testing.T
	h         *history
	tale      *tale
	handovers int
	unknown   int
	expiries  int
	failed    int
}

// slack is what two clocks may differ by over d, twice, and rounding.
func slack(d time.Duration) time.Duration { return d/400 + time.Millisecond }

func (h *history) check(t *testing.T, l *ledger) *verdict {
	t.Helper()
	states := map[uint64][]*read{}
	for _, r := range h.reads {
		if r.err == nil {
			states[r.answer.Index] = append(states[r.answer.Index], r)
		}
	}
	told := l.replay(func(index uint64, s *lease.State) {
		for _, r := range states[index] {
			if want := s.Answer(r.query); !reflect.DeepEqual(plainAnswer(want), plainAnswer(r.answer)) {
				t.Errorf("%s answered %+v at index %d, where %+v is right", r.host, r.answer.Info, index, want.Info)
			}
		}
		delete(states, index)
	})
	for index, rs := range states {
		if index != 0 {
			t.Errorf("%d answers from index %d, which nobody applied", len(rs), index)
		}
	}
	v := &verdict{t: t, h: h, tale: told}
	v.answersAreOfTheLog()
	v.errorsAreHonest()
	v.tokensRise()
	v.neverEarly()
	v.noOverlap()
	v.firstComeFirstServed()
	v.oneEffect()
	v.releaseIsFinal()
	v.departedAreNotGranted()
	v.readsAreLinearizable()
	return v
}

func plainAnswer(a lease.Answer) string {
	if a.Info == nil {
		return fmt.Sprint(a.Code)
	}
	s := fmt.Sprint(a.Code, a.Info.Index, a.Info.Limit, a.Info.HolderCount, a.Info.QueueLength)
	for _, h := range a.Info.Holders {
		s += fmt.Sprint(" ", h.Owner, h.Token, h.ExpiresIn, h.LastRenewed)
	}
	for _, q := range a.Info.Queue {
		s += fmt.Sprint(" ", q.Owner, q.Waiting)
	}
	return s
}

// answersAreOfTheLog: every answer is what the log says at its index (P1, P9).
func (v *verdict) answersAreOfTheLog() {
	for _, c := range v.h.calls {
		if c.err != nil {
			v.failed++
			continue
		}
		res := c.out.Result
		if err := v.tale.has(res, c.lease); err != nil {
			v.t.Errorf("%v of %s on %s at %s: %v", c.op, c.lease, c.name, c.host, err)
		}
	}
}

// errorsAreHonest: what was answered with "nothing happened" is nowhere in the log with an effect (P10).
func (v *verdict) errorsAreHonest() {
	applied := map[string]lease.Result{}
	attempts := map[uint64]lease.Result{}
	for i, e := range v.tale.entries {
		for k, res := range v.tale.results[i] {
			c := &e.Commands[k]
			if res.Code == lease.UnknownSession || res.Code == lease.StaleCommand || res.Code == lease.NotBootstrapped {
				continue
			}
			if c.Owner != "" {
				applied[c.Owner] = res
			}
			if c.Op == lease.OpAcquire {
				attempts[c.Attempt] = res
			}
		}
	}
	for _, c := range v.h.calls {
		code := c.code()
		if code == OutcomeUnknown {
			v.unknown++
		}
		if c.err == nil || code == OutcomeUnknown {
			continue
		}
		if res, did := applied[c.mark]; did {
			v.t.Errorf("%v of %s at %s was answered %v, but the log has it with %q, standing %d", c.op, c.lease, c.host, c.err, res.Code, res.Standing)
		}
	}
}

// tokensRise: in the log's order, and in the order in which clients saw them (P2).
func (v *verdict) tokensRise() {
	var last lease.Token
	for _, e := range v.tale.events {
		if e.Kind != lease.EventGranted {
			continue
		}
		if e.Token <= last {
			v.t.Errorf("index %d: token %d after %d", e.index, e.Token, last)
		}
		last = e.Token
	}
	var made []*call
	for _, c := range v.h.calls {
		if c.err == nil && c.out.Created && c.out.Token > 0 {
			made = append(made, c)
		}
	}
	for _, a := range made {
		for _, b := range made {
			if a.back.Before(b.sent) && a.out.Token >= b.out.Token {
				v.t.Errorf("token %d was granted before %d was asked for", a.out.Token, b.out.Token)
			}
		}
	}
}

// neverEarly: no lease expires before its TTL has passed since its last acknowledged renewal was sent (P3).
func (v *verdict) neverEarly() {
	acked := map[lease.ID][]*call{}
	for _, c := range v.h.calls {
		if c.err == nil && c.out.Code == lease.OK && c.out.Standing == lease.Holding {
			acked[c.lease] = append(acked[c.lease], c)
		}
	}
	for _, e := range v.tale.events {
		if e.Kind != lease.EventExpired {
			continue
		}
		v.expiries++
		if safe := v.h.safe[e.Lease]; e.at.Before(safe) {
			v.t.Errorf("%s expired %v before its hold's deadline\n%s", e.Lease, safe.Sub(e.at), v.story(e.Lease))
		}
		for _, c := range acked[e.Lease] {
			if c.out.Index > e.index {
				v.t.Errorf("%s was renewed at index %d and had expired at %d", e.Lease, c.out.Index, e.index)
			}
			if safe := c.back.Add(c.out.ValidFor); c.out.ValidFor > 0 && e.at.Before(safe) {
				v.t.Errorf("%s expired %v before the time it was told\n%s", e.Lease, safe.Sub(e.at), v.story(e.Lease))
			}
			if !c.waits {
				if safe := c.sent.Add(c.out.TTL - slack(c.out.TTL)); e.at.Before(safe) {
					v.t.Errorf("%s expired %v before its TTL after the last renewal was sent", e.Lease, safe.Sub(e.at))
				}
			}
		}
	}
}

// story tells what clients and the log have to say of one lease.
func (v *verdict) story(id lease.ID) string {
	var s strings.Builder
	clock := func(t time.Time) string { return t.Format("04:05.000000") }
	for _, c := range v.h.calls {
		if c.lease == id {
			fmt.Fprintf(&s, "  call %s-%s op %d at %s, waits %v: index %d code %q standing %d remaining %v valid for %v, error %v\n", clock(c.sent), clock(c.back),
				c.op, c.host, c.waits, c.out.Index, c.out.Code, c.out.Standing, c.out.Remaining, c.out.ValidFor, c.err)
		}
	}
	for _, i := range slices.Sorted(maps.Keys(v.tale.entries)) {
		e := v.tale.entries[i]
		for k, res := range v.tale.results[i] {
			if c := e.Commands[k]; c.Lease == id || slices.ContainsFunc(c.Renewals, func(r lease.Renewal) bool { return r.Lease == id }) {
				fmt.Fprintf(&s, "  log %d at %s, term %d now %v: op %d session %d seq %d attempt %d cancel %d keep %v: %q standing %d remaining %v\n", i, clock(v.tale.at[i]), e.Term,
					time.Duration(e.Now), c.Op, c.Session, c.Seq, c.Attempt, c.Cancel, c.Keep, res.Code, res.Standing, res.Remaining)
			}
		}
	}
	for _, e := range v.tale.events {
		if e.Lease == id {
			fmt.Fprintf(&s, "  event %d at %s, now %v: %v\n", e.index, clock(e.at), time.Duration(e.At), e.Kind)
		}
	}
	return s.String()
}

// noOverlap: no two clients rely on an exclusive lock at one time, by any clock (P1, P3).
func (v *verdict) noOverlap() {
	for name, terms := range v.h.terms {
		slices.SortFunc(terms, func(a, b *term) int { return a.begin.Compare(b.begin) })
		for i, a := range terms {
			at := 1
			for _, b := range terms[:i] {
				if b.end.After(a.begin) {
					at++
					if a.limit == 1 || b.limit == 1 {
						v.t.Errorf("%s: tokens %d and %d were held at one time, for %v", name, b.token, a.token, b.end.Sub(a.begin))
					}
				}
			}
			if a.limit > 0 && at > int(a.limit) {
				v.t.Errorf("%s: %d holders, %d are allowed", name, at, a.limit)
			}
		}
	}
}

// firstComeFirstServed: who stood in line first is granted first (P6).
func (v *verdict) firstComeFirstServed() {
	lines := map[string][]lease.ID{}
	for _, e := range v.tale.events {
		line := lines[e.Name]
		switch e.Kind {
		case lease.EventQueued:
			lines[e.Name] = append(line, e.Lease)
		case lease.EventLeft:
			lines[e.Name] = slices.DeleteFunc(slices.Clone(line), func(id lease.ID) bool { return id == e.Lease })
		case lease.EventGranted:
			switch i := slices.Index(line, e.Lease); {
			case i > 0:
				v.t.Errorf("index %d: %s was granted %s before %s, who came first", e.index, e.Lease, e.Name, line[0])
			case i == 0:
				v.handovers++
				lines[e.Name] = slices.Clone(line[1:])
			case len(line) > 0:
				v.t.Errorf("index %d: %s passed the line at %s", e.index, e.Lease, e.Name)
			}
		}
	}
}

// oneEffect: a lease that its caller chose is granted at most once, however often it was asked for (P9).
func (v *verdict) oneEffect() {
	granted := map[lease.ID]lease.Token{}
	for _, e := range v.tale.events {
		if e.Kind == lease.EventGranted {
			if before, ok := granted[e.Lease]; ok {
				v.t.Errorf("%s was granted twice: tokens %d and %d", e.Lease, before, e.Token)
			}
			granted[e.Lease] = e.Token
		}
	}
	for _, c := range v.h.calls {
		if c.err == nil && c.out.Code == lease.OK && c.out.Token != 0 && granted[c.lease] != c.out.Token {
			v.t.Errorf("%s was told token %d and has %d", c.lease, c.out.Token, granted[c.lease])
		}
	}
}

// releaseIsFinal: after an acknowledged release nothing happens to that lease any more, and every end of a place is of its
// own lease's making (P5).
func (v *verdict) releaseIsFinal() {
	done := map[lease.ID]uint64{}
	for _, c := range v.h.calls {
		if c.op == lease.OpRelease && c.err == nil && c.out.Code == lease.OK {
			done[c.lease] = c.out.Index
		}
	}
	for _, e := range v.tale.events {
		if at, ok := done[e.Lease]; ok && e.index > at {
			v.t.Errorf("%s was released at index %d, and then %v at %d", e.Lease, at, e.Kind, e.index)
		}
		if e.Kind != lease.EventReleased && e.Kind != lease.EventDisconnected {
			continue
		}
		own := slices.ContainsFunc(v.tale.entries[e.index].Commands, func(c lease.Command) bool {
			return c.Lease == e.Lease && (c.Op == lease.OpRelease || c.Op == lease.OpWithdraw)
		})
		if !own {
			v.t.Errorf("index %d: %s lost %s by a command of another", e.index, e.Lease, e.Name)
		}
	}
}

// departedAreNotGranted: a caller that was told that its wait is over is not granted (P8). Where an earlier attempt with
// the same lease ended in the unknown, that one stands in line until its lease runs out.
func (v *verdict) departedAreNotGranted() {
	out := map[lease.ID]uint64{}
	tries := map[lease.ID]int{}
	for _, c := range v.h.calls {
		if c.op != lease.OpAcquire {
			continue
		}
		tries[c.lease]++
		if c.err == nil && c.out.Code == lease.WaitTimeout && tries[c.lease] == 1 {
			out[c.lease] = c.out.Index
		}
	}
	for _, e := range v.tale.events {
		if at, ok := out[e.Lease]; ok && at > 0 && e.index > at && e.Kind == lease.EventGranted {
			v.t.Errorf("%s was told at index %d that its wait is over, and was granted at %d", e.Lease, at, e.index)
		}
	}
}

// readsAreLinearizable: an answer has everything in it that was acknowledged before it was asked for, and answers of one
// node's own replica do not go backwards (P11).
func (v *verdict) readsAreLinearizable() {
	lowest := func(r *read) (index uint64) { // by what came before a default read
		for _, c := range v.h.calls {
			if c.err == nil && c.back.Before(r.sent) {
				index = max(index, c.out.Index)
			}
		}
		for _, other := range v.h.reads {
			if other.err == nil && !other.local && other.back.Before(r.sent) {
				index = max(index, other.answer.Index)
			}
		}
		return index
	}
	for _, r := range v.h.reads {
		switch {
		case r.err != nil:
		case r.local:
			for _, other := range v.h.reads {
				if other.err == nil && other.local && other.host == r.host && other.back.Before(r.sent) && other.answer.Index > r.answer.Index {
					v.t.Errorf("%s's replica went back from index %d to %d", r.host, other.answer.Index, r.answer.Index)
				}
			}
		default:
			if low := lowest(r); r.answer.Index < low {
				v.t.Errorf("a default read at %s answered as of index %d, though %d had been acknowledged", r.host, r.answer.Index, low)
			}
		}
	}
}
