//go:build sidelock_next

package lease

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

func note(text string) Command { return Command{Op: OpNote, Value: text} }

func (r *rig) wantNote(text string) {
	r.t.Helper()
	if a := r.s.Answer(Query{Kind: QueryNote}); a.Code != OK || a.Why != text {
		r.t.Fatalf("note %q %q, want %q", a.Code, a.Why, text)
	}
}

// TestCommandIsRefusedBelowItsLevel, and the refusal is remembered like any answer.
func TestCommandIsRefusedBelowItsLevel(t *testing.T) {
	r := newRig(t)
	early := r.number(note("too early"))
	r.want(r.apply(early)[0], InvalidRequest)
	if a := r.s.Answer(Query{Kind: QueryNote}); a.Code != InvalidRequest {
		t.Errorf("a question above the level: %+v", a)
	}
	results := r.apply(r.number(note("a")), raise(2), r.number(note("b")), early)
	r.want(results[0], InvalidRequest)
	r.want(results[1], OK)
	r.want(results[2], OK)
	r.want(results[3], InvalidRequest)
	r.wantNote("b")
}

func TestNoteIsBoundedAndKept(t *testing.T) {
	r := newRig(t)
	populate(r)
	r.want(r.apply(raise(2))[0], OK)
	r.wantNote("")
	long := strings.Repeat("x", MaxNoteLen)
	r.want(r.do(note(long)), OK)
	for _, bad := range []string{long + "x", "a\nb", "\xff"} {
		r.want(r.do(note(bad)), InvalidValue)
	}
	before := r.s.Digest()
	r.restore()
	r.wantNote(long)
	r.s.note = ""
	if r.s.Digest() == before {
		t.Error("the note is not in the digest")
	}
	r.want(r.do(note("")), OK)
	r.restore()
	r.wantNote("")
}

func TestSnapshotsFormatFollowsTheLevel(t *testing.T) {
	r := newRig(t)
	populate(r)
	before := r.s.Digest()
	r.s.level = 2
	if r.s.Digest() == before {
		t.Error("the level is not in the digest")
	}
	b := snapshotBytes(t, r.s.Snapshot())
	if b[len(snapshotMagic)-1] != formatLevels {
		t.Errorf("format %d", b[len(snapshotMagic)-1])
	}
	if level, err := SnapshotLevel(bytes.NewReader(b)); level != 2 || err != nil {
		t.Errorf("level %d: %v", level, err)
	}
	s, err := Restore(bytes.NewReader(b))
	if err != nil || s.Level() != 2 {
		t.Fatalf("%v", err)
	}
	for i := range b {
		if _, err := Restore(bytes.NewReader(b[:i])); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestCheckFindsWhatIsAboveTheLevel(t *testing.T) {
	for name, harm := range map[string]func(*State){
		"no level":          func(s *State) { s.level = 0 },
		"a level to come":   func(s *State) { s.level = MaxLevel + 1 },
		"a note at level 1": func(s *State) { s.note = "x" },
		"a long note":       func(s *State) { s.level, s.note = 2, strings.Repeat("x", MaxNoteLen+1) },
	} {
		r := newRig(t)
		harm(r.s)
		if err := r.s.Check(); err == nil {
			t.Errorf("%s is not seen", name)
		}
	}
}

// TestSnapshotIsTheOneThatTheOthersKnow: what the ordinary build is shown not to read is what this one writes.
func TestSnapshotIsTheOneThatTheOthersKnow(t *testing.T) {
	r := newRig(t)
	r.want(r.apply(raise(2))[0], OK)
	r.held(r.do(acquire("db", "a")))
	r.want(r.do(note("all aboard")), OK)
	b := snapshotBytes(t, r.s.Snapshot())
	if *update {
		if err := os.WriteFile(levelTwo, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	known, err := os.ReadFile(levelTwo)
	if err != nil || !bytes.Equal(b, known) {
		t.Fatalf("another than %s: %v", levelTwo, err)
	}
}
