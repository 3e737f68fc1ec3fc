package chaos_test

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

const workers = 16

// TestRandomFaultsBreakNoPromise lets clients work on hot and cold names, locks and elections, while processes are killed, paused and
// restarted and their links cut, reset and slowed down at random, and then checks all that the clients saw. -chaos 10m runs for
// longer; with more than a minute also in a group of five. -chaos-seed repeats the draws, though not the timing.
func TestRandomFaultsBreakNoPromise(t *testing.T) {
	t.Parallel()
	seed := *chaosSeed
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	sizes := []int{3}
	if *chaosFor > time.Minute {
		sizes = append(sizes, 5)
	}
	for _, size := range sizes {
		t.Run(fmt.Sprint("group of ", size), func(t *testing.T) {
			if len(sizes) > 1 {
				t.Parallel()
			}
			randomFaults(t, size, seed)
		})
	}
}

func randomFaults(t *testing.T, size int, seed int64) {
	t.Helper()
	g := chaos.StartLinked(t, size, "--drain-timeout", "1s")
	h := newHistory()
	before := term(t, g)
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range workers {
		w := &worker{id: i, rng: mathrand.New(mathrand.NewPCG(uint64(seed), uint64(i))), group: g, h: h}
		clients.Go(func() { w.run(ctx) })
	}
	f := &faults{t: t, group: g, rng: mathrand.New(mathrand.NewPCG(uint64(seed), 1<<32)), done: map[string]int{}}
	for end := time.Now().Add(*chaosFor); time.Now().Before(end); {
		f.one(ctx)
	}
	stop()
	clients.Wait()
	changes := int(term(t, g) - before)

	h.check()
	handovers, latest := h.handovers()
	streams, elections := h.kinds()
	t.Logf("%d ops (%d ok/%d failed/%d unknown), %d grants, %d handovers, %d faults of %d kinds, %d leader changes, %d violations; "+
		"%d overstayers refused by the register, %d reads; worst unavailability %s, worst late expiry %s; "+
		"%d grants by streams, of which %d were resumed, %d in elections, %d warnings of jeopardy; seed %d",
		h.ok+h.failed+h.unknown, h.ok, h.failed, h.unknown, len(h.grants), handovers, f.total(), len(f.done), changes, len(h.violations),
		h.overlaps, len(h.looks), h.worstGap.Round(time.Millisecond), latest.Round(time.Millisecond),
		streams, h.resumed, elections, h.warned, seed)
	for _, v := range h.violations[:min(20, len(h.violations))] {
		t.Error(v)
	}
	// A run that did too little has shown nothing.
	seconds := int(chaosFor.Seconds())
	for what, enough := range map[string]bool{
		"grants": len(h.grants) >= 5*seconds, "handovers": handovers >= 2*seconds, "reads": len(h.looks) >= seconds,
		"faults": f.total() >= seconds/5, "kinds of faults": len(f.done) >= min(4, seconds/5), "leader changes": changes >= seconds/10,
		"streams": streams >= seconds/2, "resumed streams": h.resumed >= seconds/60, "elections": elections >= seconds/2,
	} {
		if !enough {
			t.Errorf("too few %s", what)
		}
	}
}

// term is the highest term that the group knows of.
func term(t *testing.T, g *chaos.Group) uint64 {
	t.Helper()
	return g.Leader().Get("/v1/cluster").Want(t, 200).Body.Term
}

// faults does one thing after another to the processes of a group, and mends it.
type faults struct {
	t     *testing.T
	group *chaos.Group
	rng   *mathrand.Rand
	done  map[string]int // by kind
}

func (f *faults) total() (n int) {
	for _, times := range f.done {
		n += times
	}
	return n
}

func (f *faults) between(least, most time.Duration) time.Duration {
	return least + time.Duration(f.rng.Int64N(int64(most-least)))
}

// one lets the group work a while, breaks something, waits, mends it, and sees that it is whole again: a fault in a group
// that is still down would take no effect.
func (f *faults) one(ctx context.Context) {
	pause(ctx, f.between(200*time.Millisecond, 800*time.Millisecond))
	kinds := append(f.toProcesses(ctx), f.toLinks(ctx)...)
	// Each kind once before any comes again.
	k := kinds[f.rng.IntN(len(kinds))]
	for f.done[k.name] > f.total()/len(kinds) {
		k = kinds[f.rng.IntN(len(kinds))]
	}
	k.do()
	f.done[k.name]++
	f.group.AwaitReady()
}

// kind is one thing that may be done to a group.
type kind struct {
	name string
	do   func()
}

// brief and long are how long a fault lasts.
func (f *faults) brief() time.Duration { return f.between(50*time.Millisecond, 300*time.Millisecond) }
func (f *faults) long() time.Duration  { return f.between(700*time.Millisecond, 2500*time.Millisecond) }

func (f *faults) any() *chaos.Node { return f.group.Nodes[f.rng.IntN(len(f.group.Nodes))] }

func (f *faults) toProcesses(ctx context.Context) []kind {
	leader, any := f.group.Leader(), f.any()
	return []kind{
		{"kill the Raft leader", func() { f.kill(ctx, f.brief(), leader) }},
		{"pause the Raft leader for long", func() { f.pauseNode(ctx, f.long(), leader) }},
		{"kill any", func() { f.kill(ctx, f.long(), any) }},
		{"pause any briefly", func() { f.pauseNode(ctx, f.brief(), any) }},
		{"stop any in order", func() {
			any.Terminate()
			any.Wait()
			any.Start()
		}},
		{"kill a majority", func() { f.kill(ctx, f.brief(), f.majorityBut(any)...) }},
		{"kill all", func() { f.kill(ctx, f.brief(), f.group.Nodes...) }},
	}
}

// majorityBut is a majority without a node.
func (f *faults) majorityBut(n *chaos.Node) []*chaos.Node {
	return f.group.Others(n)[:len(f.group.Nodes)/2+1]
}

func (f *faults) toLinks(ctx context.Context) []kind {
	links, leader, any := f.group.Links, f.group.Leader(), f.any()
	during := func(d time.Duration, damage func()) {
		damage()
		pause(ctx, d)
		links.HealAll()
	}
	each := func(n *chaos.Node, do func(from, to string), out, in bool) {
		for _, other := range f.group.Others(n) {
			if out {
				do(n.Name, other.Name)
			}
			if in {
				do(other.Name, n.Name)
			}
		}
	}
	slow := func(from, to string) { links.Delay(from, to, f.between(10*time.Millisecond, 120*time.Millisecond)) }
	return []kind{
		{"isolate the Raft leader", func() { during(f.long(), func() { links.Isolate(leader.Name) }) }},
		{"isolate any", func() { during(f.long(), func() { links.Isolate(any.Name) }) }},
		{"cut what any dials", func() { during(f.long(), func() { each(any, links.Cut, true, false) }) }},
		{"cut what dials the Raft leader", func() { during(f.long(), func() { each(leader, links.Cut, false, true) }) }},
		{"cut one link", func() {
			to := f.group.Others(any)[f.rng.IntN(len(f.group.Nodes)-1)]
			during(f.long(), func() { links.Cut(any.Name, to.Name) })
		}},
		{"delay all of any", func() { during(f.long(), func() { each(any, slow, true, true) }) }},
		{"reset all of any", func() { during(f.brief(), func() { each(any, links.Reset, true, true) }) }},
		{"isolate a majority from each other", func() {
			during(f.brief(), func() {
				for _, n := range f.majorityBut(any) {
					links.Isolate(n.Name)
				}
			})
		}},
	}
}

func (f *faults) kill(ctx context.Context, away time.Duration, nodes ...*chaos.Node) {
	for _, n := range nodes {
		n.Kill()
	}
	pause(ctx, away)
	for _, n := range nodes {
		n.Start()
	}
}

func (f *faults) pauseNode(ctx context.Context, away time.Duration, n *chaos.Node) {
	n.Pause()
	pause(ctx, away)
	n.Resume()
}
