package lease

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// fill sets every field of a value to something of its own, so that a field that the codec forgets is noticed.
func fill(v reflect.Value, next *int) {
	*next++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), next)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), next)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), next)
		fill(v.Index(1), next)
	case reflect.String:
		v.SetString(fmt.Sprint("text", *next))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*next) * 1_000_003)
	case reflect.Uint64, reflect.Uint32:
		v.SetUint(uint64(*next) * 1_000_003)
	case reflect.Uint8:
		v.SetUint(uint64(*next%9 + 1))
	default:
		panic("a kind that fill does not know: " + v.Kind().String())
	}
}

func filled[T any]() T {
	var v T
	next := 0
	fill(reflect.ValueOf(&v).Elem(), &next)
	return v
}

// TestEveryFieldSurvivesTheCodec: what is added to a message and forgotten in the codec fails here.
func TestEveryFieldSurvivesTheCodec(t *testing.T) {
	entry := filled[Entry]()
	if got, err := DecodeEntry(AppendEntry(nil, &entry)); err != nil || !reflect.DeepEqual(got, entry) {
		t.Errorf("entry: %v\n%+v\n%+v", err, got, entry)
	}
	command := filled[Command]()
	if got, rest, err := DecodeCommand(append(AppendCommand(nil, &command), 7)); err != nil || len(rest) != 1 || !reflect.DeepEqual(got, command) {
		t.Errorf("command: %v\n%+v\n%+v", err, got, command)
	}
	result := filled[Result]()
	if got, rest, err := DecodeResult(append(AppendResult(nil, &result), 7)); err != nil || len(rest) != 1 || !reflect.DeepEqual(got, result) {
		t.Errorf("result: %v\n%+v\n%+v", err, got, result)
	}
	query := filled[Query]()
	if got, err := DecodeQuery(AppendQuery(nil, &query)); err != nil || got != query {
		t.Errorf("query: %v\n%+v\n%+v", err, got, query)
	}
	answer := filled[Answer]()
	if got, err := DecodeAnswer(AppendAnswer(nil, &answer)); err != nil || !reflect.DeepEqual(got, answer) {
		t.Errorf("answer: %v\n%+v\n%+v", err, got, answer)
	}
}

func TestZeroValuesSurviveTheCodec(t *testing.T) {
	if got, err := DecodeEntry(AppendEntry(nil, &Entry{})); err != nil || !reflect.DeepEqual(got, Entry{}) {
		t.Error(err, got)
	}
	if got, _, err := DecodeResult(AppendResult(nil, &Result{})); err != nil || !reflect.DeepEqual(got, Result{}) {
		t.Error(err, got)
	}
	if got, err := DecodeQuery(AppendQuery(nil, &Query{})); err != nil || got != (Query{}) {
		t.Error(err, got)
	}
	if got, err := DecodeAnswer(AppendAnswer(nil, &Answer{})); err != nil || !reflect.DeepEqual(got, Answer{}) {
		t.Error(err, got)
	}
}

// TestUnknownIsNewerAndDamageIsCorrupt: a node must stop at the first, and say so differently from the second.
func TestUnknownIsNewerAndDamageIsCorrupt(t *testing.T) {
	e := Entry{Commands: []Command{acquire("db", "a")}}
	whole := AppendEntry(nil, &e)
	newer := bytes.Clone(whole)
	newer[0]++
	if _, err := DecodeEntry(newer); !errors.Is(err, ErrNewer) {
		t.Errorf("another format: %v", err)
	}
	unknown := Entry{Commands: []Command{{Op: 200}}}
	if _, err := DecodeEntry(AppendEntry(nil, &unknown)); !errors.Is(err, ErrNewer) {
		t.Errorf("another operation: %v", err)
	}
	field := append(AppendEntry(nil, &Entry{}), 0)
	field[len(field)-2] = 1                                                                        // one command:
	field = append(field[:len(field)-1], byte(OpKeepAlive), 1, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x40) // a field of bit 34
	if _, err := DecodeEntry(field); !errors.Is(err, ErrNewer) {
		t.Errorf("another field: %v", err)
	}
	for i := range whole {
		if _, err := DecodeEntry(whole[:i]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	if _, err := DecodeEntry(append(bytes.Clone(whole), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("more behind: %v", err)
	}
}

func TestCorruptLengthAllocatesNothingMuch(t *testing.T) {
	b := AppendEntry(nil, &Entry{})
	b[len(b)-1] = 0xff
	b = append(b, 0xff, 0xff, 0xff, 0x7f) // four thousand million commands
	allocated := testing.AllocsPerRun(1, func() {
		if _, err := DecodeEntry(b); err == nil {
			t.Error("accepted")
		}
	})
	if allocated > 10 {
		t.Errorf("%v allocations", allocated)
	}
}

func TestEveryCodeAndNameIsDistinct(t *testing.T) {
	seen := map[Code]bool{}
	for _, c := range Codes() {
		if seen[c] {
			t.Errorf("%q is listed twice", c)
		}
		seen[c] = true
	}
	reasons := EndReasons()
	if len(reasons) != int(Forced) || reasons[Forced-1] != Forced.String() || EndReason(99).String() != "unknown" {
		t.Errorf("reasons %v", reasons)
	}
	for k := EventGranted; k <= EventFreed; k++ {
		if k.String() == "" || k.String() == "unknown" {
			t.Errorf("event %d has no name", k)
		}
	}
	if Locks.String() != "locks" || Elections.String() != "elections" || Space(9).String() != "unknown" || EventKind(99).String() != "unknown" {
		t.Error("names of spaces")
	}
	if Time(5).Add(time.Second).Sub(5) != time.Second {
		t.Error("times do not add up")
	}
}
