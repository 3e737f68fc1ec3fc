//go:build !sidelock_next

package lease

// What the twin and the game know of levels above 1: nothing.

var nextOps []Op

type twinNext struct{}

func (w *twin) next(*Command) Result { panic("an operation of no level") }

func (g *game) freshNext(Op) Command { panic("an operation of no level") }

func (g *game) sameNext() {}
