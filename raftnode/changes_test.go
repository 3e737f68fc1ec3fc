package raftnode

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

func TestLongPollAnswersAtTheChangeAndNotAtARenewal(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		type polled struct {
			a    lease.Answer
			back time.Time
			err  error
		}
		for name, how := range map[string]Consistency{"l": Linearizable, "m": Local} {
			w.mustHold(w.hosts[0], lockCommand(name, "holder"+name, time.Hour, 1))
			index := w.look(name).Index
			var polls []chan polled
			for _, h := range w.hosts {
				back := make(chan polled, 1)
				polls = append(polls, back)
				n := h.up()
				go func() {
					q := lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: name}
					a, _, err := n.QueryChange(within(40*time.Second), q, how, index, 30*time.Second)
					back <- polled{a, time.Now(), err}
				}()
			}
			w.sleep(2 * time.Second)
			w.mustRenew(w.hosts[1], name, "holder"+name)
			w.transfer()
			w.sleep(3 * time.Second)
			changed := time.Now()
			w.mustRelease(w.hosts[2], name, "holder"+name)
			for i, back := range polls {
				p := <-back
				if p.err != nil || p.a.Info == nil || p.a.Info.Index <= index || p.a.Info.HolderCount != 0 {
					t.Fatalf("%s: %+v %v", w.hosts[i].name, p.a.Info, p.err)
				}
				if took := p.back.Sub(changed); took < 0 || took > 200*time.Millisecond {
					t.Errorf("%s, consistency %d: answered %v after the change", w.hosts[i].name, how, took)
				}
			}
		}
		q := lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: "l"}
		index := w.look("l").Index
		// An old index is answered at once, a current one after the wait, with the body either way.
		begin := time.Now()
		if a, _, err := w.hosts[0].up().QueryChange(within(time.Minute), q, Linearizable, index-1, 30*time.Second); err != nil || a.Info == nil || time.Since(begin) > time.Second {
			t.Errorf("an old index: %v %v", time.Since(begin), err)
		}
		begin = time.Now()
		a, _, err := w.hosts[0].up().QueryChange(within(time.Minute), q, Linearizable, index, 30*time.Second)
		if took := time.Since(begin); err != nil || a.Info == nil || a.Info.Index != index || took < 30*time.Second || took > 31*time.Second {
			t.Errorf("no change: after %v, %+v %v", took, a.Info, err)
		}
	})
}

// TestWaitingRenewalAnswersWhenItsTurnComes: and keeps the lease alive meanwhile, however short its TTL.
func TestWaitingRenewalAnswersWhenItsTurnComes(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for i, h := range w.hosts {
			name := "e" + h.name
			w.mustHold(w.hosts[(i+1)%3], candidateCommand(name, "first"+name, time.Hour, 1))
			out, err := h.up().Do(within(time.Second), func() lease.Command {
				c := candidateCommand(name, "second"+name, time.Second, 2)
				c.Wait = true
				return c
			}())
			if err != nil || out.Standing != lease.Waiting {
				t.Fatalf("%+v %v", out, err)
			}
			renew := lease.Command{Op: lease.OpRenew, Space: lease.Elections, Name: name, Lease: leaseOf("second" + name), Value: "v", Given: lease.GivenValue}
			begin := time.Now()
			out, err = h.up().RenewUntilChange(within(10*time.Second), renew, 5*time.Second)
			if took := time.Since(begin); err != nil || out.Standing != lease.Waiting || took < 5*time.Second || took > 6*time.Second || out.ValidFor < 500*time.Millisecond {
				t.Fatalf("no change: after %v %+v %v", took, out, err)
			}
			back := make(chan answerOf, 1)
			go func() {
				out, err := h.up().RenewUntilChange(within(time.Minute), renew, 50*time.Second)
				back <- answerOf{out, err, time.Now()}
			}()
			w.sleep(10 * time.Second)
			resigned := time.Now()
			resign := lease.Command{Op: lease.OpRelease, Space: lease.Elections, Name: name, Lease: leaseOf("first" + name)}
			if out, err := w.hosts[(i+2)%3].up().Do(within(time.Second), resign); err != nil || out.Code != lease.OK {
				t.Fatalf("%+v %v", out, err)
			}
			a := <-back
			if a.err != nil || a.out.Standing != lease.Holding || a.back.Sub(resigned) > 200*time.Millisecond || a.out.Value != "v" {
				t.Errorf("%s: %v after the resignation: %+v %v", h.name, a.back.Sub(resigned), a.out, a.err)
			}
			if _, valid, ok := h.up().Leads(name); !ok || valid < 500*time.Millisecond {
				t.Errorf("%s does not say that it leads: %v", h.name, valid)
			}
		}
	})
}

// TestLeadIsDeniedFromTheMomentOfResigning: whatever comes back of an earlier renewal, and wherever it is resigned.
func TestLeadIsDeniedFromTheMomentOfResigning(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		h, other := w.follower(), w.leader()
		w.mustHold(h, candidateCommand("e", "chief", time.Hour, 1))
		token, valid, ok := h.up().Leads("e")
		if !ok || valid < 59*time.Minute || valid > time.Hour || token == 0 {
			t.Fatalf("leads: %v for %v", ok, valid)
		}
		if _, _, ok := other.up().Leads("e"); ok {
			t.Error("a sidecar says that another's candidate is its own")
		}
		w.isolate(h) // the resignation cannot even leave
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		resign := lease.Command{Op: lease.OpRelease, Space: lease.Elections, Name: "e", Lease: leaseOf("chief")}
		if _, err := h.up().Do(ctx, resign); err == nil {
			t.Fatal("it was carried")
		}
		if _, _, ok := h.up().Leads("e"); ok {
			t.Error("it may have been given up, and the sidecar says that it leads")
		}
		w.net.HealAll()
		w.ready()

		w.mustHold(h, candidateCommand("f", "deputy", time.Hour, 1))
		resign.Name, resign.Lease = "f", leaseOf("deputy")
		if out, err := other.up().Do(within(time.Second), resign); err != nil || out.Code != lease.OK {
			t.Fatalf("%+v %v", out, err)
		}
		w.eventually(200*time.Millisecond, "the news of a resignation through another sidecar", func() bool {
			_, _, ok := h.up().Leads("f")
			return !ok
		})
	})
}

func TestLateAnswerDoesNotBringALeadBack(t *testing.T) {
	const s = time.Second
	l := newLeads()
	l.set("e", "lease", 7, 100*s, 110*s)
	l.giveUp("e", "lease", 105*s)
	l.set("e", "lease", 7, 104*s, 114*s) // sent before it was given up
	if _, ok := l.best("e", 106*s); ok {
		t.Error("a renewal that was overtaken brought it back")
	}
	l.sweep(114 * s)
	l.set("e", "lease", 7, 105*s, 115*s)
	if _, ok := l.best("e", 114*s); ok {
		t.Error("it was forgotten too soon")
	}
	l.set("e", "lease", 8, 106*s, 116*s) // a later grant
	if one, ok := l.best("e", 110*s); !ok || one.token != 8 {
		t.Errorf("a new grant is not seen: %+v", one)
	}
	l.set("e", "lease", 8, 107*s, 115*s)
	if one, _ := l.best("e", 110*s); one.until != 116*s {
		t.Errorf("a deadline moved back to %v", one.until)
	}
	if _, ok := l.best("e", 116*s); ok {
		t.Error("a lead outlives its deadline")
	}
	l.sweep(126 * s)
	if len(l.byName)+len(l.gone) != 0 {
		t.Errorf("%d names and %d that are gone are left", len(l.byName), len(l.gone))
	}
}

// TestEndsOfLeadsCostTheSameHoweverManyThereWere: they are noted where entries are applied.
func TestEndsOfLeadsCostTheSameHoweverManyThereWere(t *testing.T) {
	l := newLeads()
	for i := range 100_000 {
		id := lease.ID(fmt.Sprint(i))
		l.set("e", id, lease.Token(i+1), 0, time.Hour)
		l.giveUp("e", id, time.Second)
	}
	l.set("e", "now", 1<<40, 2*time.Second, time.Hour)
	if n := len(l.byName["e"]); n != 1 {
		t.Errorf("an end has %d leads to look at, of which one leads", n)
	}
}

// TestWaitingRenewalIsHonest: what its first command did is not taken back by a later failure (P10).
func TestWaitingRenewalIsHonest(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		h := w.follower()
		w.mustHold(w.leader(), candidateCommand("e", "chief", time.Hour, 1))
		c := candidateCommand("e", "standby", 3*time.Second, 2)
		c.Wait = true
		if out, err := h.up().Do(within(time.Second), c); err != nil || out.Standing != lease.Waiting {
			t.Fatalf("%+v %v", out, err)
		}
		renew := lease.Command{Op: lease.OpRenew, Space: lease.Elections, Name: "e", Lease: leaseOf("standby"), Value: "new", Given: lease.GivenValue}
		back := make(chan answerOf, 1)
		go func() {
			out, err := h.up().RenewUntilChange(within(25*time.Second), renew, 20*time.Second)
			back <- answerOf{out, err, time.Now()}
		}()
		w.sleep(10 * time.Second)
		w.isolate(h)
		a := <-back
		var made *Error
		if !errors.As(a.err, &made) || made.Code != OutcomeUnknown {
			t.Errorf("%+v %v", a.out, a.err)
		}
	})
}

// TestWaitingLeaderHearsAgainInTime: it goes by what it was told last.
func TestWaitingLeaderHearsAgainInTime(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		h := w.follower()
		w.mustHold(h, candidateCommand("e", "chief", 6*time.Second, 1))
		renew := lease.Command{Op: lease.OpRenew, Space: lease.Elections, Name: "e", Lease: leaseOf("chief")}
		for range 5 {
			begin := time.Now()
			out, err := h.up().RenewUntilChange(within(25*time.Second), renew, 20*time.Second)
			if took := time.Since(begin); err != nil || out.Standing != lease.Holding || took > 3*time.Second || out.ValidFor < 5*time.Second {
				t.Fatalf("after %v: %+v %v", took, out, err)
			}
			if _, valid, ok := h.up().Leads("e"); !ok || valid < 5*time.Second {
				t.Errorf("leads for %v: %v", valid, ok)
			}
		}
	})
}
