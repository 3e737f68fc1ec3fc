package lease

import (
	"testing"
	"time"
)

// TestLeaseEndsAtItsDeadlineAndNotBefore is property P3 inside the log.
func TestLeaseEndsAtItsDeadlineAndNotBefore(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a", ttl(10*time.Second)))
	r.later(10*time.Second - 1)
	got := r.held(r.do(renew("db", "a")))
	if got.Remaining != 10*time.Second {
		t.Fatalf("a renewal gives %v", got.Remaining)
	}
	r.later(10 * time.Second)
	over := r.want(r.do(renew("db", "a")), LeaseExpired)
	if over.Reason != Expired || over.EndedAgo != 0 {
		t.Fatalf("%v %v ago", over.Reason, over.EndedAgo)
	}
	if len(r.events) != 1 || r.events[0].Kind != EventExpired || r.events[0].Late != 0 {
		t.Fatalf("events %+v", r.events)
	}
}

func TestExpiryTellsHowLateItWas(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a", ttl(10*time.Second)))
	r.pass(10*time.Second + 300*time.Millisecond)
	if r.events[0].Kind != EventExpired || r.events[0].Late != 300*time.Millisecond {
		t.Fatalf("events %+v", r.events)
	}
}

// TestExpiredWaiterIsNeverGranted is property P8: the deadlines of the holder and of the next in line pass in one step.
func TestExpiredWaiterIsNeverGranted(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a", ttl(8*time.Second)))
	r.later(time.Second)
	r.do(acquire("db", "b", wait, ttl(9*time.Second)))
	r.do(acquire("db", "c", wait, ttl(time.Hour)))
	r.later(5 * time.Second)
	r.do(Command{Op: OpKeepAlive, Renewals: []Renewal{{Lease: id("c")}}})
	r.pass(4 * time.Second) // a ended at 8 s, b at 10 s; c lives until 16 s
	r.wantHolders("db", "c")
	for _, e := range r.events {
		if e.Kind == EventGranted && e.Lease == id("b") {
			t.Fatal("an expired waiter was granted")
		}
	}
	r.want(r.do(renew("db", "b")), LeaseExpired)
}

// TestExplicitLeaseThatEndsIsNotGrantedItsOwnQueue: the end of one lease frees a name for which it waits itself.
func TestExplicitLeaseThatEndsLeavesEveryQueueFirst(t *testing.T) {
	r := newRig(t)
	r.do(create("s"))
	r.do(acquire("a", "s"))
	r.do(acquire("b", "t"))
	r.do(acquire("b", "s", wait))
	r.do(acquire("a", "t2", wait))
	r.together(onLease(OpRevokeLease, "s"), release("b", "t"))
	r.wantHolders("a", "t2")
	r.wantHolders("b")
}

func TestWaitingImplicitLeaseLivesAtMostTheWaitingTTL(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a", ttl(time.Hour)))
	if got := r.queued(r.do(acquire("db", "b", wait, ttl(time.Hour))), 1); got.Remaining != WaitingTTL || got.TTL != time.Hour {
		t.Fatalf("waits with %v of %v", got.Remaining, got.TTL)
	}
	if got := r.queued(r.do(acquire("db", "c", wait, ttl(2*time.Second))), 2); got.Remaining != 2*time.Second {
		t.Fatalf("waits with %v", got.Remaining)
	}
	r.later(2 * time.Second)
	r.do(Command{Op: OpKeepAlive, Renewals: []Renewal{{Lease: id("b")}, {Lease: id("c")}, {Lease: id("nobody")}}})
	r.wantQueue("db", "b")
	r.pass(WaitingTTL - 1)
	r.wantQueue("db", "b")
	r.pass(1)
	r.wantQueue("db")
}

// TestGrantOutOfTheQueueLastsOnlyTheWaitingTTLUntilClaimed: a waiter whose sidecar has died must not hold for a day.
func TestGrantOutOfTheQueueLastsOnlyTheWaitingTTLUntilClaimed(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a"))
	r.do(acquire("db", "dead", wait, ttl(24*time.Hour)))
	r.later(4 * time.Second)
	r.do(acquire("db", "c", wait, ttl(time.Hour), attempt(1)))
	r.do(release("db", "a"))
	r.wantHolders("db", "dead")
	r.later(6 * time.Second)
	claimed := r.held(r.do(acquire("db", "c", wait, ttl(time.Hour), attempt(1))))
	if claimed.Remaining != time.Hour || claimed.Created {
		t.Fatalf("the claim gives %v, made anew: %v", claimed.Remaining, claimed.Created)
	}
	r.pass(time.Hour - 1)
	r.wantHolders("db", "c")
}

func TestKeepAliveRenewsNothingThatItsCallerRenews(t *testing.T) {
	r := newRig(t)
	r.do(create("explicit", ttl(5*time.Second)))
	r.do(acquire("db", "holder", ttl(5*time.Second)))
	r.do(acquire("db", "explicit", wait))
	r.do(campaign("e", "leader", ttl(5*time.Second)))
	r.do(campaign("e", "standby", ttl(5*time.Second)))
	r.later(3 * time.Second)
	r.do(Command{Op: OpKeepAlive, Renewals: []Renewal{{Lease: id("explicit")}, {Lease: id("holder")}, {Lease: id("leader")}, {Lease: id("standby")}}})
	r.pass(2 * time.Second)
	if n := r.s.Counts().Leases; n != 0 {
		t.Fatalf("%d leases were kept alive", n)
	}
}

func TestExplicitLeaseKeepsItsTTLWhileItWaits(t *testing.T) {
	r := newRig(t)
	r.do(create("s", ttl(time.Minute)))
	r.do(acquire("db", "a", ttl(time.Hour)))
	if got := r.queued(r.do(acquire("db", "s", wait)), 1); got.Remaining != time.Minute {
		t.Fatalf("%v remain", got.Remaining)
	}
	r.later(20 * time.Second)
	if got := r.queued(r.do(acquire("db", "s", wait)), 1); got.Remaining != 40*time.Second {
		t.Fatalf("an acquire renewed an explicit lease: %v remain", got.Remaining)
	}
}

// TestEntryStampedInAnotherTermIsIgnored: its commands did not happen and its time did not pass, but its index counts.
func TestEntryStampedInAnotherTermIsIgnored(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a", ttl(2*time.Second)))
	before := r.s.Now()
	e := Entry{Term: 1, Now: before.Add(time.Hour), Commands: []Command{r.number(release("db", "a"))}}
	results, events := r.s.Apply(r.index+1, 2, e)
	if results != nil || events != nil {
		t.Fatalf("results %v, events %v", results, events)
	}
	if r.s.Now() != before || r.s.Index() != r.index+1 {
		t.Fatalf("clock %v, index %d", r.s.Now(), r.s.Index())
	}
	r.wantHolders("db", "a")
	r.index++
	r.want(r.apply(e.Commands[0])[0], OK) // the same command, stamped in its own term, is no repeat
	r.wantHolders("db")
}

func TestClockNeverGoesBack(t *testing.T) {
	r := newRig(t)
	r.pass(time.Minute)
	r.now -= Time(30 * time.Second) // a new Raft leader's base may be behind
	if got := r.held(r.do(acquire("db", "a"))); got.Remaining != 15*time.Second {
		t.Fatalf("%v remain", got.Remaining)
	}
	if r.s.Now() != Time(time.Minute) {
		t.Fatalf("the clock stands at %v", r.s.Now())
	}
	r.apply() // nothing has ended early
	r.wantHolders("db", "a")
	r.index++
	r.s.Apply(r.index, 1, Entry{Term: 1, Now: -5})
	r.s.Apply(r.index, 1, Entry{Term: 1, Now: 1<<63 - 1})
	r.check() // however far an entry leaps, no sum overflows
}

func TestNextDeadlineIsTheEarliest(t *testing.T) {
	r := newRig(t)
	if _, ok := r.s.NextDeadline(); ok {
		t.Fatal("an empty state waits for something")
	}
	r.do(acquire("a", "a", ttl(20*time.Second)))
	r.do(acquire("b", "b", ttl(9*time.Second), minHold(12*time.Second)))
	for _, want := range []time.Duration{9 * time.Second, 12 * time.Second, 20 * time.Second} {
		at, ok := r.s.NextDeadline()
		if !ok || at != Time(want) {
			t.Fatalf("next deadline %v, want %v", at, want)
		}
		r.now = at
		r.apply()
	}
	if _, ok := r.s.NextDeadline(); ok {
		t.Fatal("a deadline is left over")
	}
}
