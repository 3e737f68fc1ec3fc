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

// busy lets clients take locks, wait for them, and let go of them in every way, until the context ends.
func busy(ctx context.Context, g *chaos.Group, clients int) (wait func()) {
	var all sync.WaitGroup
	for i := range clients {
		rng := mathrand.New(mathrand.NewPCG(uint64(i), 7))
		all.Go(func() {
			for ctx.Err() == nil {
				n := g.Nodes[rng.IntN(len(g.Nodes))]
				path := fmt.Sprint("/v1/locks/hot-", rng.IntN(3))
				ask, cancel := context.WithTimeout(ctx, time.Second)
				a := n.Ask(ask, "POST", path, "ttl", "1s", "owner", fmt.Sprint("c", i), "wait", fmt.Sprint(rng.IntN(600), "ms"))
				if a.Status == 201 && rng.IntN(5) > 0 {
					n.Ask(ask, "DELETE", path, "lease", a.Body.Lease)
				}
				cancel()
				pause(ctx, time.Duration(rng.IntN(20))*time.Millisecond)
			}
		})
	}
	return all.Wait
}

// watchAll starts watchers.
func watchAll(ctx context.Context, all []*watcher) (wait func()) {
	for _, w := range all {
		go w.run(ctx)
	}
	return func() {
		for _, w := range all {
			<-w.over
		}
	}
}

// finish writes one event more, and returns when every watcher has seen it.
func finish(t *testing.T, g *chaos.Group, all []*watcher, mark string) {
	t.Helper()
	var seen []<-chan struct{}
	for _, w := range all {
		seen = append(seen, w.sees(mark))
	}
	chaos.Until(t, 20*time.Second, "the last event", func() error {
		a := g.Leader().Post("/v1/locks/"+mark, "ttl", "1h", "lease", "the-lease-of-a-test-for-"+mark)
		if a.Status != 201 && a.Status != 200 {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	timeout := time.After(30 * time.Second)
	for i, c := range seen {
		select {
		case <-c:
		case <-timeout:
			t.Fatalf("%s has not seen the last event; it is at %s", all[i].name, all[i].position())
		}
	}
}

// TestWatchersSeeEveryEventOnceThroughRestartsAndLeaderChanges: whichever sidecar they ask, and however often they move.
func TestWatchersSeeEveryEventOnceThroughRestartsAndLeaderChanges(t *testing.T) {
	t.Parallel()
	g := chaos.StartLinked(t, 3, "--drain-timeout", "500ms")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all []*watcher
	for i := range 6 {
		w := newWatcher(g, fmt.Sprint("watcher ", i), i, "prefix", "hot-")
		w.stays, w.sse = i < 3, i%2 == 0
		all = append(all, w)
	}
	watched := watchAll(ctx, all)
	work, stop := context.WithCancel(ctx)
	worked := busy(work, g, 6)

	leader := g.Leader()
	follower := g.Others(leader)[0]
	for _, fault := range []func(){
		func() { follower.Kill(); pause(ctx, 300*time.Millisecond); follower.Start() },
		func() { leader.Kill(); pause(ctx, 300*time.Millisecond); leader.Start() },
		func() {
			leader = g.Leader()
			g.Links.Isolate(leader.Name)
			pause(ctx, 1200*time.Millisecond)
			g.Links.HealAll()
		},
		func() { leader = g.Leader(); leader.Pause(); pause(ctx, 900*time.Millisecond); leader.Resume() },
		func() { leader = g.Leader(); leader.Terminate(); leader.Wait(); leader.Start() },
	} {
		pause(ctx, 300*time.Millisecond)
		fault()
		g.AwaitReady()
	}
	stop()
	worked()
	finish(t, g, all, "hot-last")
	cancel()
	watched()

	c := compare(t, all)
	kinds := map[string]int{}
	for _, e := range c.sorted {
		kinds[e.Event]++
	}
	states, whole := 0, 0
	for _, w := range all {
		states += len(w.told)
		if len(w.told) == 1 {
			whole++
		}
	}
	t.Logf("%d events %v; %d states for %d watchers, %d of whom saw one alone", len(c.sorted), kinds, states, len(all), whole)
	if len(c.sorted) < 100 || whole == 0 {
		t.Error("the test has seen too little")
	}
	for _, kind := range []string{"granted", "released", "expired", "queued", "left"} {
		if kinds[kind] == 0 {
			t.Errorf("nothing was %s", kind)
		}
	}
}
