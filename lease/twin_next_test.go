//go:build sidelock_next

package lease

import (
	"strings"

	"pgregory.net/rapid"
)

var nextOps = []Op{OpNote, OpNote, OpNote}

type twinNext struct{ note string }

func (w *twin) next(c *Command) Result {
	switch {
	case w.level < 2:
		return Result{Code: InvalidRequest}
	case len(c.Value) > 64:
		return Result{Code: InvalidValue}
	}
	w.note = c.Value
	return Result{}
}

func (g *game) freshNext(op Op) Command {
	return Command{Op: op, Value: strings.Repeat("n", rapid.IntRange(0, 66).Draw(g.t, "note"))}
}

func (g *game) sameNext() {
	if g.s.note != g.twin.note {
		g.t.Fatalf("note %q, the twin's %q", g.s.note, g.twin.note)
	}
}
