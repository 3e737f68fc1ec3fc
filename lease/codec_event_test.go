package lease

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// TestEveryFieldOfAnEventSurvivesTheCodec, also where a later release has added some behind.
func TestEveryFieldOfAnEventSurvivesTheCodec(t *testing.T) {
	for _, want := range []Event{filled[Event](), {}} {
		b := AppendEvent([]byte("before"), &want)[len("before"):]
		got, rest, err := DecodeEvent(append(bytes.Clone(b), 7))
		if err != nil || len(rest) != 1 || !reflect.DeepEqual(got, want) {
			t.Errorf("%v, %d bytes behind\n%+v\n%+v", err, len(rest), got, want)
		}
		if b[0] >= 0x7d {
			t.Fatal("the length takes more than a byte, and this test supposes that it does not")
		}
		later := append(bytes.Clone(b), 9, 9)
		later[0] += 2
		if got, rest, err := DecodeEvent(later); err != nil || len(rest) != 0 || !reflect.DeepEqual(got, want) {
			t.Errorf("of a later release: %v, %d bytes behind\n%+v\n%+v", err, len(rest), got, want)
		}
		for i := range b {
			if _, _, err := DecodeEvent(b[:i]); !errors.Is(err, ErrCorrupt) {
				t.Errorf("cut at %d: %v", i, err)
			}
		}
	}
}

// FuzzDecodeEvent: no bytes make the decoder panic, and what it accepts has one meaning.
func FuzzDecodeEvent(f *testing.F) {
	event := filled[Event]()
	f.Add(AppendEvent(nil, &event))
	f.Add(AppendEvent(nil, &Event{}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, _, err := DecodeEvent(b); checkDecoded(t, err) {
			again, rest, err := DecodeEvent(AppendEvent(nil, &e))
			checkSame(t, e, again, err)
			checkSame(t, 0, len(rest), nil)
		}
	})
}
