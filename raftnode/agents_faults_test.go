package raftnode

import (
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// TestServiceIsBackSoonThroughAgents: like through members, whatever way the Raft leader goes (P17).
func TestServiceIsBackSoonThroughAgents(t *testing.T) {
	for what, fault := range map[string]func(*world, *host){
		"stopped":                  func(_ *world, h *host) { h.stop() },
		"without power":            func(_ *world, h *host) { h.crash() },
		"cut off":                  func(w *world, h *host) { w.isolate(h) },
		"cut off from the members": func(w *world, h *host) { w.net.Partition(h.name, w.members(h)...) },
	} {
		t.Run(what, func(t *testing.T) {
			withAgents(t, func(w *world, agent, other *host) {
				for range 3 {
					old := w.leader()
					begun := time.Now()
					fault(w, old)
					out, err := agent.up().Do(within(20*time.Second), lockCommand("l", "holder", time.Hour, 1))
					if took := time.Since(begun); err != nil || out.Code != lease.OK || took > 2*time.Second {
						t.Errorf("back after %v: %+v %v", took, out, err)
					}
					w.net.HealAll()
					if old.up() == nil {
						old.start()
					}
					w.settled(20*time.Second, 3, 0, 2)
				}
			})
		})
	}
}
