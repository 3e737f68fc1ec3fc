package lease

import (
	"bytes"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// everydayChecks is how many sequences a plain `go test` plays. For a long run:
//
//	go test ./lease -run TestStateMachineIsLikeItsNaiveTwin -rapid.checks=1000000
const everydayChecks = 10_000

// TestStateMachineIsLikeItsNaiveTwin plays random histories to a State and to its twin and compares every answer and, after
// every entry, the whole of what they hold. With the same history it shows that neither the batching of commands nor
// their doubling nor a restart from a snapshot at any point makes a difference (properties P1, P2, P5 to P9, P13, P18).
func TestStateMachineIsLikeItsNaiveTwin(t *testing.T) {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if checks := flag.Lookup("rapid.checks"); !asked {
		before := checks.Value.String()
		if err := checks.Value.Set(fmt.Sprint(everydayChecks)); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = checks.Value.Set(before) }()
	}
	rapid.Check(t, func(t *rapid.T) {
		g := newGame(t)
		for range rapid.IntRange(1, 16).Draw(t, "steps") {
			g.step()
		}
		g.finish()
	})
}

// game plays one history.
type game struct {
	t     *rapid.T
	s     *State // takes each entry as it is
	other *State // takes the same commands one by one, each of them twice, and is restarted now and then
	twin  *twin
	index uint64
	now   Time
	seq   uint64
	last  Token     // of the last grant seen
	made  []Command // every command so far, those too that are still under way

	snap  Snapshot // taken at some point
	taken []byte   // what it wrote then
}

func newGame(t *rapid.T) *game {
	settings := DefaultSettings()
	settings.MaxWaiters, settings.MaxLeases, settings.MaxFree = 3, 6, 2
	g := &game{t: t, s: New(), other: New(), twin: newTwin(settings), last: firstToken}
	boot := Entry{Term: 1, Commands: []Command{{Op: OpBootstrap, Token: firstToken, Settings: &settings}}}
	g.index++
	g.s.Apply(g.index, 1, boot)
	g.other.Apply(g.index, 1, boot)
	first := []Command{{Op: OpOpenSession, Node: "n1"}, {Op: OpOpenSession, Node: "n2"}}
	if rapid.Bool().Draw(t, "explicit leases") {
		for i, lease := range allIDs[:2] {
			identity := Identity{Session: 1, Seq: uint64(i) + 1}
			first = append(first, Command{Identity: identity, Op: OpCreateLease, Lease: lease, Owner: "o", TTL: time.Minute})
		}
		g.seq = 2
	}
	g.entry(first)
	return g
}

var pauses = []time.Duration{0, 0, 0, 0, 0, 1, time.Second / 2, time.Second, 3 * time.Second, 5 * time.Second, 9 * time.Second,
	10 * time.Second, 15 * time.Second, 61 * time.Second, time.Hour,
	-3 * time.Second} // a new Raft leader may stamp less than the last one did

func (g *game) step() {
	switch rapid.IntRange(0, 20).Draw(g.t, "aside") {
	case 0:
		g.restart()
	case 1:
		g.snap = g.s.Snapshot()
		g.taken = g.bytes(g.snap)
	case 2:
		g.otherTerm()
	}
	g.now = g.now.Add(pauses[rapid.IntRange(0, len(pauses)-1).Draw(g.t, "pause")])
	var commands []Command
	for range max(1, rapid.IntRange(-2, 4).Draw(g.t, "commands")) {
		commands = append(commands, g.command())
	}
	g.entry(commands)
}

// entry applies commands to all three and compares them.
func (g *game) entry(commands []Command) {
	g.index++
	e := Entry{Term: 1, Now: g.now, Wall: int64(g.now) / 1000, Commands: commands}
	results, events := g.s.Apply(g.index, 1, e)
	g.twin.advance(g.now)
	for i, c := range commands {
		want := g.twin.do(c)
		if diff := compare(&results[i], &want); diff != "" {
			g.t.Fatalf("at %v %s\n got %+v\nwant %+v\n%s", g.now, show(&c), results[i], want, diff)
		}
		one := Entry{Term: 1, Now: e.Now, Wall: e.Wall, Commands: []Command{c}}
		for range 2 {
			alone, _ := g.other.Apply(g.index, 1, one)
			if c.Op == OpOpenSession || c.Op == OpRaiseLevel {
				break // not made to be repeated: it would open two, and a level is not raised to twice
			}
			if diff := compare(&alone[0], &results[i]); diff != "" {
				g.t.Fatalf("at %v %s: alone or again %+v\n in its batch %+v: %s", g.now, show(&c), alone[0], results[i], diff)
			}
		}
	}
	for i := range events {
		if e := &events[i]; e.Kind == EventGranted {
			if e.Token <= g.last {
				g.t.Fatalf("token %d after %d", e.Token, g.last)
			}
			g.last = e.Token
		}
	}
	if err := g.s.Check(); err != nil {
		g.t.Fatalf("at %v: %v", g.now, err)
	}
	g.same()
}

// same compares what the state holds with what the twin holds.
func (g *game) same() {
	s, w := g.s, g.twin
	if s.token != w.token || s.clock != w.clock || s.level != w.level || s.leases.Len() != len(w.leases) || s.places.Len() != len(w.places) ||
		s.ended.Len() != len(w.ends) || s.sessions.Len() != len(w.sessions) {
		g.t.Fatalf("%+v: %d places, token %d, level %d; the twin has %d leases, %d places, %d ends, %d sessions, token %d, level %d", s.Counts(),
			s.places.Len(), s.token, s.level, len(w.leases), len(w.places), len(w.ends), len(w.sessions), w.token, w.level)
	}
	g.sameNext()
	for _, l := range w.leases {
		if r, ok := s.leases.Get(l.id); !ok || r.deadline != l.deadline || r.explicit != l.explicit {
			g.t.Fatalf("lease %s: %+v, the twin's %+v", l.id, r, l)
		}
	}
	for _, k := range allNames {
		n := s.name(k)
		g.samePlaces(k, n.holders, w.at(k, true))
		g.samePlaces(k, n.queue, w.at(k, false))
	}
}

func (g *game) samePlaces(k nameKey, got []uint64, want []*twinPlace) {
	if len(got) != len(want) {
		g.t.Fatalf("%s: %d places, the twin has %d", k.name, len(got), len(want))
	}
	for i, t := range want {
		p, _ := g.s.places.Get(got[i])
		if p.lease != t.lease || p.token != t.token || p.until != t.until || p.ended != t.ended || p.value != t.value ||
			p.until == 0 && (!slices.Equal(p.attempts, t.attempts) || p.told != t.told) {
			g.t.Fatalf("%s: place %+v, the twin's %+v", k.name, p, *t)
		}
	}
}

// restart replaces the other state by what its snapshot says.
func (g *game) restart() {
	s, err := Restore(bytes.NewReader(g.bytes(g.other.Snapshot())))
	if err != nil {
		g.t.Fatalf("restore: %v", err)
	}
	g.other = s
}

// otherTerm delivers an entry that a deposed leader stamped: nothing happens.
func (g *game) otherTerm() {
	g.index++
	e := Entry{Term: 7, Now: g.now.Add(time.Hour), Commands: []Command{g.command()}}
	g.s.Apply(g.index, 1, e)
	g.other.Apply(g.index, 1, e)
	g.same()
}

func (g *game) finish() {
	if g.s.Digest() != g.other.Digest() {
		g.t.Fatal("another batching, or a restart, came to another state")
	}
	if g.taken != nil && !bytes.Equal(g.taken, g.bytes(g.snap)) {
		g.t.Fatal("a snapshot changed after it was taken")
	}
}

func (g *game) bytes(snap Snapshot) []byte {
	var b bytes.Buffer
	if _, err := snap.WriteTo(&b); err != nil {
		g.t.Fatal(err)
	}
	return b.Bytes()
}

var (
	allNames = []nameKey{{Locks, "a"}, {Locks, "b"}, {Elections, "a"}}
	allIDs   = []ID{id("s1"), id("s2"), id("i1"), id("i2"), id("i3"), id("i4"), id("i5"), id("sl_1")}
	allOps   = []Op{OpAcquire, OpAcquire, OpAcquire, OpAcquire, OpAcquire, OpRelease, OpRelease, OpRelease, OpRenew, OpWithdraw, OpWithdraw,
		OpCreateLease, OpCreateLease, OpRenewLease, OpRevokeLease, OpForceRelease, OpKeepAlive, OpOpenSession, OpRaiseLevel}
	allTTLs  = []time.Duration{15 * time.Second, 15 * time.Second, time.Second, 5 * time.Second, time.Minute}
	minHolds = []time.Duration{0, 0, 0, 0, 10 * time.Second, 2 * time.Hour}
)

func pick[T any](g *game, label string, list []T) T {
	return list[rapid.IntRange(0, len(list)-1).Draw(g.t, label)]
}

// chance is true once in so many times.
func (g *game) chance(label string, in int) bool {
	return rapid.IntRange(0, in-1).Draw(g.t, label) == in-1
}

// command makes a new command, or takes an earlier one once more: a duplicate, or one that was long under way.
func (g *game) command() Command {
	if len(g.made) > 0 && g.chance("earlier", 8) {
		return pick(g, "which", g.made)
	}
	if len(g.twin.sessions) == 0 {
		return Command{Op: OpOpenSession, Node: "n3"}
	}
	c := g.fresh()
	if c.Op == OpOpenSession || c.Op == OpRaiseLevel {
		return c
	}
	g.seq++
	c.Session, c.Seq = pick(g, "session", g.twin.sessions).id, g.seq
	if g.chance("low", 8) {
		c.Low = g.seq - min(g.seq, 4)
	}
	if c.Op == OpWithdraw && len(g.made) > 0 && g.chance("cancel", 3) {
		victim := pick(g, "victim", g.made)
		c.Session, c.Cancel, c.Attempt = victim.Session, victim.Seq, victim.Attempt
	}
	g.made = append(g.made, c)
	if g.chance("late", 10) { // it stays under way; another goes first
		g.seq++
		c.Seq = g.seq
		g.made = append(g.made, c)
	}
	return c
}

func (g *game) renewal() Renewal {
	return Renewal{pick(g, "renewed", allIDs), rapid.Bool().Draw(g.t, "hold")}
}

func (g *game) fresh() Command {
	c := Command{Op: pick(g, "op", slices.Concat(allOps, nextOps)), Lease: pick(g, "lease", allIDs)}
	if slices.Contains(nextOps, c.Op) {
		return g.freshNext(c.Op)
	}
	k := pick(g, "name", allNames)
	switch c.Op {
	case OpOpenSession:
		return Command{Op: OpOpenSession, Node: "n3"}
	case OpRaiseLevel:
		return Command{Op: OpRaiseLevel, Level: uint32(rapid.IntRange(0, 4).Draw(g.t, "level"))}
	case OpCreateLease:
		c.Owner, c.TTL = "o", pick(g, "ttl", allTTLs)
		c.Given = Given(rapid.IntRange(0, 7).Draw(g.t, "given"))
		if rapid.Bool().Draw(g.t, "explicit") {
			c.Lease = pick(g, "explicit lease", allIDs[:2])
		}
		return c
	case OpRenewLease, OpRevokeLease:
		return c
	case OpKeepAlive:
		c.Lease, c.Renewals = "", []Renewal{g.renewal(), g.renewal()}
		return c
	}
	c.Space, c.Name = k.space, k.name
	if there := append(g.twin.at(k, true), g.twin.at(k, false)...); c.Op != OpAcquire && len(there) > 0 && !g.chance("stranger", 4) {
		c.Lease = pick(g, "place", there).lease // one that has something to do with the name
	}
	switch c.Op {
	case OpAcquire:
		c.Owner, c.TTL, c.MinHold = "o", pick(g, "ttl", allTTLs), pick(g, "min hold", minHolds)
		c.Limit, c.Wait = 1, rapid.IntRange(0, 3).Draw(g.t, "wait") > 0
		c.Hold = g.chance("hold", 4)
		if c.Space == Locks || g.chance("several leaders", 30) {
			c.Limit = uint32(rapid.IntRange(0, 3).Draw(g.t, "limit"))
		}
		if c.Space == Elections {
			c.Value = pick(g, "value", []string{"", "x", "y"})
		}
		c.Attempt = uint64(rapid.IntRange(0, 3).Draw(g.t, "attempt"))
		if g.chance("gives parameters", 3) {
			c.Given = Given(rapid.IntRange(0, 127).Draw(g.t, "given"))
		}
	case OpRelease, OpForceRelease:
		if c.Op == OpForceRelease {
			c.Lease = ""
		}
		c.Token = g.someToken(k, c.Lease)
		if c.Op == OpForceRelease {
			c.Reason, c.Immediate = "why", g.chance("immediate", 4)
		}
	case OpWithdraw:
		c.Attempt, c.Keep = uint64(rapid.IntRange(0, 3).Draw(g.t, "attempt")), g.chance("keep", 3)
		c.Told, c.Leave = rapid.Bool().Draw(g.t, "told"), g.chance("leave", 4)
		c.Latest = rapid.Bool().Draw(g.t, "latest")
	case OpRenew:
		if c.Space == Elections && rapid.Bool().Draw(g.t, "new value") {
			c.Value, c.Given = "z", GivenValue
		}
	}
	return c
}

// someToken is none, one of this lease's at the name, now or before, another holder's, or just a recent one.
func (g *game) someToken(k nameKey, id ID) Token {
	l := g.twin.lease(id)
	var own []Token
	for _, p := range g.twin.at(k, true) {
		if p.lease == id || id == "" {
			own = append(own, p.token)
		}
	}
	switch i := rapid.IntRange(0, 7).Draw(g.t, "token"); {
	case i < 5 && l != nil && l.explicit && len(own) > 0, i == 5 && len(own) > 0, id == "" && i < 7 && len(own) > 0:
		return pick(g, "own", own)
	case i == 6 && l != nil && len(l.gaveUp) > 0:
		return pick(g, "given up", l.gaveUp)
	case i == 7:
		return g.twin.token - Token(rapid.IntRange(0, 4).Draw(g.t, "ago"))
	}
	return 0
}

// compare tells the first difference between two results in what a caller relies on. Texts for people and copies of the
// command's own parameters are left out.
func compare(got, want *Result) string {
	switch {
	case got.Code != want.Code:
		return "code"
	case got.Session != want.Session:
		return "session"
	case want.Code == LeaseExpired || want.Code == NotHolder:
		if got.Reason != want.Reason || got.EndedAgo != want.EndedAgo || got.Why != want.Why {
			return "reason"
		}
		return ""
	case want.Code == LockHeld || want.Code == MinHold || want.Code == WaitTimeout || want.Code == TooManyWaiters:
		if got.QueueLength != want.QueueLength || got.RetryAfter != want.RetryAfter || len(got.Holders) != len(want.Holders) {
			return "queue length, retry after or number of holders"
		}
		for i := range got.Holders {
			a, b := &got.Holders[i], &want.Holders[i]
			if a.Token != b.Token || a.ExpiresIn != b.ExpiresIn || a.Ended != b.Ended {
				return "holders"
			}
		}
		return ""
	case want.Code != OK:
		return ""
	case want.Token != 0 && got.Token != want.Token:
		return "token"
	case got.Created != want.Created || got.Standing != want.Standing || got.Position != want.Position:
		return "created, standing or position"
	case !slices.Equal(got.Kept, want.Kept):
		return "kept"
	case got.Remaining != want.Remaining:
		return "remaining"
	case !slices.Equal(got.Places, want.Places):
		return "places"
	}
	return ""
}

func show(c *Command) string { return strings.ReplaceAll(fmt.Sprintf("%+v", *c), "_", "") }
