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
				runStorm(w, s.seed, s.length)
			}, crew(s.spares), func(w *world) { w.tune = small })
		})
	}
}

func TestSubscribersOfAgentsMissNothingAndSeeNothingTwice(t *testing.T) {
	inFakeTime(t, 6, func(w *world) {
		w.settled(20*time.Second, 3, 1, 2)
		checkWatchers(w, watchThroughWeather(w, 21))
	}, crew(1), func(w *world) { w.tune = small })
}
