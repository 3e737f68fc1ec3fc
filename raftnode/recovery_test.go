package raftnode

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// works waits until a command goes through at every sidecar that runs, and returns how long that took.
func (w *world) works(name string) time.Duration {
	w.t.Helper()
	begin := time.Now()
	var took time.Duration
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, h := range w.hosts {
		n := h.up()
		if n == nil {
			continue
		}
		all.Go(func() {
			for {
				_, err := n.Acquire(within(10*time.Second), lockCommand(name+h.name, name+h.name, time.Minute, 1), 0)
				if err == nil {
					break
				}
				if time.Since(begin) > time.Minute {
					w.t.Errorf("%s: %v", h.name, err)
					return
				}
				time.Sleep(time.Millisecond)
			}
			mu.Lock()
			defer mu.Unlock()
			took = max(took, time.Since(begin))
		})
	}
	all.Wait()
	return took
}

// P17: service is back within 2 s of a majority being back, however long it was away and however it went.
func TestServiceIsBackSoonAfterTheMajority(t *testing.T) {
	away := 40 * time.Second // long enough for raft's back-off to have grown
	if *long {
		away = 5 * time.Minute
	}
	for _, size := range []int{3, 5} {
		ways := map[string]func(*world){
			"cut off from each other": func(w *world) {
				for _, h := range w.hosts {
					w.isolate(h)
				}
				w.sleep(away)
				w.net.HealAll()
			},
			"without power": func(w *world) {
				down := w.hosts[:size/2+1]
				for _, h := range down {
					h.crash()
				}
				w.sleep(away)
				for _, h := range down {
					h.start()
				}
			},
			"one comes back": func(w *world) {
				for _, h := range w.hosts[:size/2+1] {
					h.crash()
				}
				w.sleep(away)
				w.hosts[0].start()
			},
			"the leader alone is cut off": func(w *world) { w.isolate(w.leader()) },
			"the leader loses its power":  func(w *world) { w.leader().crash() },
		}
		for how, happen := range ways {
			t.Run(fmt.Sprintf("%d nodes, %s", size, how), func(t *testing.T) {
				inFakeTime(t, size, func(w *world) {
					w.mustHold(w.hosts[0], lockCommand("before", "before", time.Hour, 1))
					w.mustHold(w.hosts[1], lockCommand("before2", "before2", time.Hour, 1))
					happen(w)
					begin := time.Now()
					w.eventually(2*time.Second, "a Raft leader of the majority", func() bool {
						for _, h := range w.hosts {
							if n := h.up(); n != nil {
								ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
								out, err := n.Acquire(ctx, lockCommand("after", "after", time.Minute, 1), 0)
								cancel()
								if err == nil && out.Code == lease.OK {
									return true
								}
							}
						}
						return false
					})
					t.Logf("back after %v", time.Since(begin))
					w.net.HealAll()
					w.works("everywhere")
					if n := w.look("before").HolderCount + w.look("before2").HolderCount; n != 2 {
						t.Errorf("%d of 2 acknowledged grants survived", n)
					}
				})
			})
		}
	}
}

// P17, at every sidecar: a returned follower serves its callers again within 2 s.
func TestReturnedFollowerServesAgainSoon(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for i, back := range []func(*host){
			func(h *host) { w.isolate(h); w.sleep(30 * time.Second); w.net.HealAll() },
			func(h *host) { h.crash(); w.sleep(30 * time.Second); h.start() },
			func(h *host) { h.stop(); w.sleep(time.Second); h.start() },
		} {
			back(w.follower())
			if took := w.works(fmt.Sprintf("round%d", i)); took > 2*time.Second {
				t.Errorf("way %d: every sidecar serves only after %v", i, took)
			}
			w.ready()
		}
	})
}

// P16 in small, P18: after a power cut of the whole group all is as it was, and the replicas agree, be it from the log or from a
// snapshot.
func TestReplicasAgreeThroughSnapshotsAndPowerCuts(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for round := range 4 {
			w.isolate(w.follower())
			for i := range 60 {
				name := fmt.Sprintf("l%d", i%20)
				who := fmt.Sprintf("r%d-%d", round, i)
				h := w.leader()
				w.mustHold(h, lockCommand(name, who, time.Hour, 1))
				w.mustRelease(h, name, who)
			}
			w.mustHold(w.leader(), lockCommand(fmt.Sprintf("kept%d", round), fmt.Sprintf("keeper%d", round), time.Hour, 1))
			w.sleep(3 * time.Second) // a snapshot is taken, the log behind it forgotten
			w.net.HealAll()
			w.works(fmt.Sprintf("healed%d-", round))
			w.sleep(time.Second)
			if round%2 == 1 {
				for _, h := range w.hosts {
					h.crash()
				}
				for _, h := range w.hosts {
					h.start()
				}
				w.ready()
			}
			for k := range round + 1 {
				if w.look(fmt.Sprintf("kept%d", k)).HolderCount != 1 {
					t.Errorf("round %d: an acknowledged grant is lost", round)
				}
			}
			w.sameEverywhere()
		}
		told := w.ledger.replay(nil)
		if w.restores < 4 || len(w.ledger.seen) != 3 || told.state.LastToken() == 0 {
			t.Errorf("%d snapshots loaded, digests of %d replicas: too little", w.restores, len(w.ledger.seen))
		}
	}, func(w *world) { w.tune = small })
}

// sameEverywhere waits until all replicas are at one index, and compares their digests.
func (w *world) sameEverywhere() {
	w.t.Helper()
	digests := map[string]uint64{}
	w.eventually(5*time.Second, "all replicas at one index", func() bool {
		clear(digests)
		at := map[uint64]bool{}
		for _, h := range w.hosts {
			h.up().machine.read(func(s *lease.State) {
				at[s.Index()] = true
				digests[h.name] = s.Digest()
			})
		}
		return len(at) == 1
	})
	for name, d := range digests {
		if d != digests[w.hosts[0].name] {
			w.t.Errorf("%s has another state than %s at one index", name, w.hosts[0].name)
		}
	}
}

// P7: after any of these faults a waiter that the rule admits is granted within 1 s.
func TestNoWakeUpIsLost(t *testing.T) {
	faults := map[string]func(*world, *host){
		"the waiter's links reset": func(w *world, h *host) {
			for _, o := range w.others(h) {
				w.net.Drop(h.name, o)
			}
		},
		"the waiter's sidecar cut off for a while": func(w *world, h *host) { w.isolate(h); w.sleep(1500 * time.Millisecond); w.net.HealAll() },
		"the leader moved":                         func(w *world, h *host) { w.transfer() },
		"the leader lost its power": func(w *world, h *host) {
			l := w.leader()
			l.crash()
			w.newLeader(l)
			l.start()
		},
	}
	for what, happen := range faults {
		t.Run(what, func(t *testing.T) {
			inFakeTime(t, 3, func(w *world) {
				for i := range 6 {
					waiter, name := w.follower(), fmt.Sprintf("l%d", i)
					w.mustHold(w.leader(), lockCommand(name, "holder-"+name, time.Minute, 1))
					back := waiter.background(context.Background(), lockCommand(name, "waiter-"+name, 20*time.Second, 2), time.Minute)
					w.queued(name, 1)
					released := make(chan struct{})
					go func() { // some time during the fault, or after it
						defer close(released)
						time.Sleep(time.Duration(i*300) * time.Millisecond)
						for range 20 {
							for _, h := range w.hosts {
								if n := h.up(); n != nil && h != waiter {
									ctx := within(time.Second)
									if _, err := n.Do(ctx, lease.Command{Op: lease.OpRelease, Space: lease.Locks, Name: name, Lease: leaseOf("holder-" + name)}); err == nil {
										return
									}
								}
							}
						}
					}()
					happen(w, waiter)
					<-released
					w.ready()
					w.wantGrant(back, time.Second, "the waiter")
				}
			}, func(w *world) { w.tune = small })
		})
	}
}

// P14, P15: a node that lost its disk is a stranger. It does not vote, also not under its old name.
func TestNodeWithAnEmptyDiskIsAStranger(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		w.mustHold(w.hosts[0], lockCommand("l", "holder", time.Hour, 1))
		l := w.leader()
		wiped := w.follower()
		var other *host
		for _, h := range w.hosts {
			if h != l && h != wiped {
				other = h
			}
		}
		wiped.crash()
		l.crash()
		wiped.dir += "-empty"
		wiped.start()
		w.sleep(30 * time.Second)
		if n := w.leader(); n != nil {
			t.Fatalf("%s leads by the vote of a node without a disk", n.name)
		}
		if wiped.up().Status().Ready || other.up().Status().Leader != nil {
			t.Error("the wiped node takes part")
		}
		l.start()
		w.eventually(5*time.Second, "the two that know go on", func() bool { return w.leader() != nil })
		a, _, err := other.up().Query(within(5*time.Second), lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: "l"}, Linearizable)
		if err != nil || a.Info.HolderCount != 1 {
			t.Errorf("an acknowledged grant: %+v %v", a.Info, err)
		}
	})
}
