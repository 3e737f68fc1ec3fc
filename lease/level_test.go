package lease

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func raise(level uint32) Command { return Command{Op: OpRaiseLevel, Level: level} }

func TestLevelIsRaisedOneByOneAndNeverFalls(t *testing.T) {
	s := New()
	if got, _ := s.Apply(1, 1, Entry{Term: 1, Commands: []Command{raise(2)}}); got[0].Code != NotBootstrapped || s.Level() != 1 {
		t.Fatalf("before there is a group: %+v at level %d", got[0], s.Level())
	}
	r := newRig(t)
	for at := uint32(1); ; at++ {
		if r.s.Level() != at {
			t.Fatalf("level %d, want %d", r.s.Level(), at)
		}
		before := r.s.Snapshot()
		before.index++
		for _, refused := range []uint32{0, at - 1, at, at + 2, MaxLevel + 1, 1<<32 - 1} {
			r.want(r.apply(raise(refused))[0], InvalidRequest)
			if before.index = r.index; !bytes.Equal(snapshotBytes(t, before), snapshotBytes(t, r.s.Snapshot())) {
				t.Fatalf("a refused raise from %d to %d changed the state", at, refused)
			}
		}
		if at == MaxLevel {
			return
		}
		if got := r.want(r.apply(raise(at + 1))[0], OK); got.Index != r.index {
			t.Fatalf("%+v", got)
		}
		r.restore()
	}
}

// TestWhatIsAboveThisBuildStopsIt: by its message a person knows what to do.
func TestWhatIsAboveThisBuildStopsIt(t *testing.T) {
	entry := func(c Command) []byte { return AppendEntry(nil, &Entry{Commands: []Command{acquire("db", "a"), c}}) }
	format := AppendEntry(nil, &Entry{})
	format[0]++
	snapshot := func(format byte, records ...[]byte) []byte {
		return slices.Concat(append([]byte(snapshotMagic[:len(snapshotMagic)-1]), format), slices.Concat(records...))
	}
	level := func(n uint64, more ...byte) []byte {
		body := append(binary.AppendUvarint(nil, n), more...)
		return append([]byte{recLevel, byte(len(body))}, body...)
	}
	decode := func(b []byte) error { _, err := DecodeEntry(b); return err }
	restore := func(b []byte) error { _, err := Restore(bytes.NewReader(b)); return err }
	look := func(b []byte) error { _, err := SnapshotLevel(bytes.NewReader(b)); return err }
	next := fmt.Sprintf("this build understands feature level %d, the group is at %d: upgrade this node", MaxLevel, MaxLevel+1)
	for _, c := range []struct {
		name  string
		err   error
		group uint32
		says  string
	}{
		{"raise", decode(entry(raise(MaxLevel + 1))), MaxLevel + 1, next},
		{"raise by far", decode(entry(raise(1<<32 - 1))), 1<<32 - 1, "the group is at 4294967295: upgrade this node"},
		{"operation", decode(entry(Command{Op: 200})), 0, "operation 200 with fields 0x0 is of a later one: upgrade this node"},
		{"entry", decode(format), 0, "entry format 2 is of a later one: upgrade this node"},
		{"snapshot's format", restore(snapshot(formatLevels + 1)), 0, "snapshot format 4 is of a later one: upgrade this node"},
		{"snapshot", restore(snapshot(formatLevels, level(uint64(MaxLevel)+1))), MaxLevel + 1, next},
		{"snapshot with more in it", restore(snapshot(formatLevels, level(uint64(MaxLevel)+1, 1, 2, 3))), MaxLevel + 1, next},
		{"snapshot by far", restore(snapshot(formatLevels, level(1<<40))), 1<<32 - 1, "upgrade this node"},
		{"look at a snapshot", look(snapshot(formatLevels, level(uint64(MaxLevel)+1))), MaxLevel + 1, next},
	} {
		var above *LevelError
		if !errors.As(c.err, &above) || !errors.Is(c.err, ErrNewer) || above.Group != c.group || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: %v\nwant of group %d: %s", c.name, c.err, c.group, c.says)
		}
	}
	for name, b := range map[string][]byte{
		"level 1 in the format above it": snapshot(formatLevels, level(1)),
		"level 0":                        snapshot(formatLevels, level(0)),
		"no level":                       snapshot(formatLevels),
		"another record first":           snapshot(formatLevels, []byte{recHead, 0}),
		"a level in the first format":    snapshot(formatOne, level(1)),
		"a level that goes on":           snapshot(formatLevels, []byte{recLevel, 2, 1, 1}),
		"no number":                      snapshot(formatLevels, []byte{recLevel, 1, 0x80}),
	} {
		if err := restore(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSnapshotOfTheFirstFormatIsOfLevelOne: what was written before there were levels is read as it always was.
func TestSnapshotOfTheFirstFormatIsOfLevelOne(t *testing.T) {
	r := newRig(t)
	populate(r)
	b := snapshotBytes(t, r.s.Snapshot())
	if b[len(snapshotMagic)-1] != formatOne || b[len(snapshotMagic)] != recHead {
		t.Errorf("at level 1 a snapshot begins with %q", b[:len(snapshotMagic)+1])
	}
	if level, err := SnapshotLevel(bytes.NewReader(b)); level != 1 || err != nil {
		t.Errorf("level %d: %v", level, err)
	}
	if s, err := Restore(bytes.NewReader(b)); err != nil || s.Level() != 1 {
		t.Errorf("%v", err)
	}
}

func TestEveryOperationHasALevel(t *testing.T) {
	for op := OpOpenSession; op <= OpRaiseLevel; op++ {
		if OpLevel(op) != 1 {
			t.Errorf("operation %d is of level %d", op, OpLevel(op))
		}
	}
	if OpLevel(0) != 0 || OpLevel(200) != 0 || LevelRelease(1) != "" || LevelRelease(MaxLevel+1) != "" {
		t.Error("what there is not has a level")
	}
	kinds, level := recordOrder+string(rune(recLast)), uint32(1)
	for i := range additions {
		a := &additions[i]
		if level++; a.level != level || LevelRelease(level) == "" || strings.IndexByte(kinds, a.kind) >= 0 {
			t.Errorf("addition %d: level %d, want %d, of a release, with a kind of record of its own: %q", i, a.level, level, a.kind)
		}
		kinds += string(rune(a.kind))
		for _, op := range a.ops {
			if OpLevel(op) != level {
				t.Errorf("operation %d is of level %d, want %d", op, OpLevel(op), level)
			}
		}
	}
	if level != MaxLevel {
		t.Errorf("there are additions up to level %d of %d", level, MaxLevel)
	}
}

// levelOne is what a history at level 1 comes to, results and state, in every build. Change it only before a first release, or with a
// change that no group of two builds can notice.
const levelOne = 0xc161f9acd87589b5

// TestLevelOneIsTheSameInEveryBuild is property P18: old binary = new binary, as long as the level has not been raised.
func TestLevelOneIsTheSameInEveryBuild(t *testing.T) {
	r, sum := newRig(t), fnv.New64a()
	told := func(results ...Result) {
		for i := range results {
			sum.Write(AppendResult(nil, &results[i]))
		}
	}
	populate(r)
	told(r.together(acquire("db", "x"), acquire("db", "y", wait), renew("db", "x"), release("nothing", "x"), acquire("bad name", "x"),
		acquire("db", "z", ttl(time.Hour)), onLease(OpRenewLease, "s"), onLease(OpRevokeLease, "w"), force("doc", 1, because("why")))...)
	told(r.apply(raise(1), raise(MaxLevel+1), Command{Op: OpBootstrap})...)
	told(r.do(Command{Op: OpAcquire, Space: 9, Name: "x"}), r.do(Command{Op: OpKeepAlive, Renewals: make([]Renewal, MaxKeepAlive+1)}))
	r.pass(time.Minute)
	sum.Write(snapshotBytes(t, r.s.Snapshot()))
	if got := sum.Sum64(); got != levelOne {
		t.Errorf("level 1 has become another: %#x, was %#x", got, uint64(levelOne))
	}
}

// levelTwo is a snapshot that the release after this one wrote at its own level.
const levelTwo = "testdata/level_two.snapshot"

// TestSnapshotOfTheNextReleaseIsRefusedOrRead, by which of the two this is.
func TestSnapshotOfTheNextReleaseIsRefusedOrRead(t *testing.T) {
	b, err := os.ReadFile(levelTwo)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Restore(bytes.NewReader(b))
	if MaxLevel >= 2 {
		if err != nil || s.Level() != 2 {
			t.Fatalf("%v", err)
		}
		return
	}
	if above, ok := errors.AsType[*LevelError](err); !ok || above.Group != 2 {
		t.Fatalf("%v", err)
	}
}
