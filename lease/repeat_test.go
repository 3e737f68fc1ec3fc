package lease

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

// TestRepeatedAcquireHasOneEffect is property P9 by lease ID: another command, perhaps through another sidecar.
func TestRepeatedAcquireHasOneEffect(t *testing.T) {
	r := newRig(t)
	other := r.openSession("n2")
	first := r.held(r.do(acquire("db", "a", chosen)))
	r.later(4 * time.Second)
	again := r.held(r.do(acquire("db", "a", chosen, from(other))))
	if !first.Created || again.Created || again.Token != first.Token || again.Remaining != 15*time.Second {
		t.Fatalf("first %+v\nagain %+v", first, again)
	}
	r.do(acquire("db", "b", wait))
	r.queued(r.do(acquire("db", "b", wait, from(other))), 1)
	r.wantQueue("db", "b")
}

// TestDoubledCommandHasOneEffectAndOneAnswer is property P9 by identity.
func TestDoubledCommandHasOneEffectAndOneAnswer(t *testing.T) {
	r := newRig(t)
	grant := r.number(acquire("db", "a", attempt(1)))
	give := r.number(release("db", "a"))
	first := r.apply(grant)[0]
	r.later(time.Second)
	if again := r.apply(grant, grant); !reflect.DeepEqual(again, []Result{first, first}) {
		t.Fatalf("answers differ: %+v %+v", first, again)
	}
	released := r.apply(give)[0]
	r.held(r.do(acquire("db", "b")))
	r.restore() // the memory of answers is in the snapshot
	got := r.apply(grant, give)
	if !reflect.DeepEqual(got, []Result{first, released}) {
		t.Fatalf("answers differ after all: %+v", got)
	}
	r.wantHolders("db", "b")
}

func TestOnlyParametersGivenAgainAreCompared(t *testing.T) {
	pair := Pair{"k", "v"}
	for _, c := range []struct {
		option option
		param  string
	}{
		{owner("else"), "owner"},
		{ttl(16 * time.Second), "ttl"},
		{limit(2), "limit"},
		{minHold(time.Second), "min_hold"},
		{metadata(pair), "metadata"},
		{value("x"), "value"},
	} {
		t.Run(c.param, func(t *testing.T) {
			r := newRig(t)
			r.held(r.do(acquire("db", "a")))
			got := r.want(r.do(acquire("db", "a", c.option)), LeaseMismatch)
			if got.Param != c.param {
				t.Fatalf("blames %q", got.Param)
			}
			different := acquire("db", "a", c.option)
			different.Given = 0
			r.held(r.do(different)) // not given, not compared
			r.do(acquire("web", "b", c.option))
			r.held(r.do(acquire("web", "b", c.option)))
		})
	}
}

func TestIDsThatSidelockMakesAreNotForCallersToChoose(t *testing.T) {
	r := newRig(t)
	r.want(r.do(acquire("db", MadePrefix+"x", chosen)), LeaseExpired)
	r.want(r.do(create(MadePrefix+"x", chosen)), LeaseExpired)
	r.held(r.do(acquire("db", MadePrefix+"x"))) // its sidecar made it
	r.held(r.do(acquire("db", MadePrefix+"x", chosen)))
	r.do(release("db", MadePrefix+"x"))
	r.want(r.do(acquire("db", MadePrefix+"x")), LeaseExpired)
}

// TestTimeoutKeepsAGrantThatWasJustMade: the withdrawal's own answer is the truth.
func TestTimeoutKeepsAGrantThatWasJustMade(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a"))
	r.do(acquire("db", "b", wait, ttl(time.Hour), attempt(1)))
	got := r.together(release("db", "a"), withdraw("db", "b", 1, keep))
	if kept := r.held(got[1]); kept.Remaining != time.Hour {
		t.Fatalf("kept with %v", kept.Remaining)
	}
}

func TestTimeoutLeavesTheQueueAndTheIDUnknown(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a"))
	r.do(acquire("db", "b", wait, attempt(1), chosen))
	got := r.want(r.do(withdraw("db", "b", 1, keep)), WaitTimeout)
	if len(got.Holders) != 1 || got.QueueLength != 0 {
		t.Fatalf("%+v", got)
	}
	r.wantQueue("db")
	r.do(release("db", "a"))
	r.wantHolders("db")
	if ended := r.want(r.do(onLease(OpRenewLease, "b")), LeaseExpired); ended.Reason != NotEnded {
		t.Fatalf("remembered: %+v", ended)
	}
	r.held(r.do(acquire("db", "b", attempt(2), chosen, ttl(time.Minute)))) // a new lease, of other parameters
}

func TestHangUpGivesAGrantBack(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a", attempt(1)))
	r.do(acquire("db", "b", wait, attempt(2)))
	r.do(withdraw("db", "a", 1))
	r.wantHolders("db", "b")
	r.do(withdraw("db", "a", 1))
	r.do(withdraw("db", "b", 1)) // another's attempt
	r.wantHolders("db", "b")
}

func TestHangUpOfAnExplicitLeaseGivesBackOnlyThePlace(t *testing.T) {
	r := newRig(t)
	r.do(create("s"))
	r.do(acquire("a", "s"))
	r.do(acquire("db", "s", attempt(1)))
	r.do(withdraw("db", "s", 1))
	r.wantHolders("db")
	r.wantHolders("a", "s")
}

// TestLateHangUpOfOneAttemptUndoesNothingOfAnother is property P9, in every order that the log may give them; each
// withdrawal cancels its own acquire.
func TestLateHangUpOfOneAttemptUndoesNothingOfAnother(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {1, 0, 2}, {1, 2, 0}, {0, 2, 1}, {2, 0, 1}, {2, 1, 0}, {0, 1, 2, 0}, {1, 0, 2, 2, 0}} {
		for _, held := range []bool{false, true} {
			t.Run(fmt.Sprint(order, " held by another ", held), func(t *testing.T) {
				r := newRig(t)
				if held {
					r.do(acquire("db", "other"))
				}
				second := r.openSession("n2")
				one := r.number(acquire("db", "a", wait, attempt(1)))
				two := r.number(acquire("db", "a", wait, attempt(2), from(second)))
				commands := []Command{one, two, r.number(withdraw("db", "a", 1, cancelling(one.Seq)))}
				for _, i := range order {
					r.apply(commands[i])
				}
				if held {
					r.wantQueue("db", "a")
					r.do(release("db", "other"))
				}
				r.wantHolders("db", "a")
				r.do(withdraw("db", "a", 2, from(second))) // the second's own hang-up does end it
				r.wantHolders("db")
			})
		}
	}
}

// TestCancelledCommandNeverRuns: a withdrawal that overtakes its acquire.
func TestCancelledCommandNeverRuns(t *testing.T) {
	r := newRig(t)
	late := r.number(acquire("db", "a", wait, attempt(1)))
	r.want(r.do(withdraw("db", "a", 1, cancelling(late.Seq))), LeaseExpired)
	r.restore()
	r.want(r.apply(late)[0], StaleCommand)
	r.wantHolders("db")
}

func TestAttemptsOfOnePlaceAreBounded(t *testing.T) {
	r := newRig(t)
	for i := range uint64(MaxAttempts + 3) {
		r.held(r.do(acquire("db", "a", attempt(i+1))))
	}
	p, _ := r.s.places.Get(r.s.name(nameKey{Locks, "db"}).holders[0])
	if len(p.attempts) != MaxAttempts || p.attempts[0] != 4 {
		t.Fatalf("attempts %v", p.attempts)
	}
	for i := range uint64(MaxAttempts) {
		r.wantHolders("db", "a")
		r.do(withdraw("db", "a", i+4))
	}
	r.wantHolders("db", "a") // for one of those that were dropped may have been answered, and hold
}

// TestRepeatAskedNotToWaitIsRefusedAndLeavesTheFirstInLine.
func TestRepeatThatWouldNotWaitLeavesTheFirstInLine(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a"))
	r.do(acquire("db", "b", wait, attempt(1)))
	r.want(r.do(acquire("db", "b", attempt(2))), LockHeld)
	r.wantQueue("db", "b")
}
