//go:build sidelock_next

package lease

import "errors"

// A release that does not exist: one level above the ordinary build, with one more operation, so that the tests of upgrades have two
// builds that differ as releases do. An operator's note is kept in the state, for everybody to read.

// MaxLevel is the highest feature level that this build understands.
const MaxLevel uint32 = 2

// OpNote keeps Value as the group's note, in place of the one before. No release will use its number.
const OpNote Op = 255

// QueryNote asks for the note: Why.
const QueryNote QueryKind = 255

// MaxNoteLen bounds a note, in bytes of UTF-8 without control characters.
const MaxNoteLen = 64

var additions = []addition{{
	level: 2, release: "next", ops: []Op{OpNote}, run: (*State).keepNote,
	kind:   'o',
	write:  func(h *head, e *encoder) { e.str(h.note) },
	read:   func(h *head, d *decoder) { h.note = d.str() },
	check:  (*State).checkNote,
	query:  QueryNote,
	answer: func(s *State, a *Answer) { a.Why = s.note },
}}

type added struct{ note string }

func (s *State) keepNote(c *Command) Result {
	if !validNote(c.Value) {
		return Result{Code: InvalidValue, Param: "value", Detail: "a note is up to 64 bytes of UTF-8 without control characters"}
	}
	s.note = c.Value
	return Result{Value: c.Value}
}

func validNote(note string) bool { return len(note) <= MaxNoteLen && wellFormed(note) }

func (s *State) checkNote() error {
	if s.note != "" && (s.level < 2 || !validNote(s.note)) {
		return errors.New("a note that cannot be there")
	}
	return nil
}
