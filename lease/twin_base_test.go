//go:build !sidelock_next

package lease

import "fmt"

// What the twin and the game know of levels above 1: nothing.

var nextOps []Op

type twinNext struct{}

func (w *twin) next(*Command) Result {
	panic(fmt.Sprintf("an operation of no level: %v", w.twinNext))
}

func (g *game) freshNext(Op) Command { panic("an operation of no level") }

func (g *game) sameNext() {}
