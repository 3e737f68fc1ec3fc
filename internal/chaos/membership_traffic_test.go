package chaos_test

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// What tests of a changing group let clients do meanwhile: work, as in a random run; hold one lock all the time, by a stream or by renewals; take
// locks that are to be there at the end; and probe whether the group serves. At the end all that was acknowledged is looked for, in
// the group and in its log.

const (
	trafficWorkers = 8
	trafficKeepers = 2
	trafficProbers = 3
	probePatience  = time.Second            // of a client that only wants to know
	steadyTTL      = 25 * time.Second       // of what is held all the time: a third of it, a group that is away, and a sidecar that does not answer, one after the other
	steadyRenews   = 700 * time.Millisecond // between renewals
)

// circle are the sidecars that clients know. It is safe for concurrent use.
type circle struct {
	mu    sync.Mutex
	nodes []*chaos.Node
}

// know replaces all that were known.
func (c *circle) know(nodes ...*chaos.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = slices.Clone(nodes)
}

func (c *circle) any(rng *mathrand.Rand) *chaos.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[rng.IntN(len(c.nodes))]
}

// traffic is all that clients do while a test changes a group.
type traffic struct {
	t       *testing.T
	h       *history
	circle  circle
	begun   time.Time
	ctx     context.Context
	stop    context.CancelFunc
	clients sync.WaitGroup
	holding context.Context // of those who hold all the time: they go on while the rest is checked
	letGo   context.CancelFunc
	holders sync.WaitGroup
	steady  []*steady
	keepers []*keeper
	number  uint64 // of clients so far

	mu     sync.Mutex
	served []time.Time // when a prober was granted a lock
}

// startTraffic lets clients work, who know these sidecars at first.
func startTraffic(t *testing.T, nodes ...*chaos.Node) *traffic {
	t.Helper()
	tr := &traffic{t: t, h: newHistory(), begun: time.Now()}
	tr.ctx, tr.stop = context.WithCancel(t.Context())
	tr.holding, tr.letGo = context.WithCancel(t.Context())
	t.Cleanup(func() {
		tr.end()
		tr.endSteady()
	})
	tr.circle.know(nodes...)
	for range trafficWorkers {
		w := tr.client()
		tr.clients.Go(func() { w.run(tr.ctx) })
	}
	for range trafficKeepers {
		k := &keeper{worker: tr.client()}
		tr.keepers = append(tr.keepers, k)
		tr.clients.Go(func() { k.run(tr.ctx) })
	}
	for range trafficProbers {
		w := tr.client()
		tr.clients.Go(func() { tr.probe(w) })
	}
	return tr
}

func (tr *traffic) end() {
	tr.stop()
	tr.clients.Wait()
}

func (tr *traffic) violate(format string, args ...any) {
	tr.h.mu.Lock()
	defer tr.h.mu.Unlock()
	tr.h.violate(format, args...)
}

func (tr *traffic) endSteady() {
	tr.letGo()
	tr.holders.Wait()
}

// client is one more.
func (tr *traffic) client() *worker {
	tr.number++
	return &worker{id: int(tr.number), rng: mathrand.New(mathrand.NewPCG(mathrand.Uint64(), tr.number)), circle: &tr.circle, h: tr.h}
}

// holdAt lets a client hold a lock by a stream at a node, and returns once it does.
func (tr *traffic) holdAt(n *chaos.Node) *steady { return tr.steadily(n, (*steady).byStream) }

// renewed lets a client hold a lock by renewals through any sidecar.
func (tr *traffic) renewed() *steady { return tr.steadily(nil, (*steady).byRenewal) }

func (tr *traffic) steadily(n *chaos.Node, run func(*steady, context.Context)) *steady {
	tr.t.Helper()
	s := &steady{worker: tr.client(), at: n, held: make(chan struct{})}
	s.path, s.lease = fmt.Sprint("/v1/locks/steady-", s.id), ownLease(s.id)
	tr.steady = append(tr.steady, s)
	tr.holders.Go(func() { run(s, tr.holding) })
	select {
	case <-s.held:
	case <-time.After(30 * time.Second):
		tr.t.Fatalf("%s is not held", s.path)
	}
	return s
}

// probe takes a lock of its own again and again.
func (tr *traffic) probe(w *worker) {
	for i := 0; tr.ctx.Err() == nil; i++ {
		a := w.ask(probePatience, "POST", fmt.Sprintf("/v1/locks/probe-%d-%d", w.id, i), "ttl", "1s")
		if a.Status == 201 {
			tr.mu.Lock()
			tr.served = append(tr.served, a.Got)
			tr.mu.Unlock()
		}
		pause(tr.ctx, 20*time.Millisecond)
	}
}

// awayFor is the longest time without a successful acquire since a moment, and when it ended.
func (tr *traffic) awayFor(since time.Time) (worst time.Duration, at time.Time) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	slices.SortFunc(tr.served, time.Time.Compare)
	last := since
	for _, at2 := range append(slices.Clone(tr.served), time.Now()) {
		if at2.Before(since) {
			continue
		}
		if gap := at2.Sub(last); gap > worst {
			worst, at = gap, at2
		}
		last = at2
	}
	return worst, at
}

// served waits until a prober is granted a lock that it asked for from now on.
func (tr *traffic) awaitService(t *testing.T, within time.Duration) {
	t.Helper()
	from := time.Now().Add(probePatience / 100)
	chaos.Until(t, within, "a lock to be granted", func() error {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		for _, at := range tr.served {
			if at.After(from) {
				return nil
			}
		}
		return fmt.Errorf("none of %d since", len(tr.served))
	})
}

// finish ends the clients and checks all that they saw, and then, with the group stopped, what its log says. What is how the group was
// changed, for the line that sums it up.
func (tr *traffic) finish(g *chaos.Group, what string) {
	t := tr.t
	t.Helper()
	worst, at := tr.awayFor(tr.begun)
	took := time.Since(tr.begun)
	tr.end()
	kept := tr.checkKept(g)
	tr.endSteady()
	tr.h.check()
	moved := 0
	for _, s := range tr.steady {
		moved += s.moved
		for _, f := range s.faults {
			tr.violate("%s", f)
		}
		tr.checkSteady(g, s)
	}
	r := replayGroup(t, g)
	tr.compare(r)
	handovers, _ := tr.h.handovers()
	h := tr.h
	t.Logf("%s: %d ops (%d ok/%d failed/%d unknown) in %s, %d grants, %d handovers, %d locks held all the time, moved %d times; %d kept locks; "+
		"%s; %d violations; worst unavailability %s, until %s", what,
		h.ok+h.failed+h.unknown, h.ok, h.failed, h.unknown, took.Round(100*time.Millisecond), len(h.grants), handovers, len(tr.steady), moved, kept,
		r, len(h.violations), worst.Round(time.Millisecond), at.Sub(tr.begun).Round(100*time.Millisecond))
	for _, v := range h.violations[:min(20, len(h.violations))] {
		t.Error(v)
	}
	// A run that did too little has shown nothing.
	if seconds := int((took - worst).Seconds()); len(h.grants) < 3*seconds || handovers < seconds/2 || kept < seconds/2 || len(r.granted) < len(h.grants)/4 {
		t.Errorf("the clients did too little")
	}
}
