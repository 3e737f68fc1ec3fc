package raftnode

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// How a client's hang-up ends a hold.
var (
	hungUpHolding = Ending{Release: true, Told: true, Latest: true}
	hungUpWaiting = Ending{Release: true, Latest: true}
)

func (w *world) mustBegin(h *host, c lease.Command, wait time.Duration) *Hold {
	w.t.Helper()
	hold, out, err := h.up().Hold(within(5*time.Second), c, wait)
	if err != nil || hold == nil {
		w.t.Fatalf("%s cannot hold %s: %+v %v", c.Owner, c.Name, out, err)
	}
	return hold
}

// comesTo waits until a hold stands like that, and returns how.
func (w *world) comesTo(h *Hold, standing lease.Standing, limit time.Duration, what string) HoldState {
	w.t.Helper()
	var now HoldState
	w.eventually(limit, what, func() bool {
		now = h.State()
		return now.Standing == standing
	})
	return now
}

func candidateCommand(name, who string, ttl time.Duration, attempt uint64) lease.Command {
	c := lockCommand(name, who, ttl, attempt)
	c.Space = lease.Elections
	return c
}

func TestHoldLastsAsLongAsItsClientAndNoLonger(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for i, h := range w.hosts {
			name := fmt.Sprintf("l%d", i)
			hold := w.mustBegin(h, lockCommand(name, "holder"+name, 2*time.Second, 1), -1)
			first := w.comesTo(hold, lease.Holding, 0, "a free lock")
			next := w.hosts[(i+1)%3].background(context.Background(), lockCommand(name, "next"+name, time.Minute, 2), time.Hour)
			for range 4 { // many times its TTL, through changes of leader
				w.transfer()
				w.sleep(3 * time.Second)
				now := hold.State()
				if now.Standing != lease.Holding || now.Token != first.Token || now.ValidFor < time.Second || now.ValidFor > 2*time.Second {
					t.Fatalf("%s: %+v", h.name, now)
				}
			}
			hold.End(hungUpHolding)
			ended := time.Now()
			w.wantGrant(next, time.Second, "the next in line")
			if took := time.Since(ended); took > 200*time.Millisecond {
				t.Errorf("%s: the next was granted after %v", h.name, took)
			}
		}
	})
}

func TestHoldsStandInLineAndAreToldTheirPosition(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		var holds []*Hold
		for i := range 5 {
			holds = append(holds, w.mustBegin(w.hosts[i%3], lockCommand("l", fmt.Sprintf("h%d", i), 3*time.Second, uint64(i+1)), -1))
		}
		for i := range holds {
			if now := w.comesTo(holds[i], lease.Holding, time.Second, "its turn"); now.ValidFor < 2*time.Second {
				t.Errorf("%d was granted for %v: the grant was not claimed", i, now.ValidFor)
			}
			for k := i + 1; k < len(holds); k++ {
				w.eventually(5*time.Second, "the position", func() bool { return holds[k].State().Position == k-i })
			}
			w.sleep(12 * time.Second) // longer than any waiter's lease
			holds[i].End(hungUpHolding)
		}
	})
}

func TestHoldThatWillNotWaitIsRefusedAndLeavesNothing(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		w.mustHold(w.hosts[0], lockCommand("l", "holder", time.Hour, 1))
		hold, out, err := w.hosts[1].up().Hold(within(time.Second), lockCommand("l", "hasty", time.Minute, 2), 0)
		if hold != nil || err != nil || out.Code != lease.LockHeld {
			t.Fatalf("%+v %v", out, err)
		}
		waited := w.mustBegin(w.hosts[2], lockCommand("l", "patient", time.Minute, 3), 3*time.Second)
		if now := w.comesTo(waited, lease.Absent, 4*time.Second, "the end of its wait"); now.Lost != WaitOver {
			t.Errorf("%+v", now)
		}
		waited.End(hungUpWaiting)
		w.queued("l", 0)
	})
}

// TestHolderThatIsCutOffIsToldInTime is what a safe deadline is for, with clocks that run apart (P3, P20).
func TestHolderThatIsCutOffIsToldInTime(t *testing.T) {
	for _, leads := range []bool{false, true} {
		t.Run(fmt.Sprintf("Raft leader %v", leads), func(t *testing.T) {
			inFakeTime(t, 3, func(w *world) {
				cut := w.leader()
				if !leads {
					cut = w.follower()
				}
				for i, h := range w.hosts {
					h.clock.setRate(1 + 0.001*float64(i-1))
				}
				other := w.hosts[0]
				if other == cut {
					other = w.hosts[1]
				}
				hold := w.mustBegin(cut, lockCommand("l", "cut", 10*time.Second, 1), -1)
				chief := w.mustBegin(cut, candidateCommand("e", "chief", 10*time.Second, 2), -1)
				next := other.background(context.Background(), lockCommand("l", "next", time.Minute, 3), time.Hour)
				successor := w.mustBegin(other, candidateCommand("e", "successor", time.Minute, 4), -1)
				w.sleep(7 * time.Second)
				if c, o := cut.up().Holds(), other.up().Holds(); c != (HoldCounts{Holding: 2}) || o != (HoldCounts{Waiting: 1}) {
					t.Errorf("%+v at one sidecar, %+v at the other", c, o)
				}
				w.isolate(cut)

				var jeopardy bool
				var inJeopardy int // at most, as it is counted
				var lost, deposed, granted, led time.Time
				for granted.IsZero() || led.IsZero() || lost.IsZero() || deposed.IsZero() {
					now := hold.State()
					if now.Standing == lease.Absent && lost.IsZero() {
						lost = time.Now()
						if now.Lost != "expired" {
							t.Errorf("lost for %q", now.Lost)
						}
					}
					jeopardy = jeopardy || now.Standing == lease.Holding && now.ValidFor < 5*time.Second && now.Doubt != lease.OK
					inJeopardy = max(inJeopardy, cut.up().Holds().Jeopardy)
					if _, _, leads := cut.up().Leads("e"); !leads && deposed.IsZero() {
						deposed = time.Now()
					}
					if successor.State().Standing == lease.Holding && led.IsZero() {
						led = time.Now()
					}
					select {
					case <-next:
						granted = time.Now()
					default:
					}
					w.sleep(time.Millisecond)
				}
				if !lost.Before(granted) || !deposed.Before(led) {
					t.Errorf("lost %v after the next was granted, deposed %v after the next led", lost.Sub(granted), deposed.Sub(led))
				}
				if late := granted.Sub(lost); late > 2*time.Second {
					t.Errorf("granted only %v after the holder's deadline", late)
				}
				if !jeopardy || inJeopardy != 2 {
					t.Errorf("the holder was told of its jeopardy: %v; counted: %d holds, want 2", jeopardy, inJeopardy)
				}
				hold.End(hungUpHolding)
				chief.End(hungUpHolding)
				successor.End(hungUpHolding)
			})
		})
	}
}

// TestSuspendedSidecarKnowsThatTimeHasPassed: no renewal can have happened, whatever the timers say (P20).
func TestSuspendedSidecarKnowsThatTimeHasPassed(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		h := w.follower()
		hold := w.mustBegin(h, candidateCommand("e", "chief", 10*time.Second, 1), -1)
		if _, valid, ok := h.up().Leads("e"); !ok || valid < 9*time.Second {
			t.Fatalf("leads for %v", valid)
		}
		h.clock.suspend(11 * time.Second)
		if _, valid, ok := h.up().Leads("e"); ok {
			t.Errorf("leads for %v more after a suspension", valid)
		}
		if now := hold.State(); now.Standing != lease.Absent || now.Lost != "expired" {
			t.Errorf("after a suspension %+v", now)
		}
		hold.End(hungUpHolding)
	})
}

// TestWhatTheSidecarEndsIsNotReleased: a drain, a slow reader (P21). The client goes on through another sidecar, and when it hangs up
// there it has let go.
func TestWhatTheSidecarEndsIsNotReleased(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for i, h := range w.hosts {
			name := fmt.Sprintf("l%d", i)
			hold := w.mustBegin(h, lockCommand(name, "holder"+name, time.Minute, 1), -1)
			waiting := w.mustBegin(h, lockCommand(name, "second"+name, time.Minute, 2), -1)
			last := w.hosts[(i+2)%3].background(context.Background(), lockCommand(name, "last"+name, time.Minute, 3), time.Hour)
			w.queued(name, 2)
			token := hold.State().Token
			hold.End(Ending{Told: true, Latest: true})
			waiting.End(Ending{Told: false, Latest: true})
			w.sleep(8 * time.Second)
			if info := w.look(name); info.HolderCount != 1 || info.Holders[0].Token != token || info.QueueLength != 2 {
				t.Fatalf("%s: the sidecar's end released something: %+v", h.name, info)
			}
			resumed := w.mustBegin(w.hosts[(i+1)%3], lockCommand(name, "holder"+name, time.Minute, 4), -1)
			if now := resumed.State(); now.Standing != lease.Holding || now.Token != token {
				t.Errorf("resumed as %+v", now)
			}
			again := w.mustBegin(w.hosts[(i+1)%3], lockCommand(name, "second"+name, time.Minute, 5), -1)
			if now := again.State(); now.Standing != lease.Waiting || now.Position != 1 {
				t.Errorf("its place in line is %+v", now)
			}
			resumed.End(hungUpHolding)
			w.comesTo(again, lease.Holding, time.Second, "the second's turn")
			again.End(hungUpHolding)
			w.wantGrant(last, time.Second, "the last in line")
		}
	})
}

// TestHoldOfACrashedSidecarIsResumedAndThenReleasedAtOnce: the attempt that the dead sidecar left must not keep the lock.
func TestHoldOfACrashedSidecarIsResumedAndThenReleasedAtOnce(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		dead, other := w.follower(), w.leader()
		c := lockCommand("l", "holder", time.Hour, 1)
		token := w.mustBegin(dead, c, -1).State().Token
		dead.crash()
		w.sleep(5 * time.Second)
		c.Attempt = 2
		resumed := w.mustBegin(other, c, -1)
		if now := resumed.State(); now.Token != token || now.Standing != lease.Holding {
			t.Fatalf("resumed as %+v", now)
		}
		resumed.End(hungUpHolding)
		w.eventually(time.Second, "the lock is free", func() bool { return w.look("l").HolderCount == 0 })
	})
}

func TestGrantThatItsClientNeverHeardOfIsGivenBack(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		c := lockCommand("l", "unheard", time.Minute, 1)
		c.MinHold = time.Hour
		hold := w.mustBegin(w.follower(), c, -1)
		hold.End(hungUpWaiting)
		w.eventually(time.Second, "the lock is free", func() bool { return w.look("l").HolderCount == 0 })
		c.Attempt = 2
		heard := w.mustBegin(w.follower(), c, -1) // the same lease: it was as if nothing had happened
		heard.End(hungUpHolding)
		w.sleep(time.Second)
		if info := w.look("l"); info.HolderCount != 1 || info.Holders[0].Ended != lease.Disconnected {
			t.Errorf("min_hold does not count for one who held: %+v", info)
		}
	})
}

func TestHolderLearnsAtOnceThatItWasForcedOut(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for i, h := range w.hosts {
			name := fmt.Sprintf("l%d", i)
			hold := w.mustBegin(h, lockCommand(name, "holder"+name, time.Minute, 1), -1)
			next := w.hosts[(i+1)%3].background(context.Background(), lockCommand(name, "next"+name, time.Minute, 2), time.Hour)
			w.queued(name, 1)
			force := lease.Command{Op: lease.OpForceRelease, Space: lease.Locks, Name: name, Token: hold.State().Token, Reason: "why"}
			if out, err := w.hosts[(i+2)%3].up().Do(within(time.Second), force); err != nil || out.Code != lease.OK {
				t.Fatalf("%+v %v", out, err)
			}
			now := w.comesTo(hold, lease.Absent, 200*time.Millisecond, "the news")
			if now.Lost != "forced" || now.Why != "why" {
				t.Errorf("%+v", now)
			}
			hold.End(hungUpHolding) // says nothing to the log: the name is free at the old deadline
			select {
			case <-next:
				t.Fatal("the next was granted while the former holder may still believe")
			case <-time.After(50 * time.Second):
			}
			w.wantGrant(next, 15*time.Second, "the next")
		}
	})
}

// TestLossByTheClockGivesNothingUp: a sidecar that is cut off says at its own deadline that it is over. Its client had meanwhile renewed
// through another sidecar, and holds.
func TestLossByTheClockGivesNothingUp(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		cut, other := w.follower(), w.leader()
		hold := w.mustBegin(cut, lockCommand("l", "holder", 10*time.Second, 1), -1)
		next := other.background(context.Background(), lockCommand("l", "next", time.Minute, 2), time.Hour)
		w.queued("l", 1)
		w.isolate(cut)
		w.sleep(5 * time.Second)
		w.mustRenew(other, "l", "holder")
		w.comesTo(hold, lease.Absent, 10*time.Second, "its deadline")
		hold.End(Ending{Release: true, Told: true, Latest: true})
		w.net.HealAll()
		w.ready()
		w.mustRenew(other, "l", "holder")
		select {
		case <-next:
			t.Error("another was granted what its holder had renewed")
		case <-time.After(5 * time.Second):
		}
		w.wantGrant(next, 10*time.Second, "the next, in its time")
	})
}

// TestHangUpAtASidecarThatIsCutOffIsNotForgotten: it is carried when the sidecar is back, long before the TTL.
func TestHangUpAtASidecarThatIsCutOffIsNotForgotten(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		cut := w.follower()
		hold := w.mustBegin(cut, lockCommand("l", "holder", time.Hour, 1), -1)
		w.isolate(cut)
		hold.End(hungUpHolding)
		w.sleep(time.Minute)
		w.net.HealAll()
		w.ready()
		w.eventually(3*time.Second, "the lock is free", func() bool { return w.look("l").HolderCount == 0 })
	})
}

// TestResumedHoldThatHungUpUnheardLeavesWhatWasHeardBefore (P3, P21).
func TestResumedHoldThatHungUpUnheardLeavesWhatWasHeardBefore(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		first, second := w.hosts[0], w.hosts[1]
		c := lockCommand("l", "holder", time.Minute, 1)
		w.mustBegin(first, c, -1).End(Ending{Told: true, Latest: true}) // drained
		for n, e := range []Ending{{Release: true}, {Release: true, Latest: true}} {
			c.Attempt = uint64(2 + n)
			w.mustBegin(second, c, -1).End(e)
			w.sleep(time.Second)
			if w.look("l").HolderCount != 1 {
				t.Fatalf("%+v gave the lock away", e)
			}
		}
	})
}

// TestKeeperRenewsManyHoldsInFewCommands counts log entries: they grow with sidecars and time, and not with leases.
func TestKeeperRenewsManyHoldsInFewCommands(t *testing.T) {
	const holds = 300
	inFakeTime(t, 3, func(w *world) {
		h := w.follower()
		var all []*Hold
		for i := range holds {
			all = append(all, w.mustBegin(h, lockCommand(fmt.Sprintf("l%d", i), fmt.Sprintf("h%d", i), 15*time.Second, 1), -1))
		}
		w.sleep(10 * time.Second)
		before := w.leader().up().machine.applied.Load()
		const minute = 60
		w.sleep(minute * time.Second)
		ticks := uint64(minute * 4)
		if grew := w.leader().up().machine.applied.Load() - before; grew > ticks+minute*4 {
			t.Errorf("%d entries in a minute, for %d holds", grew, holds)
		}
		for _, one := range all {
			if now := one.State(); now.Standing != lease.Holding || now.ValidFor < 9*time.Second {
				t.Fatalf("%+v", now)
			}
			one.End(hungUpHolding)
		}
		w.eventually(5*time.Second, "all are released", func() bool { return w.leader().up().Counts().Leases == 0 })
	})
}

// TestOlderStreamsEndIsNotTheEndOfALead: a client opens a second stream at the same sidecar and then closes the first.
func TestOlderStreamsEndIsNotTheEndOfALead(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		h := w.follower()
		c := candidateCommand("e", "chief", 30*time.Second, 1)
		first := w.mustBegin(h, c, -1)
		c.Attempt = 2
		second := w.mustBegin(h, c, -1)
		first.End(hungUpHolding)
		for range 20 {
			if _, _, ok := h.up().Leads("e"); !ok {
				t.Fatal("the sidecar says that none leads")
			}
			w.sleep(time.Second)
		}
		second.End(hungUpHolding)
		if _, _, ok := h.up().Leads("e"); ok {
			t.Error("leading still, when the last stream was closed")
		}
	})
}

// TestQueuedHoldThatWasSupersededDoesNotComeBack: its sidecar was paused meanwhile, and its client has come, gone and come again elsewhere.
func TestQueuedHoldThatWasSupersededDoesNotComeBack(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		w.mustHold(w.hosts[0], lockCommand("l", "holder", time.Hour, 1))
		c := lockCommand("l", "waiter", time.Minute, 2)
		paused := w.mustBegin(w.hosts[1], c, -1)
		c.Attempt = 3
		w.mustBegin(w.hosts[2], c, -1).End(hungUpWaiting) // stands for the one before
		w.queued("l", 0)
		c.Attempt = 4
		again := w.mustBegin(w.hosts[2], c, -1)
		w.sleep(5 * time.Second)
		paused.End(hungUpWaiting)
		w.sleep(time.Second)
		w.queued("l", 1)
		w.mustRelease(w.hosts[0], "l", "holder")
		w.comesTo(again, lease.Holding, time.Second, "its turn")
		again.End(hungUpHolding)
	})
}
