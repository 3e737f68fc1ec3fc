package raftnode

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// TestStormKeepsEveryPromise runs clients through all sidecars while links are cut, delayed and reset, nodes are
// restarted and lose power, leadership moves and snapshots are installed. Afterwards every answer is held against
// the log (P1 to P10, P11, P13, P14, P18).
func TestStormKeepsEveryPromise(t *testing.T) {
	type storm struct {
		size   int
		seed   uint64
		length time.Duration
	}
	storms := []storm{{3, 1, 25 * time.Second}, {3, 2, 25 * time.Second}, {5, 3, 20 * time.Second}}
	if *long {
		for seed := range uint64(40) {
			storms = append(storms, storm{3 + 2*int(seed%2), 100 + seed, 3 * time.Minute})
		}
	}
	for _, s := range storms {
		t.Run(fmt.Sprintf("%d nodes, seed %d", s.size, s.seed), func(t *testing.T) {
			inFakeTime(t, s.size, func(w *world) { runStorm(w, s.seed, s.length) }, func(w *world) { w.tune = small })
		})
	}
}

func runStorm(w *world, seed uint64, length time.Duration) {
	h := newHistory()
	for i, host := range w.hosts {
		host.clock.setRate(1 + 0.001*float64(i%3-1))
	}
	until := time.Now().Add(length)
	var clients sync.WaitGroup
	for i := range 8 {
		c := &client{w: w, h: h, name: fmt.Sprintf("client%d", i), rng: rand.New(rand.NewPCG(seed, uint64(i)))}
		clients.Go(func() { c.live(until) })
	}
	weather := &weather{w: w, rng: rand.New(rand.NewPCG(seed, 1000)), kinds: map[string]int{}}
	weather.blow(until)
	weather.clear()
	clients.Wait()
	w.ready()
	// Whatever holds or waits now runs out: nothing may be left (P4, P7).
	w.eventually(15*time.Second, "all leases end", func() bool {
		l := w.leader()
		if l == nil {
			return false
		}
		c := l.up().Counts()
		return c.Leases == 0 && c.LocksHeld == 0
	})
	v := h.check(w.t, w.ledger)
	terms := map[uint64]bool{}
	for _, p := range w.ledger.entries {
		terms[p.term] = true
	}
	faults := 0
	for _, n := range weather.kinds {
		faults += n
	}
	w.t.Logf("%d calls (%d failed, %d unknown), %d holds, %d reads, %d handovers, %d expiries, %d terms, %d snapshots loaded, %d entries ignored, %d faults: %v",
		len(h.calls), v.failed, v.unknown, h.held, len(h.reads), v.handovers, v.expiries, len(terms), w.restores, v.tale.ignored, faults, weather.kinds)
	long := int(length.Seconds())
	if len(h.calls) < 5*long || len(h.reads) < long/3 || h.held < long/10 || v.handovers < long/4 || v.expiries < long/10 || len(terms) < 2+long/20 || w.restores < 1 || faults < long/4 {
		w.t.Error("too little happened for this to tell anything")
	}
}

// weather brings faults, one after the other, and never to a majority for long.
type weather struct {
	w     *world
	rng   *rand.Rand
	kinds map[string]int
}

func (f *weather) blow(until time.Time) {
	for time.Now().Before(until) {
		time.Sleep(time.Duration(200+f.rng.IntN(800)) * time.Millisecond)
		name := f.fault()
		f.kinds[name]++
		time.Sleep(time.Duration(100+f.rng.IntN(2500)) * time.Millisecond)
		f.clear()
	}
}

// clear mends everything that is broken.
func (f *weather) clear() {
	f.w.net.HealAll()
	for _, a := range f.w.hosts {
		a.clock.thaw()
		for _, b := range f.w.hosts {
			f.w.net.Delay(a.name, b.name, 0)
		}
		if a.up() == nil {
			a.start()
		}
	}
}

func (f *weather) someone() *host { return f.w.hosts[f.rng.IntN(len(f.w.hosts))] }

// chief is the Raft leader, or anybody if there is none.
func (f *weather) chief() *host {
	if l := f.w.leader(); l != nil {
		return l
	}
	return f.someone()
}

func (f *weather) fault() string {
	w, chief := f.w, f.chief()
	switch f.rng.IntN(11) {
	case 0:
		w.isolate(chief)
		return "leader cut off"
	case 1:
		w.isolate(f.someone())
		return "node cut off"
	case 2: // deaf: others hear the leader, it hears nobody
		for _, o := range w.others(chief) {
			w.net.Cut(o, chief.name)
		}
		return "leader deaf"
	case 3:
		for _, o := range w.others(chief) {
			w.net.Cut(chief.name, o)
		}
		return "leader dumb"
	case 4:
		a := f.someone()
		for _, b := range w.others(a) {
			d := time.Duration(f.rng.IntN(120)) * time.Millisecond
			w.net.Delay(a.name, b, d)
			w.net.Delay(b, a.name, d/2)
		}
		return "slow links"
	case 5:
		for _, a := range w.hosts {
			for _, b := range w.others(a) {
				w.net.Drop(a.name, b)
			}
		}
		return "connections reset"
	case 6:
		f.someone().stop()
		return "stopped"
	case 7:
		f.someone().crash()
		return "power lost"
	case 8:
		chief.crash()
		return "leader's power lost"
	case 9:
		if n := chief.up(); n.asMember() != nil && n.asMember().leads() {
			n.asMember().raft.LeadershipTransfer()
		}
		return "leadership moved"
	default:
		if w.leader() == nil {
			return "nothing"
		}
		chief.clock.freeze()
		return "leader stalled"
	}
}
