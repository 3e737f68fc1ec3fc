//go:build sidelock_next

package raftnode

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

func noteCommand(text string) lease.Command { return lease.Command{Op: lease.OpNote, Value: text} }

// raises tells whichever node reigns, again and again, what all understand.
func (w *world) raises(understood *atomic.Uint32) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var l *levelRaiser
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
			h := w.leader()
			if h == nil {
				continue
			}
			n := h.up()
			if n == nil {
				continue
			}
			r := n.reigning()
			if r == nil {
				continue
			}
			if l == nil || l.reign != r {
				l = newLevelRaiser(r)
			}
			l.look(understood.Load())
		}
	}()
	return func() { close(quit); <-done }
}

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
		understood := new(atomic.Uint32)
		understood.Store(1)
		stop := w.raises(understood)
		defer stop()
		w.sleep(10 * levelStable)
		for _, h := range w.hosts {
			_, err := h.up().Do(within(5*time.Second), noteCommand("early"))
			if made, ok := errors.AsType[*Error](err); !ok || made.Code != NotReady || !strings.Contains(made.Detail, "not until all sidecars of the group run release next or a newer one") {
				t.Errorf("%s: a command above the level: %v", h.name, err)
			}
		}
		for range 5 { // one of them goes back each time
			understood.Store(2)
			w.sleep(levelStable - 200*time.Millisecond)
			understood.Store(1)
			w.sleep(200 * time.Millisecond)
		}
		w.wantLevel(1)
		understood.Store(2)
		took := w.eventually(levelStable+3*time.Second, "the level to rise", func() bool { return w.atLevel(2) })
		if took < levelStable-200*time.Millisecond {
			t.Errorf("the level rose after %v", took)
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
	}, func(w *world) { w.tune = small })
}
