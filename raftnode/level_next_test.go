//go:build sidelock_next

package raftnode

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

func noteCommand(text string) lease.Command { return lease.Command{Op: lease.OpNote, Value: text} }

// as makes the host's next node one of a release that understands this level.
func (h *host) as(level uint32) { h.also = func(c *Config) { c.features = level } }

func (w *world) wantLevel(want uint32) {
	w.t.Helper()
	for _, h := range w.hosts {
		if n := h.up(); n != nil && n.Status().FeatureLevel != want {
			w.t.Fatalf("%s is at level %d, want %d", h.name, n.Status().FeatureLevel, want)
		}
	}
}

func (w *world) atLevel(level uint32) bool {
	for _, h := range w.hosts {
		if n := h.up(); n == nil || n.FeatureLevel() != level {
			return false
		}
	}
	return true
}

// noted returns the note as a node reads it by default.
func (h *host) noted() string {
	h.w.t.Helper()
	a, _, err := h.up().Query(within(10*time.Second), lease.Query{Kind: lease.QueryNote}, Linearizable)
	if err != nil || a.Code != lease.OK {
		h.w.t.Fatalf("%s: %+v, %v", h.name, a, err)
	}
	return a.Why
}

// TestGroupRisesTogether: a command of the next level is proposed by nobody before all are at it; then every sidecar takes it, and it
// outlives power cuts, snapshots and changes of the Raft leader.
func TestGroupRisesTogether(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		w.sleep(10 * levelStable)
		for i, h := range w.hosts {
			w.wantLevel(1)
			for _, h := range w.hosts {
				_, err := h.up().Do(within(5*time.Second), noteCommand("early"))
				if made, ok := errors.AsType[*Error](err); !ok || made.Code != NotReady || !strings.Contains(made.Detail, "not until all sidecars of the group run release next or a newer one") {
					t.Errorf("%s: a command above the level: %v", h.name, err)
				}
			}
			h.stop()
			h.as(2)
			h.start()
			w.ready()
			w.works(fmt.Sprint("mixed", i))
			if i+1 < len(w.hosts) {
				if w.leader() == w.hosts[len(w.hosts)-1] {
					w.transfer() // an older Raft leader would not raise it
				}
				w.sleep(3 * levelStable)
			}
		}
		if took := w.eventually(levelStable+5*time.Second, "the level to rise", func() bool { return w.atLevel(2) }); took < levelStable/2 {
			t.Errorf("the level rose %v after the last was upgraded", took)
		}
		for i, h := range w.hosts {
			text := fmt.Sprint("note ", i)
			if out, err := h.up().Do(within(5*time.Second), noteCommand(text)); err != nil || out.Code != lease.OK {
				t.Fatalf("%s: %+v, %v", h.name, out, err)
			}
			for _, other := range w.hosts {
				if got := other.noted(); got != text {
					t.Errorf("%s reads %q, want %q", other.name, got, text)
				}
			}
		}
		w.transfer()
		for i := range 80 { // and snapshots are taken
			name := fmt.Sprint("l", i%8)
			w.mustHold(w.leader(), lockCommand(name, fmt.Sprint(name, i), time.Minute, 1))
			w.mustRelease(w.leader(), name, fmt.Sprint(name, i))
		}
		w.sleep(3 * time.Second)
		for _, h := range w.hosts {
			h.crash()
		}
		for _, h := range w.hosts {
			h.start()
		}
		w.ready()
		w.works("after")
		w.wantLevel(2)
		for _, h := range w.hosts {
			if got := h.noted(); got != "note 2" {
				t.Errorf("%s reads %q after the power cut", h.name, got)
			}
		}
		w.sameEverywhere()
		raised := 0
		for _, e := range w.ledger.replay(nil).entries {
			for i := range e.Commands {
				if e.Commands[i].Op == lease.OpRaiseLevel {
					raised++
				}
			}
		}
		if raised != 1 || w.restores == 0 {
			t.Errorf("the level was raised %d times, %d snapshots were used", raised, w.restores)
		}
	}, func(w *world) { w.tune, w.also = small, func(c *Config) { c.features = 1 } })
}
