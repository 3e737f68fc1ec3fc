package lease

import "fmt"

// entryVersion is the format of entries. A new format gets a new number, and is written only from a feature level on.
const entryVersion = 1

// AppendEntry appends the encoding of an entry to b.
func AppendEntry(b []byte, e *Entry) []byte {
	w := encoder{AppendEntryHead(b, e.Term, e.Now, e.Wall, len(e.Commands))}
	for i := range e.Commands {
		w.command(&e.Commands[i])
	}
	return w.b
}

// AppendEntryHead appends what stands before the commands of an entry, so that commands that came in encoded
// (AppendCommand) are packed without being decoded. Exactly n of them must follow.
func AppendEntryHead(b []byte, term uint64, now Time, wall int64, n int) []byte {
	w := encoder{b}
	w.byte(entryVersion)
	w.u(term)
	w.i(int64(now))
	w.i(wall)
	w.u(uint64(n))
	return w.b
}

// DecodeEntry reads an entry. It returns a LevelError for one that this build does not understand, or that raises the group above
// what it understands; and ErrCorrupt for bytes that are no entry.
func DecodeEntry(b []byte) (Entry, error) {
	r := decoder{b: b}
	if v := r.byte(); v != entryVersion && r.err == nil {
		return Entry{}, fmt.Errorf("decode entry: %w", &LevelError{What: fmt.Sprintf("entry format %d", v)})
	}
	e := Entry{Term: r.u(), Now: Time(r.i()), Wall: r.i()}
	if n := r.count(); n > 0 {
		e.Commands = make([]Command, n)
		for i := range e.Commands {
			r.command(&e.Commands[i])
		}
	}
	if err := r.end("entry"); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// AppendCommand appends the encoding of one command to b.
func AppendCommand(b []byte, c *Command) []byte {
	w := encoder{b}
	w.command(c)
	return w.b
}

// DecodeCommand reads one command and returns the bytes behind it.
func DecodeCommand(b []byte) (Command, []byte, error) {
	r := decoder{b: b}
	var c Command
	r.command(&c)
	if r.err != nil {
		return Command{}, nil, fmt.Errorf("decode command: %w", r.err)
	}
	return c, r.b, nil
}

// The fields of a command that are present have their bit set. Bits are never reused.
const (
	hasSpace = 1 << iota
	hasName
	hasLease
	hasGiven
	hasOwner
	hasTTL
	hasLimit
	hasMinHold
	hasMetadata
	hasValue
	hasWait
	hasAttempt
	hasKeep
	hasToken
	hasReason
	hasImmediate
	hasRenewals
	hasNode
	hasSettings
	hasCancel
	hasHold
	hasTold
	hasLeave
	hasLatest
	hasLevel
	allFields = 1<<iota - 1
)

func (c *Command) fields() (f uint64) {
	set := func(bit uint64, present bool) {
		if present {
			f |= bit
		}
	}
	set(hasSpace, c.Space != 0)
	set(hasName, c.Name != "")
	set(hasLease, c.Lease != "")
	set(hasGiven, c.Given != 0)
	set(hasOwner, c.Owner != "")
	set(hasTTL, c.TTL != 0)
	set(hasLimit, c.Limit != 0)
	set(hasMinHold, c.MinHold != 0)
	set(hasMetadata, len(c.Metadata) > 0)
	set(hasValue, c.Value != "")
	set(hasWait, c.Wait)
	set(hasAttempt, c.Attempt != 0)
	set(hasKeep, c.Keep)
	set(hasToken, c.Token != 0)
	set(hasReason, c.Reason != "")
	set(hasImmediate, c.Immediate)
	set(hasRenewals, len(c.Renewals) > 0)
	set(hasNode, c.Node != "")
	set(hasSettings, c.Settings != nil)
	set(hasCancel, c.Cancel != 0)
	set(hasHold, c.Hold)
	set(hasTold, c.Told)
	set(hasLeave, c.Leave)
	set(hasLatest, c.Latest)
	set(hasLevel, c.Level != 0)
	return f
}

func (w *encoder) command(c *Command) {
	f := c.fields()
	w.byte(byte(c.Op))
	w.u(uint64(c.Session))
	w.u(c.Seq)
	w.u(c.Low)
	w.u(f)
	put := func(bit uint64, write func()) {
		if f&bit != 0 {
			write()
		}
	}
	put(hasSpace, func() { w.byte(byte(c.Space)) })
	put(hasName, func() { w.str(c.Name) })
	put(hasLease, func() { w.str(string(c.Lease)) })
	put(hasGiven, func() { w.byte(byte(c.Given)) })
	put(hasOwner, func() { w.str(c.Owner) })
	put(hasTTL, func() { w.d(c.TTL) })
	put(hasLimit, func() { w.u(uint64(c.Limit)) })
	put(hasMinHold, func() { w.d(c.MinHold) })
	put(hasMetadata, func() { w.pairs(c.Metadata) })
	put(hasValue, func() { w.str(c.Value) })
	put(hasAttempt, func() { w.u(c.Attempt) })
	put(hasToken, func() { w.u(uint64(c.Token)) })
	put(hasReason, func() { w.str(c.Reason) })
	put(hasRenewals, func() { w.renewals(c.Renewals) })
	put(hasNode, func() { w.str(c.Node) })
	put(hasSettings, func() { w.settings(c.Settings) })
	put(hasCancel, func() { w.u(c.Cancel) })
	put(hasLevel, func() { w.u(uint64(c.Level)) })
}

func (r *decoder) command(c *Command) {
	*c = Command{Op: Op(r.byte()), Identity: Identity{SessionID(r.u()), r.u(), r.u()}}
	f := r.u()
	if r.err == nil && (f&^allFields != 0 || OpLevel(c.Op) == 0) {
		r.fail(&LevelError{What: fmt.Sprintf("operation %d with fields %#x", c.Op, f)})
		return
	}
	get := func(bit uint64, read func()) {
		if f&bit != 0 {
			read()
		}
	}
	get(hasSpace, func() { c.Space = Space(r.byte()) })
	get(hasName, func() { c.Name = r.str() })
	get(hasLease, func() { c.Lease = ID(r.str()) })
	get(hasGiven, func() { c.Given = Given(r.byte()) })
	get(hasOwner, func() { c.Owner = r.str() })
	get(hasTTL, func() { c.TTL = r.d() })
	get(hasLimit, func() { c.Limit = uint32(min(r.u(), 1<<32-1)) })
	get(hasMinHold, func() { c.MinHold = r.d() })
	get(hasMetadata, func() { c.Metadata = r.pairs() })
	get(hasValue, func() { c.Value = r.str() })
	get(hasAttempt, func() { c.Attempt = r.u() })
	get(hasToken, func() { c.Token = Token(r.u()) })
	get(hasReason, func() { c.Reason = r.str() })
	get(hasRenewals, func() { c.Renewals = r.renewals() })
	get(hasNode, func() { c.Node = r.str() })
	get(hasSettings, func() { c.Settings = r.settings() })
	get(hasCancel, func() { c.Cancel = r.u() })
	get(hasLevel, func() { c.Level = uint32(min(r.u(), 1<<32-1)) })
	if c.Op == OpRaiseLevel && c.Level > MaxLevel {
		r.fail(&LevelError{Group: c.Level})
	}
	c.Wait, c.Keep, c.Immediate = f&hasWait != 0, f&hasKeep != 0, f&hasImmediate != 0
	c.Hold, c.Told, c.Leave, c.Latest = f&hasHold != 0, f&hasTold != 0, f&hasLeave != 0, f&hasLatest != 0
}

func (w *encoder) renewals(list []Renewal) {
	w.u(uint64(len(list)))
	for i := range list {
		w.str(string(list[i].Lease))
		w.bool(list[i].Hold)
	}
}

func (r *decoder) renewals() []Renewal {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]Renewal, n)
	for i := range list {
		list[i] = Renewal{ID(r.str()), r.bool()}
	}
	return list
}

func (w *encoder) settings(s *Settings) {
	w.d(s.MinTTL)
	w.u(s.MaxLeases)
	w.u(s.MaxBytes)
	w.u(s.MaxWaiters)
	w.u(s.MaxFree)
}

func (r *decoder) settings() *Settings {
	return &Settings{MinTTL: r.d(), MaxLeases: r.u(), MaxBytes: r.u(), MaxWaiters: r.u(), MaxFree: r.u()}
}
