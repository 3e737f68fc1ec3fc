package lease

import (
	"testing"
	"time"
)

func hold(c *Command)  { c.Hold = true }
func told(c *Command)  { c.Told = true }
func leave(c *Command) { c.Leave = true }

func openRun(node string, boot uint64) Command {
	return Command{Op: OpOpenSession, Node: node, Sidecar: "n_" + node, Boot: boot, Attempt: boot<<8 | uint64(node[0])}
}

func TestKeepAliveTellsOfEachLeaseWhatBecameOfIt(t *testing.T) {
	r := newRig(t)
	r.held(r.do(acquire("db", "holder", attempt(1), ttl(time.Minute))))
	r.do(acquire("db", "waiter", wait, attempt(2)))
	r.do(acquire("other", "forced", attempt(3)))
	r.do(force("other", firstToken+2, because("why")))
	r.do(Command{Op: OpCreateLease, Lease: id("explicit"), Owner: "o", TTL: time.Minute})
	r.pass(5 * time.Second)
	got := r.do(Command{Op: OpKeepAlive, Renewals: []Renewal{
		{Lease: id("holder"), Attempt: 1, Hold: true}, {Lease: id("waiter"), Attempt: 2}, {Lease: id("forced"), Attempt: 3, Hold: true},
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
			r.do(Command{Op: OpKeepAlive, Renewals: []Renewal{{Lease: id("a"), Attempt: 1, Hold: isHold}}})
		}
		if _, alive := r.s.PlaceOf(Locks, "db", id("a")); alive != isHold {
			t.Errorf("hold %v: alive %v", isHold, alive)
		}
	}
}

func TestEarlierRunsOfASidecarAreOver(t *testing.T) {
	r := newRig(t)
	first := r.apply(openRun("a", 1))[0].Session
	stranger := r.apply(openRun("b", 1))[0].Session
	second := r.apply(openRun("a", 2))[0].Session
	r.want(r.do(Command{Op: OpKeepAlive, Identity: Identity{Session: first}}), UnknownSession)
	r.want(r.do(Command{Op: OpKeepAlive, Identity: Identity{Session: stranger}}), OK)
	// An opening that was long under way ends nothing.
	late := openRun("a", 1)
	late.Attempt = 99
	r.want(r.apply(late)[0], StaleCommand)
	r.want(r.do(Command{Op: OpKeepAlive, Identity: Identity{Session: second}}), OK)
	r.restore()
	r.want(r.do(Command{Op: OpKeepAlive, Identity: Identity{Session: second}}), OK)
	r.apply(openRun("a", 3))
	r.want(r.do(Command{Op: OpKeepAlive, Identity: Identity{Session: second}}), UnknownSession)
}

// TestKeepAliveBringsAnAttemptIntoTheNewSession: a sidecar that was out of reach for long answers for its attempts again,
// and another attempt's hang-up does not undo them.
func TestKeepAliveBringsAnAttemptIntoTheNewSession(t *testing.T) {
	for _, kept := range []bool{false, true} {
		r := newRig(t)
		r.held(r.do(acquire("db", "a", hold, attempt(1), ttl(time.Hour))))
		r.pass(2 * SessionTimeout)
		r.pass(time.Second)
		other := r.openSession("n2") // and n1 opens another when it speaks again
		if kept {
			r.do(Command{Op: OpKeepAlive, Renewals: []Renewal{{Lease: id("a"), Attempt: 1, Hold: true}}})
		}
		r.do(acquire("db", "a", hold, attempt(2), from(other)))
		r.do(withdraw("db", "a", 2, told, from(other)))
		if _, alive := r.s.PlaceOf(Locks, "db", id("a")); alive != kept {
			t.Errorf("kept %v: alive %v", kept, alive)
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
