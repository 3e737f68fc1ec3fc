package raftnode

import (
	"encoding/binary"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// The events protocol: on one connection for each subscription, from a sidecar without a replica to a member, frames like those of the
// forwarding protocol. The sidecar says once what it follows; the member either refuses (frameNothing, frameFull) or says how far it has
// come, and then sends the whole state or events as they happen. Nothing is buffered but by the connection: a sidecar that does not read
// holds the member's sender up, which then falls behind what is remembered, or is cut off.
//
// A call number is a time of the sidecar's clock. It comes back with what the member knew after it had read it.
const (
	frameFollow   byte = 31 // a follow; once, and first
	frameAsk      byte = 32 // payload-less: say how far that is now
	frameReached  byte = 41 // a reached; first of all, then to each ask, or to several together
	frameHappened byte = 42 // a position, and events before it
	frameState    byte = 43 // a piece of the state
	frameStateEnd byte = 44 // the position of the state
	frameTooSlow  byte = 45 // the end: what has not been sent is not remembered any more
)

// follow is what a sidecar wants to be told.
type follow struct {
	filter Filter
	after  *EventID // nil: from now on
}

// encode makes the payload of frameFollow.
func (f follow) encode() []byte {
	b := appendText([]byte{byte(f.filter.Space)}, f.filter.Prefix)
	if f.after == nil {
		return append(b, 0)
	}
	return appendPosition(append(b, 1), *f.after)
}

// decodeFollow reads what encode wrote; a later release may say more.
func decodeFollow(b []byte) (f follow, ok bool) {
	if len(b) == 0 {
		return f, false
	}
	r := pongReader{b: b[1:], ok: true}
	f.filter = Filter{Space: lease.Space(b[0]), Prefix: r.text()}
	if resume := r.uint(); resume != 0 {
		id := r.position()
		f.after = &id
	}
	return f, r.ok
}

// reached is how far a member's replica has come, and what it has sent.
type reached struct {
	id    EventID       // all before has been sent, or was not wanted
	age   time.Duration // since all that was committed was before that position
	index uint64        // applied
}

func (p reached) encode() []byte {
	return binary.AppendUvarint(binary.AppendVarint(appendPosition(nil, p.id), int64(p.age)), p.index)
}

// decodeReached reads what encode wrote; a later release may say more.
func decodeReached(b []byte) (reached, bool) {
	r := pongReader{b: b, ok: true}
	p := reached{id: r.position(), age: time.Duration(r.int()), index: r.uint()}
	return p, r.ok
}

// encodeHappened makes the payload of frameHappened.
func encodeHappened(b []byte, d *Delivery) []byte {
	b = appendPosition(b, d.ID)
	b = binary.AppendUvarint(b, uint64(len(d.Events)))
	for i := range d.Events {
		b = appendPosition(b, d.Events[i].ID)
		b = lease.AppendEvent(b, &d.Events[i].Event)
	}
	return b
}

// decodeHappened reads what encodeHappened wrote; a later release may say more.
func decodeHappened(b []byte) (d Delivery, ok bool) {
	r := pongReader{b: b, ok: true}
	d.ID = r.position()
	for n := r.uint(); n > 0 && r.ok; n-- {
		one := Happened{ID: r.position()}
		var err error
		if one.Event, r.b, err = lease.DecodeEvent(r.b); err != nil {
			return Delivery{}, false
		}
		d.Events = append(d.Events, one)
	}
	return d, r.ok
}

func appendPosition(b []byte, id EventID) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, id.Index), uint64(id.Ordinal))
}

func (r *pongReader) position() EventID {
	id := EventID{Index: r.uint()}
	ordinal := r.uint()
	if r.ok = r.ok && ordinal <= 1<<32-1; !r.ok {
		return EventID{}
	}
	id.Ordinal = uint32(ordinal)
	return id
}

// appendFrame appends a frame as readFrame reads it.
func appendFrame(b []byte, call uint64, kind byte, encode func([]byte) []byte) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint64(b, call)
	b = append(b, kind)
	if encode != nil {
		b = encode(b)
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}
