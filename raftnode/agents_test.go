package raftnode

import (
	"fmt"
	"testing"
	"time"
)

// TestStormOfAGroupWithAgentsKeepsEveryPromise: the same through sidecars some of which have no replica, while roles change because nodes die.
func TestStormOfAGroupWithAgentsKeepsEveryPromise(t *testing.T) {
	type storm struct {
		size, spares int
		seed         uint64
		length       time.Duration
	}
	storms := []storm{{6, 1, 11, 20 * time.Second}, {5, 0, 12, 20 * time.Second}}
	if *long {
		for seed := range uint64(20) {
			storms = append(storms, storm{5 + int(seed%3), int(seed % 2), 200 + seed, 2 * time.Minute})
		}
	}
	for _, s := range storms {
		t.Run(fmt.Sprintf("%d nodes, %d spares, seed %d", s.size, s.spares, s.seed), func(t *testing.T) {
			inFakeTime(t, s.size, func(w *world) {
				w.settled(20*time.Second, 3, s.spares, s.size-3-s.spares)
				w.startFromASnapshot()
				runStorm(w, s.seed, s.length)
			}, crew(s.spares), func(w *world) { w.tune = small })
		})
	}
}

// startFromASnapshot has a member start from a snapshot, which a storm that strikes agents too may not bring about.
func (w *world) startFromASnapshot() {
	for i := range 40 {
		who := fmt.Sprintf("early%d", i)
		w.mustHold(w.hosts[0], lockCommand(who, who, time.Second, 1))
	}
	w.sleep(3 * time.Second)
	h := w.with(Voter)
	h.stop()
	h.start()
	w.ready()
}

func TestSubscribersOfAgentsMissNothingAndSeeNothingTwice(t *testing.T) {
	inFakeTime(t, 6, func(w *world) {
		w.settled(20*time.Second, 3, 1, 2)
		checkWatchers(w, watchThroughWeather(w, 21))
	}, crew(1), func(w *world) { w.tune = small })
}
