package lease

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// rig drives one state as a Raft leader and a sidecar would: it stamps entries, numbers commands, and after each entry
// checks every invariant.
type rig struct {
	t       testing.TB
	s       *State
	index   uint64
	term    uint64
	now     Time
	wall    int64
	session SessionID
	said    Time // when the session last said something
	seq     uint64
	events  []Event // of the last entry
}

const firstToken = Token(1000) // the floor of a rig's tokens: its first grant has 1001

func newRig(t testing.TB, change ...func(*Settings)) *rig {
	t.Helper()
	r := &rig{t: t, s: New(), term: 1, wall: 1_700_000_000_000_000}
	settings := DefaultSettings()
	for _, f := range change {
		f(&settings)
	}
	r.apply(Command{Op: OpBootstrap, Token: firstToken, Settings: &settings})
	r.session = r.openSession("n1")
	return r
}

func (r *rig) openSession(node string) SessionID {
	r.t.Helper()
	return r.apply(Command{Op: OpOpenSession, Node: node})[0].Session
}

// apply applies one entry of these very commands.
func (r *rig) apply(commands ...Command) []Result {
	r.t.Helper()
	r.index++
	results, events := r.s.Apply(r.index, r.term, Entry{Term: r.term, Now: r.now, Wall: r.wall, Commands: commands})
	r.events = events
	r.check()
	return results
}

func (r *rig) check() {
	r.t.Helper()
	if err := r.s.Check(); err != nil {
		r.t.Fatalf("index %d: %v", r.index, err)
	}
}

// number gives a command the identity of the rig's session; of a new one if that has been silent too long.
func (r *rig) number(c Command) Command {
	r.t.Helper()
	r.seq++
	if c.Session == 0 {
		if r.now.Sub(r.said) > SessionTimeout {
			r.session = r.openSession("n1")
		}
		c.Session, r.said = r.session, r.now
	}
	c.Seq = r.seq
	return c
}

// do applies one new command in an entry of its own.
func (r *rig) do(c Command) Result {
	r.t.Helper()
	return r.apply(r.number(c))[0]
}

// together applies new commands in one entry.
func (r *rig) together(commands ...Command) []Result {
	r.t.Helper()
	for i := range commands {
		commands[i] = r.number(commands[i])
	}
	return r.apply(commands...)
}

// later lets time pass; the next entry is stamped with it.
func (r *rig) later(d time.Duration) {
	r.now = r.now.Add(d)
	r.wall += d.Microseconds()
}

// pass lets time pass and applies a tick.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	r.later(d)
	r.apply()
}

// restore replaces the state by what a snapshot of it says.
func (r *rig) restore() {
	r.t.Helper()
	s, err := Restore(bytes.NewReader(snapshotBytes(r.t, r.s.Snapshot())))
	if err != nil {
		r.t.Fatalf("restore: %v", err)
	}
	if s.Digest() != r.s.Digest() {
		r.t.Fatal("a restored state differs")
	}
	r.s = s
}

func snapshotBytes(t testing.TB, snap Snapshot) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := snap.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d of %d bytes: %v", n, b.Len(), err)
	}
	return b.Bytes()
}

// id makes a valid lease ID from a short name.
func id(short string) ID { return ID(short + strings.Repeat("_", max(0, MinLeaseIDLen-len(short)))) }

// want fails unless a result has this code.
func (r *rig) want(got Result, code Code) Result {
	r.t.Helper()
	if got.Code != code {
		r.t.Fatalf("code %q, want %q: %+v", got.Code, code, got)
	}
	return got
}

// held fails unless a result is a grant.
func (r *rig) held(got Result) Result {
	r.t.Helper()
	r.want(got, OK)
	if got.Standing != Holding || got.Token == 0 {
		r.t.Fatalf("not held: %+v", got)
	}
	return got
}

// queued fails unless a result is this position in the queue.
func (r *rig) queued(got Result, position int) Result {
	r.t.Helper()
	r.want(got, OK)
	if got.Standing != Waiting || got.Position != position {
		r.t.Fatalf("standing %d at position %d, want to wait at %d", got.Standing, got.Position, position)
	}
	return got
}

// wantHolders fails unless these leases hold the lock, in the order of their grants.
func (r *rig) wantHolders(name string, want ...string) {
	r.t.Helper()
	r.wantPlaces("holders", r.s.name(nameKey{Locks, name}).holders, want)
}

// wantQueue fails unless these leases wait for the lock, in order.
func (r *rig) wantQueue(name string, want ...string) {
	r.t.Helper()
	r.wantPlaces("queue", r.s.name(nameKey{Locks, name}).queue, want)
}

func (r *rig) wantPlaces(what string, places []uint64, want []string) {
	r.t.Helper()
	var got []string
	for _, serial := range places {
		p, _ := r.s.places.Get(serial)
		got = append(got, strings.TrimRight(string(p.lease), "_"))
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		r.t.Fatalf("%s %v, want %v", what, got, want)
	}
}

// option changes a command.
type option func(*Command)

func acquire(name, lease string, options ...option) Command {
	return with(Command{Op: OpAcquire, Space: Locks, Name: name, Lease: id(lease), Owner: lease, TTL: 15 * time.Second, Limit: 1}, options)
}

func campaign(name, lease string, options ...option) Command {
	c := acquire(name, lease, options...)
	c.Space, c.Wait = Elections, true
	return c
}

func create(lease string, options ...option) Command {
	return with(Command{Op: OpCreateLease, Lease: id(lease), Owner: lease, TTL: 15 * time.Second}, options)
}

func renew(name, lease string, options ...option) Command {
	return with(Command{Op: OpRenew, Space: Locks, Name: name, Lease: id(lease)}, options)
}

func release(name, lease string, options ...option) Command {
	return with(Command{Op: OpRelease, Space: Locks, Name: name, Lease: id(lease)}, options)
}

func withdraw(name, lease string, attempt uint64, options ...option) Command {
	return with(Command{Op: OpWithdraw, Space: Locks, Name: name, Lease: id(lease), Attempt: attempt}, options)
}

func force(name string, token Token, options ...option) Command {
	return with(Command{Op: OpForceRelease, Space: Locks, Name: name, Token: token}, options)
}

func onLease(op Op, lease string) Command { return Command{Op: op, Lease: id(lease)} }

func with(c Command, options []option) Command {
	for _, o := range options {
		o(&c)
	}
	return c
}

func wait(c *Command)      { c.Wait = true }
func shared(c *Command)    { c.Limit = 0 }
func keep(c *Command)      { c.Keep = true }
func immediate(c *Command) { c.Immediate = true }
func election(c *Command)  { c.Space = Elections }
func chosen(c *Command)    { c.Given |= GivenLease }

func limit(n uint32) option      { return func(c *Command) { c.Limit = n; c.Given |= GivenLimit } }
func ttl(d time.Duration) option { return func(c *Command) { c.TTL = d; c.Given |= GivenTTL } }
func minHold(d time.Duration) option {
	return func(c *Command) { c.MinHold = d; c.Given |= GivenMinHold }
}
func attempt(n uint64) option       { return func(c *Command) { c.Attempt = n } }
func token(t Token) option          { return func(c *Command) { c.Token = t } }
func value(v string) option         { return func(c *Command) { c.Value = v; c.Given |= GivenValue } }
func owner(o string) option         { return func(c *Command) { c.Owner = o; c.Given |= GivenOwner } }
func from(session SessionID) option { return func(c *Command) { c.Session = session } }
func cancelling(seq uint64) option  { return func(c *Command) { c.Cancel = seq } }
func because(reason string) option  { return func(c *Command) { c.Reason = reason } }
func metadata(pairs ...Pair) option {
	return func(c *Command) { c.Metadata = pairs; c.Given |= GivenMetadata }
}
