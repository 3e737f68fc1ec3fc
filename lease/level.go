package lease

import (
	"fmt"
	"slices"
)

// Feature levels let sidecars of two releases be one group while it is upgraded. What a release adds to the state machine -
// an operation, a field in a command or a result, something new that Apply does or that a snapshot holds - has a level,
// and none of it happens before the group is at that level. The level is part of the state. An entry of the log raises it, by one,
// which the Raft leader proposes when every sidecar understands the next level; it never falls. So at each index of the log all replicas
// do the same, whichever release they run (property P18), and one that does not understand what comes next never gets that far:
// it stops with a LevelError.
//
// The texts of results are remembered, and so are part of the state too: to change one takes a level.

// LevelError means that the group's log or snapshot is above the level that this build understands. The node must stop: to skip what
// it does not understand would make it differ from the others. It wraps ErrNewer.
type LevelError struct {
	Group uint32 // the level of the group; 0 where that cannot be told
	What  string // then: what is not understood
}

var _ error = (*LevelError)(nil)

// Error says what is understood, what there is, and what to do.
func (e *LevelError) Error() string {
	if e.Group == 0 {
		return fmt.Sprintf("this build understands feature level %d, and %s is of a later one: upgrade this node", MaxLevel, e.What)
	}
	return fmt.Sprintf("this build understands feature level %d, the group is at %d: upgrade this node", MaxLevel, e.Group)
}

// Unwrap returns ErrNewer.
func (e *LevelError) Unwrap() error { return ErrNewer }

// opLevels tells from which level on an operation may be in the log. Those of later levels are in additions.
var opLevels = [...]uint32{
	OpOpenSession: 1, OpBootstrap: 1, OpCreateLease: 1, OpRenewLease: 1, OpRevokeLease: 1, OpAcquire: 1, OpRenew: 1,
	OpRelease: 1, OpWithdraw: 1, OpForceRelease: 1, OpKeepAlive: 1, OpRaiseLevel: 1,
}

// addition is what one level adds to those below. additions has one for each level from 2 to MaxLevel, in order.
type addition struct {
	level   uint32
	release string // the first that understands the level
	ops     []Op
	run     func(*State, *Command) Result
	kind    byte                  // of its record in snapshots
	write   func(*head, *encoder) // of that record
	read    func(*head, *decoder)
	check   func(*State) error // of what it keeps, below its level too
	query   QueryKind
	answer  func(*State, *Answer)
}

// OpLevel returns the level from which on an operation may be in the log; 0 for one that this build does not know.
func OpLevel(op Op) uint32 {
	if int(op) < len(opLevels) && opLevels[op] != 0 {
		return opLevels[op]
	}
	if a := additionOf(op); a != nil {
		return a.level
	}
	return 0
}

func additionOf(op Op) *addition {
	for i := range additions {
		if slices.Contains(additions[i].ops, op) {
			return &additions[i]
		}
	}
	return nil
}

// LevelRelease returns the first release that understands a level, for people; empty for level 1, which every release understands,
// and for levels above MaxLevel.
func LevelRelease(level uint32) string {
	for i := range additions {
		if additions[i].level == level {
			return additions[i].release
		}
	}
	return ""
}

// Level returns the group's feature level, from 1 to MaxLevel.
func (s *State) Level() uint32 { return s.level }

// raise raises the level by one. That MaxLevel is not passed, DecodeEntry sees to: a build that refused here what others do would
// differ from them.
func (s *State) raise(c *Command) Result {
	switch {
	case !s.bootstrap:
		return Result{Code: NotBootstrapped, Index: s.index}
	case c.Level != s.level+1 || c.Level > MaxLevel:
		return Result{Code: InvalidRequest, Param: "level", Index: s.index,
			Detail: fmt.Sprintf("the group is at feature level %d and can only be raised to the next", s.level)}
	}
	s.level = c.Level
	return Result{Index: s.index}
}

// runAddition executes an operation that is not of level 1.
func (s *State) runAddition(c *Command) Result {
	if a := additionOf(c.Op); a != nil {
		return a.run(s, c)
	}
	return Result{Code: InvalidRequest, Detail: "unknown operation"}
}

// answerAddition answers a query that is not of level 1.
func (s *State) answerAddition(q Query, answer *Answer) {
	for i := range additions {
		if a := &additions[i]; a.query == q.Kind && a.level <= s.level {
			a.answer(s, answer)
			return
		}
	}
	answer.Code = InvalidRequest
}

// addedRecords passes the records of the additions that are in force to put.
func (s *Snapshot) addedRecords(put func(kind byte, fill func(*encoder))) {
	for i := range additions {
		if a := &additions[i]; a.level <= s.level {
			put(a.kind, func(e *encoder) { a.write(&s.head, e) })
		}
	}
}

// added reads the record of an addition.
func (b *builder) added(kind byte, d *decoder) {
	for i := range additions {
		if a := &additions[i]; a.kind == kind && a.level <= b.s.level {
			a.read(&b.s.head, d)
			return
		}
	}
	d.fail(ErrCorrupt)
}

// levels checks the level and what the additions keep.
func (c *checker) levels() {
	if c.s.level < 1 || c.s.level > MaxLevel {
		c.fail("feature level %d of %d", c.s.level, MaxLevel)
	}
	for i := range additions {
		if err := additions[i].check(c.s); err != nil {
			c.fail("of level %d: %w", additions[i].level, err)
		}
	}
}
