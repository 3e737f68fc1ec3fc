package lease

import (
	"fmt"
	"testing"
	"time"
)

func TestCommandOfAnUnknownSessionDoesNothing(t *testing.T) {
	r := newRig(t)
	r.want(r.do(acquire("db", "a", from(r.session+7))), UnknownSession)
	r.wantHolders("db")
}

func TestNothingHappensBeforeBootstrap(t *testing.T) {
	s := New()
	results, _ := s.Apply(1, 1, Entry{Term: 1, Commands: []Command{
		{Op: OpOpenSession, Node: "n1"},
		with(acquire("db", "a"), []option{from(1)}),
		{Op: OpBootstrap},
		{Op: OpBootstrap, Settings: &Settings{MinTTL: time.Second}, Token: 1 << 53},
		{Op: OpOpenSession, Node: "\x00"},
	}})
	want := []Code{OK, NotBootstrapped, InvalidRequest, InvalidToken, InvalidRequest}
	for i, code := range want {
		if results[i].Code != code {
			t.Errorf("command %d: %q, want %q", i, results[i].Code, code)
		}
	}
	if _, ok := s.Settings(); ok {
		t.Error("bootstrapped without settings")
	}
}

func TestAnswersBelowLowAreForgotten(t *testing.T) {
	r := newRig(t)
	old := r.number(acquire("a", "a"))
	r.held(r.apply(old)[0])
	next := r.number(acquire("b", "b"))
	next.Low = next.Seq
	r.held(r.apply(next)[0])
	if n := r.s.results.Len(); n != 1 {
		t.Fatalf("%d answers remembered", n)
	}
	r.want(r.apply(old)[0], StaleCommand)
	r.held(r.apply(next)[0])
	below := r.number(acquire("c", "c"))
	below.Low = 1 // an older one, delayed: low never goes back
	r.held(r.apply(below)[0])
	r.want(r.apply(old)[0], StaleCommand)
}

func TestAnswersOfOneSessionAreBounded(t *testing.T) {
	s := New()
	settings := DefaultSettings()
	s.Apply(1, 1, Entry{Term: 1, Commands: []Command{{Op: OpBootstrap, Settings: &settings}, {Op: OpOpenSession}}})
	e := Entry{Term: 1}
	for i := range uint64(MaxSessionWindow + 10) {
		e.Commands = append(e.Commands, Command{Op: OpKeepAlive, Identity: Identity{Session: 1, Seq: i + 1}})
	}
	s.Apply(2, 1, e)
	if n := s.results.Len(); n != MaxSessionWindow {
		t.Fatalf("%d answers remembered", n)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	again, _ := s.Apply(3, 1, Entry{Term: 1, Commands: []Command{e.Commands[9], e.Commands[10]}})
	if again[0].Code != StaleCommand || again[1].Code != OK {
		t.Fatalf("%q and %q", again[0].Code, again[1].Code)
	}
}

func TestSilentSessionEndsAfterItsTimeout(t *testing.T) {
	r := newRig(t)
	busy := r.openSession("n2")
	grant := r.number(acquire("db", "a", ttl(time.Hour)))
	r.apply(grant)
	r.later(30 * time.Second)
	r.do(Command{Op: OpKeepAlive, Identity: Identity{Session: busy}})
	r.pass(30 * time.Second)
	if n := r.s.Counts().Sessions; n != 2 {
		t.Fatalf("%d sessions after exactly the timeout", n)
	}
	r.pass(time.Second)
	if n := r.s.Counts().Sessions; n != 1 {
		t.Fatalf("%d sessions", n)
	}
	r.want(r.apply(grant)[0], UnknownSession)
	r.wantHolders("db", "a") // a session's end is not a lease's
	r.do(Command{Op: OpKeepAlive, Identity: Identity{Session: busy}})
}

func TestSessionsAreBoundedAndTheIdlestGivesWay(t *testing.T) {
	r := newRig(t)
	for i := range MaxSessions - 1 {
		r.index++
		r.later(time.Millisecond)
		r.s.Apply(r.index, 1, Entry{Term: 1, Now: r.now, Commands: []Command{{Op: OpOpenSession, Node: fmt.Sprint(i)}}})
	}
	r.do(Command{Op: OpKeepAlive}) // the first one is now the least idle
	r.openSession("one more")
	if n := r.s.Counts().Sessions; n != MaxSessions {
		t.Fatalf("%d sessions", n)
	}
	r.want(r.do(Command{Op: OpKeepAlive}), OK)
	r.want(r.do(Command{Op: OpKeepAlive, Identity: Identity{Session: r.session + 1}}), UnknownSession)
}

// TestOddIdentitiesKeepTheBooksStraight: no sidecar numbers so, but no number may break the state.
func TestOddIdentitiesKeepTheBooksStraight(t *testing.T) {
	most := ^uint64(0)
	for _, identity := range []Identity{{Seq: most}, {Seq: 5, Low: 9}, {Seq: 0}, {Seq: most, Low: most}} {
		r := newRig(t)
		identity.Session = r.session
		for _, cancel := range []uint64{identity.Seq, most, 1} {
			r.apply(Command{Op: OpKeepAlive, Identity: identity, Cancel: cancel})
		}
		r.pass(2 * SessionTimeout)
		if n := r.s.results.Len(); n != 0 {
			t.Errorf("%+v: %d answers outlive their session", identity, n)
		}
	}
}
