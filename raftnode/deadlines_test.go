package raftnode

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// expiredAt is when the first replica applied the expiry of a lease, in real time.
func (w *world) expiredAt(id lease.ID) (time.Time, bool) {
	for _, e := range w.ledger.replay(nil).events {
		if e.Kind == lease.EventExpired && e.Lease == id {
			return e.at, true
		}
	}
	return time.Time{}, false
}

// leaderless measures the time in which no node reigns, until stop is closed.
func (w *world) leaderless(stop <-chan struct{}) <-chan time.Duration {
	total := make(chan time.Duration, 1)
	go func() {
		const every = 2 * time.Millisecond
		var sum time.Duration
		for {
			select {
			case <-stop:
				total <- sum
				return
			case <-time.After(every):
				if w.leader() == nil {
					sum += every
				}
			}
		}
	}()
	return total
}

// P4: a dead holder's lease ends within TTL + 1 s, and for each change of leader the time without one and a tick, though
// the leader changes every TTL/2. A change restarts no TTL.
func TestDeadHoldersLeaseEndsThoughLeadersComeAndGo(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		const ttl = 4 * time.Second
		rounds := 10
		if *long {
			rounds = 100
		}
		type dead struct {
			id      lease.ID
			sent    time.Time
			without time.Duration
			changes int
		}
		var all []dead
		for i := range rounds {
			who := fmt.Sprintf("holder%d", i)
			d := dead{id: leaseOf(who), sent: time.Now()}
			w.mustHold(w.hosts[i%3], lockCommand(who, who, ttl, 1))
			stop := make(chan struct{})
			without := w.leaderless(stop)
			for range 2 {
				w.sleep(ttl/2 - 500*time.Millisecond)
				old := w.leader()
				if i%2 == 0 {
					w.transfer()
				} else {
					w.isolate(old)
					w.newLeader(old)
					w.net.HealAll()
				}
				d.changes++
			}
			w.eventually(ttl, "the lease ends", func() bool { l := w.leader(); return l != nil && l.up().Counts().Leases == 0 })
			close(stop)
			d.without = <-without
			all = append(all, d)
			w.ready()
		}
		ends := map[lease.ID]time.Time{}
		for _, e := range w.ledger.replay(nil).events {
			if e.Kind == lease.EventExpired {
				ends[e.Lease] = e.at
			}
		}
		for _, d := range all {
			at, ok := ends[d.id]
			if !ok {
				t.Errorf("%s never expired", d.id)
				continue
			}
			took, limit := at.Sub(d.sent), ttl+time.Second+d.without+time.Duration(d.changes)*tickEvery
			if took > limit || took < ttl {
				t.Errorf("%s ended after %v, at most %v with %v without a leader", d.id, took, limit, d.without)
			}
		}
	})
}

// P4, exactly: with a leader that stays, a lease ends at its TTL, not before and hardly after.
func TestLeaseEndsAtItsTTL(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for i, rate := range []float64{1, 1.001, 0.999} {
			w.leader().clock.setRate(rate)
			who := fmt.Sprintf("holder%d", i)
			sent := time.Now()
			w.mustHold(w.follower(), lockCommand(who, who, 5*time.Second, 1))
			w.sleep(6 * time.Second)
			at, ok := w.expiredAt(leaseOf(who))
			took := at.Sub(sent)
			if !ok || took < 5*time.Second-5*time.Millisecond-5*time.Millisecond || took > 5*time.Second+50*time.Millisecond {
				t.Errorf("rate %v: it ended after %v", rate, took)
			}
		}
	})
}

// P20: whatever the length of a leader's stall, what was being renewed is there afterwards.
func TestLeadersStallExpiresNothingThatIsRenewed(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		const ttl = 2 * time.Second
		l := w.leader()
		stop := make(chan struct{})
		var renewers sync.WaitGroup
		for i := range 6 {
			who := fmt.Sprintf("holder%d", i)
			h := w.hosts[i%3]
			w.mustHold(h, lockCommand(who, who, ttl, 1))
			renewers.Go(func() {
				for {
					out, err := h.up().Do(within(4*time.Second), lease.Command{Op: lease.OpRenew, Space: lease.Locks, Name: who, Lease: leaseOf(who)})
					if err == nil && out.Code != lease.OK {
						t.Errorf("%s lost its lock: %v %v", who, out.Code, out.Reason)
						return
					}
					if err != nil {
						continue
					}
					select {
					case <-stop:
						return
					case <-time.After(ttl / 3):
					}
				}
			})
		}
		stalls := []time.Duration{300 * time.Millisecond, 1700 * time.Millisecond, 3 * time.Second, 30 * time.Second}
		if *long {
			stalls = append(stalls, 10*time.Minute)
		}
		for _, stall := range stalls {
			w.sleep(2 * time.Second)
			if w.leader() != l {
				t.Fatal("the leader changed")
			}
			l.clock.freeze()
			w.sleep(stall)
			l.clock.thaw()
		}
		w.sleep(3 * time.Second)
		close(stop)
		renewers.Wait()
	})
}

// A cut off sidecar's word is good until then: ValidFor never outlives the lease, though its clock is slow and the
// leader's fast.
func TestWhatASidecarTellsEndsBeforeTheLease(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		l, f := w.leader(), w.follower()
		l.clock.setRate(1.001)
		f.clock.setRate(0.999)
		for i := range 3 {
			w.net.Delay(f.name, l.name, time.Duration(i)*20*time.Millisecond)
			w.net.Delay(l.name, f.name, time.Duration(i)*30*time.Millisecond)
			who := fmt.Sprintf("holder%d", i)
			out := w.mustHold(f, lockCommand(who, who, 10*time.Second, 1))
			told := time.Now().Add(time.Duration(float64(out.ValidFor) / 0.999))
			w.sleep(12 * time.Second)
			at, ok := w.expiredAt(leaseOf(who))
			if !ok || !told.Before(at) {
				t.Errorf("told to be good until %v, it ended at %v", told, at)
			}
			if out.ValidFor < 9*time.Second {
				t.Errorf("a lease of 10 s is good for only %v", out.ValidFor)
			}
		}
	})
}

// A leader that is deposed and elected again must not stamp with the base of its old term: raft would take the entry.
func TestEntryStampedInAnotherTermDoesNothing(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		l := w.leader()
		old := l.up().reigning()
		for w.leader() == l {
			w.transfer()
		}
		for w.leader() != l {
			w.transfer()
		}
		w.ready()
		if l.up().reigning() == old {
			t.Fatal("the same reign")
		}
		w.mustHold(l, lockCommand("l", "holder", 3*time.Second, 1))
		l.clock.mu.Lock()
		l.clock.jump += time.Minute // the old reign's idea of the time
		l.clock.mu.Unlock()
		old.stamps.last = old.stamps.peek()
		l.clock.mu.Lock()
		l.clock.jump -= time.Minute
		l.clock.mu.Unlock()

		release := lease.Command{Op: lease.OpRelease, Space: lease.Locks, Name: "l", Lease: leaseOf("holder")}
		release.Identity = lease.Identity{Session: 1, Seq: 1000}
		back := make(chan error, 1)
		p := &proposal{command: lease.AppendCommand(nil, &release), done: func(_ lease.Result, err error) { back <- err }}
		old.inFlight <- struct{}{}
		old.seal([]*proposal{p})
		if err := <-back; !errors.Is(err, errNothing) {
			t.Errorf("an entry of another term was answered %v", err)
		}
		if info := w.look("l"); info.HolderCount != 1 || info.Holders[0].ExpiresIn < 2*time.Second {
			t.Errorf("an entry of another term had an effect: %+v", info.Holders)
		}
		if told := w.ledger.replay(nil); told.ignored != 1 {
			t.Errorf("%d entries were ignored", told.ignored)
		}
	})
}

// wallJumps: the log told again with other wall clocks comes to the same (P20).
func TestWallClockInTheLogDecidesNothing(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for i := range 5 {
			who := fmt.Sprintf("holder%d", i)
			w.mustHold(w.hosts[i%3], lockCommand("l", who, 2*time.Second, 1))
			w.sleep(2500 * time.Millisecond)
		}
		right, wrong := lease.New(), lease.New()
		w.ledger.mu.Lock()
		defer w.ledger.mu.Unlock()
		last := uint64(0)
		for i := range w.ledger.entries {
			last = max(last, i)
		}
		for i := range last + 1 {
			p := w.ledger.entries[i]
			if p == nil {
				continue
			}
			e, err := lease.DecodeEntry(p.data)
			if err != nil {
				t.Fatal(err)
			}
			jumped := e
			jumped.Wall += int64(i%5) * int64(time.Hour/time.Microsecond) * int64(1-2*(i%2))
			a, _ := right.Apply(i, p.term, e)
			b, _ := wrong.Apply(i, p.term, jumped)
			for k := range a {
				if a[k].Code != b[k].Code || a[k].Token != b[k].Token || a[k].Remaining != b[k].Remaining {
					t.Errorf("index %d: %+v with other wall clocks, %+v", i, b[k], a[k])
				}
			}
			if right.Now() != wrong.Now() || right.Counts() != wrong.Counts() {
				t.Errorf("index %d: another state with other wall clocks", i)
			}
		}
	})
}
