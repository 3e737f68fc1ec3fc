//go:build !sidelock_next

package lease

// MaxLevel is the highest feature level that this build understands. (The tests of upgrades build a release of the level after it
// with the tag sidelock_next.)
const MaxLevel uint32 = 1

// additions are those of levels 2 to MaxLevel: none yet.
var additions []addition

// added is what the state keeps for them.
type added struct{}
