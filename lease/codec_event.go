package lease

import "fmt"

// AppendEvent appends the encoding of an event to b: its length, and then its fields. Events are sent from one sidecar to another and
// never stored, so a later release may add fields behind these, and a sidecar of this one passes over them.
func AppendEvent(b []byte, e *Event) []byte {
	w := encoder{make([]byte, 0, 160)}
	w.byte(byte(e.Kind))
	w.byte(byte(e.Space))
	w.str(e.Name)
	w.str(string(e.Lease))
	w.str(e.Owner)
	w.u(uint64(e.Token))
	w.i(int64(e.At))
	w.i(e.Wall)
	w.str(e.Via)
	w.str(e.Value)
	w.byte(byte(e.Reason))
	w.d(e.Late)
	w.d(e.Waited)
	w.d(e.Held)
	w.d(e.Quiet)
	w.str(e.Why)
	out := encoder{b}
	out.u(uint64(len(w.b)))
	return append(out.b, w.b...)
}

// DecodeEvent reads one event and returns the bytes behind it.
func DecodeEvent(b []byte) (Event, []byte, error) {
	all := decoder{b: b}
	r := decoder{b: all.b[:0]}
	if n := all.count(); all.err == nil {
		r.b, all.b = all.b[:n], all.b[n:]
	}
	e := Event{Kind: EventKind(r.byte()), Space: Space(r.byte()), Name: r.str(), Lease: ID(r.str()), Owner: r.str(),
		Token: Token(r.u()), At: Time(r.i()), Wall: r.i(), Via: r.str(), Value: r.str(), Reason: EndReason(r.byte()),
		Late: r.d(), Waited: r.d(), Held: r.d(), Quiet: r.d(), Why: r.str()}
	if r.err != nil {
		return Event{}, nil, fmt.Errorf("decode event: %w", r.err)
	}
	return e, all.b, nil
}
