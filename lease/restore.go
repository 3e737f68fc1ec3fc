package lease

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// builder makes a state from the records of a snapshot.
type builder struct {
	s       *State
	format  byte
	sum     hash.Hash32
	scratch []byte
	bytes   uint64
	last    byte
	done    bool
}

const recordOrder = "vhlpnesr" // and then those of the additions

// read reads one record.
func (b *builder) read(in *bufio.Reader) error {
	kind, err := in.ReadByte()
	if err != nil {
		return cutShort(err)
	}
	size, err := readSize(in)
	if err != nil {
		return err
	}
	if uint64(cap(b.scratch)) < size {
		b.scratch = make([]byte, size)
	}
	b.scratch = b.scratch[:size]
	if _, err := io.ReadFull(in, b.scratch); err != nil {
		return cutShort(err)
	}
	if kind == recLast {
		return b.verify()
	}
	header := binary.AppendUvarint([]byte{kind}, size)
	b.sum.Write(header)
	b.sum.Write(b.scratch)
	if position(kind) < position(b.last) {
		return fmt.Errorf("record %q out of order: %w", kind, ErrCorrupt)
	}
	b.last = kind
	d := decoder{b: b.scratch}
	b.add(kind, &d)
	return d.end(fmt.Sprintf("record %q", kind))
}

// readSize reads the length of a record. An impossible one is damage, and not an error of the reader.
func readSize(in *bufio.Reader) (uint64, error) {
	size := uint64(0)
	for shift := 0; shift < 35; shift += 7 {
		b, err := in.ReadByte()
		if err != nil {
			return 0, cutShort(err)
		}
		size |= uint64(b&0x7f) << shift
		if size > maxRecord {
			break
		}
		if b < 0x80 {
			return size, nil
		}
	}
	return 0, fmt.Errorf("a record of more than %d bytes: %w", maxRecord, ErrCorrupt)
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("cut short: %w", ErrCorrupt)
	}
	return err
}

func position(kind byte) int {
	for i := range len(recordOrder) {
		if recordOrder[i] == kind {
			return i
		}
	}
	for i := range additions {
		if additions[i].kind == kind {
			return len(recordOrder) + i
		}
	}
	return -1
}

// readLevel reads the record of the level, which is the first and stands nowhere else.
func (b *builder) readLevel(in *bufio.Reader) error {
	if kind, err := in.Peek(1); err != nil {
		return cutShort(err)
	} else if kind[0] != recLevel {
		return fmt.Errorf("record %q is the first: %w", kind[0], ErrCorrupt)
	}
	return b.read(in)
}

func (b *builder) verify() error {
	if len(b.scratch) != 4 || binary.BigEndian.Uint32(b.scratch) != b.sum.Sum32() {
		return fmt.Errorf("checksum does not match: %w", ErrCorrupt)
	}
	b.done = true
	return nil
}

func (b *builder) add(kind byte, d *decoder) {
	s := b.s
	switch kind {
	case recLevel:
		b.setLevel(d)
	case recHead:
		d.head(&s.head)
	case recLease:
		r := d.record()
		s.leases.Set(r.id, r)
		s.deadlines.Set(deadline{at: r.deadline, lease: r.id})
		b.bytes += r.bytes()
	case recPlace:
		p := d.place()
		s.places.Set(p.id, p)
		b.bytes += p.bytes()
		if p.until > 0 {
			s.deadlines.Set(deadline{at: p.until, place: p.id})
		}
	case recName:
		b.addName(d)
	case recEnd:
		id, e := d.ended()
		s.ended.Set(id, e)
		s.endOrder[e.order()].Set(e.serial, id)
	case recSession:
		id := SessionID(d.u())
		s.sessions.Set(id, session{node: d.str(), low: d.u(), used: Time(d.i()), open: d.u()})
	case recResult:
		b.addResult(d)
	default:
		b.added(kind, d)
	}
}

// setLevel takes the level that a snapshot begins with. What is above MaxLevel may have more in this record, and is refused first.
func (b *builder) setLevel(d *decoder) {
	level := uint32(min(d.u(), 1<<32-1))
	switch {
	case d.err != nil:
	case level > MaxLevel:
		d.fail(&LevelError{Group: level})
	case level < 2 || b.format != formatOf(level) || b.s.level != 1:
		d.fail(ErrCorrupt)
	default:
		b.s.level = level
	}
}

func (b *builder) addName(d *decoder) {
	s := b.s
	space, key, n := d.name()
	if d.err != nil || !space.valid() {
		d.fail(ErrCorrupt)
		return
	}
	for _, id := range n.holders {
		p, _ := s.places.Get(id)
		n.countLimit(p.limit)
	}
	s.setName(nameKey{space, key}, n)
	if n.free != 0 {
		s.free.Set(n.free, nameKey{space, key})
	}
}

func (b *builder) addResult(d *decoder) {
	s := b.s
	m := remembered{session: SessionID(d.u()), seq: d.u()}
	res := d.result()
	m.result = &res
	live, ok := s.sessions.Get(m.session)
	if !ok {
		d.fail(ErrCorrupt)
		return
	}
	live.size++
	s.sessions.Set(m.session, live)
	s.results.Set(m)
}

// finish checks that what was read is a possible state.
func (b *builder) finish() error {
	b.s.bytes = b.bytes
	if err := b.s.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

func (e *encoder) head(h *head) {
	e.u(h.index)
	e.i(int64(h.clock))
	e.i(h.wall)
	e.u(uint64(h.token))
	e.u(h.serial)
	e.u(uint64(h.session))
	e.i(h.swept)
	e.bool(h.bootstrap)
	e.settings(&h.settings)
}

func (d *decoder) head(h *head) {
	*h = head{index: d.u(), clock: Time(d.i()), wall: d.i(), token: Token(d.u()), serial: d.u(), session: SessionID(d.u()),
		swept: d.i(), bootstrap: d.bool(), settings: *d.settings(), level: h.level, added: h.added}
}

func (e *encoder) record(r *record) {
	e.str(string(r.id))
	e.bool(r.explicit)
	e.str(r.owner)
	e.d(r.ttl)
	e.i(int64(r.deadline))
	e.i(int64(r.renewed))
	e.pairs(r.metadata)
	e.serials(r.places)
	e.u(uint64(len(r.released)))
	for _, t := range r.released {
		e.u(uint64(t))
	}
}

func (d *decoder) record() record {
	r := record{id: ID(d.str()), explicit: d.bool(), owner: d.str(), ttl: d.d(), deadline: Time(d.i()),
		renewed: Time(d.i()), metadata: d.pairs(), places: d.serials()}
	for _, t := range d.serials() {
		r.released = append(r.released, Token(t))
	}
	return r
}

func (e *encoder) place(p *place) {
	e.u(p.id)
	e.byte(byte(p.space))
	e.str(p.name)
	e.str(string(p.lease))
	e.str(p.owner)
	e.u(uint64(p.limit))
	e.d(p.minHold)
	e.pairs(p.metadata)
	e.str(p.value)
	e.str(p.via)
	e.i(int64(p.queued))
	e.i(int64(p.granted))
	e.i(p.wall)
	e.u(uint64(p.token))
	e.serials(p.attempts)
	e.bool(p.told)
	e.i(int64(p.until))
	e.byte(byte(p.ended))
	e.str(p.why)
}

func (d *decoder) place() place {
	return place{id: d.u(), space: Space(d.byte()), name: d.str(), lease: ID(d.str()), owner: d.str(), limit: uint32(d.u()),
		minHold: d.d(), metadata: d.pairs(), value: d.str(), via: d.str(), queued: Time(d.i()), granted: Time(d.i()),
		wall: d.i(), token: Token(d.u()), attempts: d.serials(), told: d.bool(), until: Time(d.i()), ended: EndReason(d.byte()), why: d.str()}
}

func (e *encoder) name(space Space, key string, n *name) {
	e.byte(byte(space))
	e.str(key)
	e.serials(n.holders)
	e.serials(n.queue)
	e.u(n.index)
	e.u(n.free)
	e.history(n.history)
	e.history(n.notable)
}

func (d *decoder) name() (Space, string, name) {
	space, key := Space(d.byte()), d.str()
	return space, key, name{holders: d.serials(), queue: d.serials(), index: d.u(), free: d.u(), history: d.history(),
		notable: d.history()}
}

func (e *encoder) history(list []past) {
	list = recent(list)
	e.u(uint64(len(list)))
	for i := range list {
		p := &list[i]
		e.byte(byte(p.kind))
		e.u(uint64(p.token))
		e.str(p.owner)
		e.str(p.via)
		e.i(int64(p.at))
		e.i(p.wall)
		e.d(p.held)
		e.d(p.quiet)
		e.str(p.why)
	}
}

func (d *decoder) history() []past {
	n := d.count()
	if n == 0 {
		return nil
	}
	if n > HistoryLength {
		d.fail(ErrCorrupt)
		return nil
	}
	list := make([]past, n)
	for i := range list {
		list[i] = past{EventKind(d.byte()), Token(d.u()), d.str(), d.str(), Time(d.i()), d.i(), d.d(), d.d(), d.str()}
	}
	return list
}

func (e *encoder) end(id ID, v *end) {
	e.str(string(id))
	e.byte(byte(v.reason))
	e.i(int64(v.at))
	e.u(v.serial)
	e.byte(byte(v.space))
	e.str(v.name)
	e.u(uint64(v.token))
	e.str(v.why)
}

func (d *decoder) ended() (ID, end) {
	return ID(d.str()), end{EndReason(d.byte()), Time(d.i()), d.u(), Space(d.byte()), d.str(), Token(d.u()), d.str()}
}

func (e *encoder) session(id SessionID, v *session) {
	e.u(uint64(id))
	e.str(v.node)
	e.u(v.low)
	e.i(int64(v.used))
	e.u(v.open)
}
