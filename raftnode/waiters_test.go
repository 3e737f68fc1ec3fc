package raftnode

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// lockCommand acquires a lock; the lease ID is made from a short name.
func lockCommand(name, who string, ttl time.Duration, attempt uint64) lease.Command {
	return lease.Command{Op: lease.OpAcquire, Space: lease.Locks, Name: name, Lease: leaseOf(who), Owner: who, TTL: ttl, Limit: 1, Attempt: attempt}
}

func leaseOf(who string) lease.ID { return lease.ID(fmt.Sprintf("%s-0123456789abcdefghijklmn", who)) }

// answerOf is what an acquire in the background came to.
type answerOf struct {
	out  Outcome
	err  error
	back time.Time
}

// background acquires and returns where the answer will be.
func (h *host) background(ctx context.Context, c lease.Command, wait time.Duration) <-chan answerOf {
	back := make(chan answerOf, 1)
	n := h.up()
	go func() {
		out, err := n.Acquire(ctx, c, wait)
		back <- answerOf{out, err, time.Now()}
	}()
	return back
}

func (w *world) mustHold(h *host, c lease.Command) Outcome {
	w.t.Helper()
	out, err := h.up().Acquire(within(5*time.Second), c, 0)
	if err != nil || out.Code != lease.OK || out.Standing != lease.Holding {
		w.t.Fatalf("%s does not get %s: %+v %v", c.Owner, c.Name, out, err)
	}
	return out
}

func (w *world) mustRelease(h *host, name, who string) {
	w.t.Helper()
	out, err := h.up().Do(within(5*time.Second), lease.Command{Op: lease.OpRelease, Space: lease.Locks, Name: name, Lease: leaseOf(who)})
	if err != nil || out.Code != lease.OK {
		w.t.Fatalf("%s cannot release %s: %+v %v", who, name, out, err)
	}
}

func (w *world) mustRenew(h *host, name, who string) {
	w.t.Helper()
	out, err := h.up().Do(within(5*time.Second), lease.Command{Op: lease.OpRenew, Space: lease.Locks, Name: name, Lease: leaseOf(who)})
	if err != nil || out.Code != lease.OK {
		w.t.Fatalf("%s cannot renew %s: %+v %v", who, name, out, err)
	}
}

// look asks the Raft leader about a lock.
func (w *world) look(name string) *lease.Info {
	w.t.Helper()
	a, _, err := w.follower().up().Query(within(5*time.Second), lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: name}, Linearizable)
	if err != nil || a.Info == nil {
		w.t.Fatalf("look at %s: %v %v", name, a.Code, err)
	}
	return a.Info
}

// queued waits until so many stand in line.
func (w *world) queued(name string, n int) {
	w.t.Helper()
	w.eventually(3*time.Second, fmt.Sprintf("%d wait for %s", n, name), func() bool { return w.look(name).QueueLength == n })
}

func (w *world) wantGrant(answers <-chan answerOf, limit time.Duration, what string) Outcome {
	w.t.Helper()
	select {
	case a := <-answers:
		if a.err != nil || a.out.Code != lease.OK || a.out.Standing != lease.Holding {
			w.t.Fatalf("%s: %+v %v", what, a.out, a.err)
		}
		return a.out
	case <-time.After(limit):
		w.t.Fatalf("%s: not within %v", what, limit)
	}
	return Outcome{}
}

func TestWaiterIsAnsweredAtOnceThroughAnySidecar(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for i, holder := range w.hosts {
			for k, waiter := range w.hosts {
				name := fmt.Sprintf("lock-%d-%d", i, k)
				w.mustHold(holder, lockCommand(name, "holder-"+name, time.Minute, 1))
				back := waiter.background(context.Background(), lockCommand(name, "waiter-"+name, time.Minute, 2), time.Minute)
				w.queued(name, 1)
				w.mustRelease(holder, name, "holder-"+name)
				released := time.Now()
				out := w.wantGrant(back, time.Second, "a waiter")
				if took := time.Since(released); took > 100*time.Millisecond {
					t.Errorf("the waiter at %s was answered after %v", waiter.name, took)
				}
				if out.ValidFor < 59*time.Second {
					t.Errorf("the grant was not claimed for its full TTL: %v", out.ValidFor)
				}
			}
		}
	})
}

func TestWaitersKeepTheirPlacesThroughLeaderChanges(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		w.mustHold(w.hosts[0], lockCommand("l", "holder", time.Hour, 1))
		var answers []<-chan answerOf
		for i := range 6 {
			answers = append(answers, w.hosts[i%3].background(context.Background(), lockCommand("l", fmt.Sprintf("waiter%d", i), time.Minute, uint64(10+i)), time.Hour))
			w.queued("l", i+1)
		}
		for i := range 6 {
			switch i % 3 {
			case 0:
				w.transfer()
			case 1:
				old := w.leader()
				w.isolate(old)
				w.newLeader(old)
				w.net.HealAll()
			case 2:
				for _, h := range w.hosts {
					for _, o := range w.others(h) {
						w.net.Drop(h.name, o)
					}
				}
			}
			w.ready()
			who := "holder"
			if i > 0 {
				who = fmt.Sprintf("waiter%d", i-1)
			}
			w.mustRelease(w.hosts[i%3], "l", who)
			w.wantGrant(answers[i], time.Second, fmt.Sprintf("waiter%d", i)) // fatal if another one has it
		}
	})
}

func TestWaitThatIsOverReturnsItsAppliedWithdrawal(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		w.mustHold(w.hosts[0], lockCommand("l", "holder", time.Hour, 1))
		for _, h := range w.hosts {
			begin := time.Now()
			out, err := h.up().Acquire(within(20*time.Second), lockCommand("l", "waiter", time.Minute, 2), 3*time.Second)
			if err != nil || out.Code != lease.WaitTimeout || out.Index == 0 || len(out.Holders) != 1 {
				t.Fatalf("%s: %+v %v", h.name, out, err)
			}
			if took := time.Since(begin); took < 3*time.Second || took > 3200*time.Millisecond {
				t.Errorf("the wait took %v", took)
			}
			if info := w.look("l"); info.QueueLength != 0 {
				t.Errorf("%d still wait", info.QueueLength)
			}
		}
	})
}

func TestKeeperRenewsWhatWaitsLongerThanItsLease(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		w.mustHold(w.hosts[0], lockCommand("l", "holder", time.Hour, 1))
		answers := map[string]<-chan answerOf{}
		for _, h := range w.hosts {
			answers[h.name] = h.background(context.Background(), lockCommand("l", h.name, 2*time.Second, 5), time.Hour)
			w.queued("l", len(answers))
		}
		w.sleep(25 * time.Second)
		if n := w.look("l").QueueLength; n != 3 {
			t.Fatalf("%d of 3 still wait after 25 s", n)
		}
		w.mustRelease(w.hosts[0], "l", "holder")
		for _, h := range w.hosts {
			w.wantGrant(answers[h.name], 4*time.Second, h.name)
		}
	})
}

func TestClientThatHangsUpLeavesTheQueue(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		w.mustHold(w.hosts[0], lockCommand("l", "holder", time.Hour, 1))
		for _, h := range w.hosts {
			ctx, cancel := context.WithCancel(context.Background())
			back := h.background(ctx, lockCommand("l", "waiter", time.Minute, 2), time.Hour)
			w.queued("l", 1)
			cancel()
			if a := <-back; a.err == nil {
				t.Errorf("hung up and answered %+v", a.out)
			}
			w.queued("l", 0)
			a, _, err := w.leader().up().Query(within(time.Second), lease.Query{Kind: lease.QueryLease, Lease: leaseOf("waiter")}, Linearizable)
			if err != nil || a.Code != lease.LeaseExpired || a.Ended != lease.NotEnded {
				t.Errorf("the lease of who hung up: %+v %v", a, err)
			}
		}
	})
}

func TestGrantJustMadeToACallerThatHungUpIsGivenBack(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		f, l := w.follower(), w.leader()
		w.mustHold(l, lockCommand("l", "holder", time.Hour, 1))
		ctx, cancel := context.WithCancel(context.Background())
		back := f.background(ctx, lockCommand("l", "waiter", time.Hour, 2), time.Hour)
		w.queued("l", 1)
		w.net.Delay(l.name, f.name, 100*time.Millisecond) // the waiter hears late
		w.mustRelease(l, "l", "holder")
		if out := w.look("l"); out.HolderCount != 1 {
			t.Fatalf("the waiter was not granted: %+v", out)
		}
		cancel()
		<-back
		w.eventually(time.Second, "the grant is given back", func() bool { return w.look("l").HolderCount == 0 })
	})
}

func TestLateHangUpFreesNothingOfTheRetrysGrant(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		l, f := w.leader(), w.follower()
		w.mustHold(l, lockCommand("l", "holder", time.Hour, 1))
		first, cancel := context.WithCancel(context.Background())
		one := f.background(first, lockCommand("l", "waiter", time.Minute, 2), time.Hour)
		w.queued("l", 1)
		two := l.background(context.Background(), lockCommand("l", "waiter", time.Minute, 3), time.Hour)
		w.sleep(time.Second)
		w.queued("l", 1)
		w.net.Delay(f.name, l.name, 2*time.Second) // whatever the first attempt does is late
		w.mustRelease(l, "l", "holder")
		out := w.wantGrant(two, time.Second, "the second attempt")
		cancel()
		<-one
		w.sleep(8 * time.Second)
		a, _, err := l.up().Query(within(5*time.Second), lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: "l"}, Linearizable)
		if err != nil || a.Info.HolderCount != 1 || a.Info.Holders[0].Token != out.Token {
			t.Errorf("the grant is gone: %+v %v", a.Info, err)
		}
	})
}

func TestDeadSidecarsWaiterHoldsNoLongerThanAWaitersTTL(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		l, f := w.leader(), w.follower()
		w.mustHold(l, lockCommand("l", "holder", time.Hour, 1))
		f.background(context.Background(), lockCommand("l", "waiter", 24*time.Hour, 2), time.Hour)
		w.queued("l", 1)
		f.crash()
		w.mustRelease(l, "l", "holder")
		begin := time.Now()
		out, err := l.up().Acquire(within(time.Minute), lockCommand("l", "next", time.Minute, 3), 30*time.Second)
		if err != nil || out.Standing != lease.Holding {
			t.Fatalf("the next one does not get it: %+v %v", out, err)
		}
		if took := time.Since(begin); took > lease.WaitingTTL+time.Second {
			t.Errorf("a dead sidecar's waiter kept the lock for %v", took)
		}
	})
}

func TestWaiterOfADrainingSidecarIsStillGranted(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		l, f := w.leader(), w.follower()
		w.mustHold(l, lockCommand("l", "holder", time.Hour, 1))
		back := f.background(context.Background(), lockCommand("l", "waiter", time.Minute, 2), time.Hour)
		w.queued("l", 1)
		f.up().Drain()
		if _, err := f.up().Acquire(within(time.Second), lockCommand("m", "late", time.Minute, 3), 0); codeOf(err) != Draining {
			t.Errorf("a new acquire at a draining sidecar: %v", err)
		}
		w.mustRelease(f, "l", "holder")
		w.wantGrant(back, time.Second, "who waited before")
	})
}

func codeOf(err error) lease.Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return lease.OK
}

// A request that stood in line and then lost its Raft leader may hold by the time of its answer.
func TestErrorAfterStandingInLineIsUnknown(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		l, f := w.leader(), w.follower()
		w.mustHold(l, lockCommand("l", "holder", time.Hour, 1))
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		back := f.background(ctx, lockCommand("l", "waiter", time.Minute, 2), 4*time.Second)
		w.queued("l", 1)
		w.isolate(f)
		if a := <-back; codeOf(a.err) != OutcomeUnknown {
			t.Errorf("answered %+v %v", a.out, a.err)
		}
	})
}

func TestCloseNeverHangsWithCallsUnderWay(t *testing.T) {
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprintf("cut off %v", cut), func(t *testing.T) {
			inFakeTime(t, 3, func(w *world) {
				l := w.leader()
				w.mustHold(l, lockCommand("l", "holder", time.Hour, 1))
				for _, h := range []*host{l, w.follower()} {
					if cut {
						w.isolate(h)
					}
					n := h.up()
					var calls sync.WaitGroup
					for i := range 40 {
						ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
						calls.Go(func() {
							defer cancel()
							switch i % 4 {
							case 0:
								n.Acquire(ctx, lockCommand("l", fmt.Sprintf("waiter%d", i), time.Hour, uint64(i+2)), time.Hour)
							case 1: // hangs up about when the node closes
								time.AfterFunc(time.Duration(i)*time.Millisecond, cancel)
								n.Acquire(ctx, lockCommand("l", fmt.Sprintf("fleeting%d", i), time.Hour, uint64(i+2)), time.Hour)
							case 2:
								n.Do(ctx, lease.Command{Op: lease.OpRenew, Space: lease.Locks, Name: "l", Lease: leaseOf("holder")})
							default:
								n.Query(ctx, lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: "l"}, Linearizable)
							}
						})
					}
					w.sleep(10 * time.Millisecond)
					begin := time.Now()
					h.stop()
					if took := time.Since(begin); took > 5*time.Second {
						t.Errorf("Close took %v", took)
					}
					calls.Wait()
					if took := time.Since(begin); took > 6*time.Second {
						t.Errorf("calls under way ended after %v", took)
					}
					w.net.HealAll()
					h.start()
					w.ready()
				}
			})
		})
	}
}

func TestGrantBetweenTheAnswerAndTheWaitIsNotMissed(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for _, h := range w.hosts {
			name := "lock-" + h.name
			w.mustHold(h, lockCommand(name, "holder-"+name, time.Minute, 1))
			n := h.up()
			c := lockCommand(name, "waiter-"+name, time.Minute, 2)
			c.Wait = true
			out, _, err := n.carry(context.Background(), errand{command: c})
			if err != nil || out.Standing != lease.Waiting {
				t.Fatalf("%v %v", out.Standing, err)
			}
			w.mustRelease(h, name, "holder-"+name)
			w.sleep(time.Second) // the grant has been applied everywhere before anybody waits for it
			waits := &waiting{node: n, command: c, at: spot{c.Space, c.Name, c.Lease}, until: time.Now().Add(time.Minute)}
			began := time.Now()
			if got := waits.await(context.Background()); got != changed || time.Since(began) > time.Second {
				t.Errorf("at %s: saw %v after %v", h.name, got, time.Since(began))
			}
		}
	})
}

func TestWaitsEndWithAnAnswerWhenTheirSidecarStops(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		waiters := map[*host]<-chan answerOf{}
		for _, h := range w.hosts {
			w.mustHold(w.hosts[0], lockCommand("lock-"+h.name, "holder-"+h.name, time.Minute, 1))
			waiters[h] = h.background(context.Background(), lockCommand("lock-"+h.name, "waiter-"+h.name, time.Minute, 2), time.Minute)
			w.queued("lock-"+h.name, 1)
		}
		for h, back := range waiters {
			h.up().EndWaits()
			got := <-back
			var made *Error
			if !errors.As(got.err, &made) || made.Code != Draining {
				t.Errorf("the waiter at %s was told %v %v", h.name, got.out.Code, got.err)
			}
			w.queued("lock-"+h.name, 0)
		}
	})
}
