package lease

import (
	"testing"
	"time"
)

func hold(c *Command)  { c.Hold = true }
func told(c *Command)  { c.Told = true }
func leave(c *Command) { c.Leave = true }

func latest(c *Command) { c.Latest = true }

func TestKeepAliveTellsOfEachLeaseWhatBecameOfIt(t *testing.T) {
	r := newRig(t)
	r.held(r.do(acquire("db", "holder", attempt(1), ttl(time.Minute))))
	r.do(acquire("db", "waiter", wait, attempt(2)))
	r.do(acquire("other", "forced", attempt(3)))
	r.do(force("other", firstToken+2, because("why")))
	r.do(Command{Op: OpCreateLease, Lease: id("explicit"), Owner: "o", TTL: time.Minute})
	r.pass(5 * time.Second)
	got := r.do(Command{Op: OpKeepAlive, Renewals: []Renewal{
		{Lease: id("holder"), Hold: true}, {Lease: id("waiter")}, {Lease: id("forced"), Hold: true},
		{Lease: id("explicit"), Hold: true}, {Lease: id("nobody"), Hold: true},
	}}).Kept
	want := []Kept{
		{Standing: Holding, Token: firstToken + 1, Remaining: time.Minute},
		{Standing: Waiting, Remaining: WaitingTTL, Position: 1},
		{Code: LeaseExpired, Reason: Forced, Why: "why"},
		{Code: LeaseMismatch},
		{Code: LeaseExpired},
	}
	if len(got) != len(want) {
		t.Fatalf("%d answers for %d renewals", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("renewal %d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

// TestOnlyAHoldKeepsAHolder: the grant of a request that nobody claims must end soon, however alive its sidecar is.
func TestOnlyAHoldKeepsAHolder(t *testing.T) {
	for _, isHold := range []bool{false, true} {
		r := newRig(t)
		r.do(acquire("db", "a", attempt(1), ttl(20*time.Second)))
		for range 3 {
			r.pass(8 * time.Second)
			r.do(Command{Op: OpKeepAlive, Renewals: []Renewal{{Lease: id("a"), Hold: isHold}}})
		}
		if _, alive := r.s.PlaceOf(Locks, "db", id("a")); alive != isHold {
			t.Errorf("hold %v: alive %v", isHold, alive)
		}
	}
}

// TestLatestAttemptStandsForThoseBefore: a caller goes on from a sidecar that crashed to another one, and hangs up there. And one
// that comes late, behind a caller's next attempt, or is noticed late, undoes nothing of that (P9, P21).
func TestLatestAttemptStandsForThoseBefore(t *testing.T) {
	for _, c := range []struct {
		what     string
		attempts []uint64 // in the order of the log
		end      []Command
		want     bool // that the lock is still held
	}{
		{"he hangs up where he is now", []uint64{1, 2}, []Command{withdraw("db", "a", 2, told, latest)}, false},
		{"the hang-up before is noticed now", []uint64{1, 2}, []Command{withdraw("db", "a", 1, told, latest)}, true},
		{"both, in order", []uint64{1, 2}, []Command{withdraw("db", "a", 1, told, latest), withdraw("db", "a", 2, told, latest)}, false},
		{"both, the other way", []uint64{1, 2}, []Command{withdraw("db", "a", 2, told, latest), withdraw("db", "a", 1, told, latest)}, false},
		{"one that he had left before it was read", []uint64{2, 1}, []Command{withdraw("db", "a", 1)}, true},
		{"the same, and then he hangs up", []uint64{2, 1}, []Command{withdraw("db", "a", 1), withdraw("db", "a", 2, told, latest)}, false},
		{"three, the middle one", []uint64{1, 2, 3}, []Command{withdraw("db", "a", 2, told, latest)}, true},
		{"a drained sidecar's, and then another's", []uint64{1, 2}, []Command{withdraw("db", "a", 1, told, latest, leave), withdraw("db", "a", 2, told, latest)}, false},
		{"the drained sidecar's comes last", []uint64{1, 2}, []Command{withdraw("db", "a", 2, told, latest, leave), withdraw("db", "a", 1, told, latest)}, true},
	} {
		r := newRig(t)
		for _, n := range c.attempts {
			r.held(r.do(acquire("db", "a", hold, attempt(n))))
		}
		for _, w := range c.end {
			r.do(w)
		}
		if standing, _ := r.s.PlaceOf(Locks, "db", id("a")); (standing == Holding) != c.want {
			t.Errorf("%s: standing %d", c.what, standing)
		}
	}
}

func TestHistoryTellsWhoWhenAndWhy(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a", ttl(10*time.Second)))
	r.pass(4 * time.Second)
	r.do(Command{Op: OpRenew, Space: Locks, Name: "db", Lease: id("a")})
	r.pass(11 * time.Second)
	r.do(acquire("db", "b"))
	r.do(force("db", firstToken+2, because("stuck"), immediate))
	r.pass(time.Second)
	r.restore()
	a := r.s.Answer(Query{Kind: QueryHistory, Space: Locks, Name: "db"})
	if a.Code != OK || a.Info == nil || len(a.History) != 4 || len(a.Notable) != 2 {
		t.Fatalf("%+v", a)
	}
	expired, forced := a.Notable[0], a.Notable[1]
	if expired.Kind != EventExpired || expired.Token != firstToken+1 || expired.Owner != "a" || expired.Via != "n1" ||
		expired.Held != 15*time.Second || expired.Quiet != 11*time.Second || expired.Ago != time.Second {
		t.Errorf("the expiry: %+v", expired)
	}
	if forced.Kind != EventForced || forced.Why != "stuck" || forced.Owner != "b" {
		t.Errorf("the forced release: %+v", forced)
	}
	if a := r.s.Answer(Query{Kind: QueryHistory, Space: 9, Name: "db"}); a.Code != InvalidRequest {
		t.Errorf("a space that is none: %+v", a)
	}
}

func TestSnapshotAnswersAsOfItsOwnIndex(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a"))
	then := r.s.Snapshot()
	r.do(release("db", "a"))
	if a := then.Answer(Query{Kind: QueryName, Space: Locks, Name: "db"}); a.Info == nil || len(a.Info.Holders) != 1 || a.Index != then.Index() {
		t.Errorf("the snapshot: %+v", a)
	}
	if a := r.s.Answer(Query{Kind: QueryName, Space: Locks, Name: "db"}); len(a.Info.Holders) != 0 {
		t.Errorf("the state: %+v", a)
	}
	if r.s.IndexOf(Locks, "db") != r.index || r.s.IndexOf(Locks, "nobody") != 0 {
		t.Error("the index of a name")
	}
}

func TestSidecarThatLeavesGivesNothingUp(t *testing.T) {
	r := newRig(t)
	r.held(r.do(acquire("db", "a", hold, attempt(1))))
	r.do(acquire("db", "b", hold, wait, attempt(2)))
	r.do(withdraw("db", "a", 1, told, leave))
	r.do(withdraw("db", "b", 2, leave))
	if s, _ := r.s.PlaceOf(Locks, "db", id("a")); s != Holding {
		t.Errorf("the holder stands %d", s)
	}
	if s, _ := r.s.PlaceOf(Locks, "db", id("b")); s != Waiting {
		t.Errorf("the waiter stands %d", s)
	}
}

// TestHangUpUnheardUndoesNothingThatWasHeardBefore: a caller was told that it holds, came back with the same lease, and hung up before it
// heard anything. It may still act on what it was told (P3, P21).
func TestHangUpUnheardUndoesNothingThatWasHeardBefore(t *testing.T) {
	for what, before := range map[string]func(r *rig){
		"its sidecar drained":             func(r *rig) { r.do(withdraw("db", "a", 1, told, latest, leave)) },
		"its sidecar crashed":             func(r *rig) {},
		"it was answered a plain acquire": func(r *rig) { r.do(acquire("db", "a", attempt(1))) },
		"it came back many times": func(r *rig) {
			for n := range uint64(MaxAttempts) {
				r.do(acquire("db", "a", hold, attempt(10+n)))
			}
			for n := range uint64(MaxAttempts) {
				r.do(withdraw("db", "a", 10+n))
			}
		},
	} {
		for _, seen := range []bool{false, true} {
			r := newRig(t)
			r.held(r.do(acquire("db", "a", hold, attempt(1), ttl(time.Hour), minHold(time.Hour))))
			before(r)
			r.pass(2 * SessionTimeout)
			r.restore()
			r.held(r.do(acquire("db", "a", hold, attempt(2))))
			if seen {
				r.do(withdraw("db", "a", 2, latest))
			} else {
				r.do(withdraw("db", "a", 2))
			}
			if standing, _ := r.s.PlaceOf(Locks, "db", id("a")); standing != Holding {
				t.Errorf("%s, connection seen %v: the lock was given away", what, seen)
			}
			r.held(r.do(acquire("db", "a", hold, attempt(3))))
			r.do(withdraw("db", "a", 3, latest, told))
			if standing, alive := r.s.PlaceOf(Locks, "db", id("a")); alive || standing == Holding {
				t.Errorf("%s, connection seen %v: it cannot let go any more", what, seen)
			}
			r.want(r.do(acquire("db", "b")), MinHold)
		}
	}
}

// TestApplyDoesNotAskWhatIsPrintable: Go's tables grow with Unicode, and a replica that was built earlier must come to the same.
func TestApplyDoesNotAskWhatIsPrintable(t *testing.T) {
	const unassigned = "a\u0378" // no character yet, in Unicode 15
	if ValidOwner(unassigned) == nil {
		t.Fatal("the character has been assigned: choose another")
	}
	r := newRig(t)
	r.held(r.do(acquire("db", "a", owner(unassigned))))
	r.want(r.do(acquire("db", "b", owner("a\x00"))), InvalidOwner)
	r.want(r.do(acquire("db", "b", owner("a\u0085"))), InvalidOwner)
	r.want(r.do(acquire("db", "b", owner("a\xff"))), InvalidOwner)
}

// TestWhateverMovesANamesIndexIsAnEvent: who waits for a change is woken by events.
func TestWhateverMovesANamesIndexIsAnEvent(t *testing.T) {
	r := newRig(t)
	index := r.s.IndexOf(Elections, "e")
	step := func(what string, c Command) {
		t.Helper()
		r.do(c)
		if now := r.s.IndexOf(Elections, "e"); now == index || len(r.events) == 0 {
			t.Errorf("%s: index %d to %d, %d events", what, index, now, len(r.events))
		} else {
			index = now
		}
	}
	step("a leader", acquire("e", "a", election, wait, minHold(time.Hour)))
	step("a standby", acquire("e", "b", election, wait))
	step("a standby's value", with(Command{Op: OpRenew, Space: Elections, Name: "e", Lease: id("b")}, []option{value("v")}))
	step("a leader's value", with(Command{Op: OpRenew, Space: Elections, Name: "e", Lease: id("a")}, []option{value("v")}))
	step("a forced release", force("e", firstToken+1, election))
	step("the former leader lets go", release("e", "a", election))
	step("a standby leaves", release("e", "b", election))
}
