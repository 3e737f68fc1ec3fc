package raftnode

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// ends waits until a node ends itself, and looks whether it says what to do.
func (h *host) ends() {
	h.w.t.Helper()
	select {
	case err := <-h.fatals:
		if !strings.Contains(strings.ToLower(err.Error()), "move") || !strings.Contains(err.Error(), "rolled back") {
			h.w.t.Errorf("it does not say what to do: %v", err)
		}
	case <-time.After(20 * time.Second):
		h.w.t.Errorf("it goes on: %+v", h.up().Status())
	}
}

// Guard 15: a directory of the time when its node was the whole group knows nobody who could refuse it, and would lead by itself beside the
// group that has grown since. Whoever it asks at its start, or calls it, tells it, before it has granted anything.
func TestADirectoryOfTheTimeAloneIsToldByTheOthers(t *testing.T) {
	for _, v := range []struct{ join, moved bool }{{false, false}, {true, false}, {true, true}} {
		t.Run(fmt.Sprintf("join %v, moved %v", v.join, v.moved), func(t *testing.T) {
			inFakeTime(t, 1, func(w *world) {
				h := w.hosts[0]
				synctest.Wait()
				backup := filepath.Join(w.root, "backup") // of a running machine
				if err := copyDir(h.dir, backup); err != nil {
					t.Fatal(err)
				}
				os.Remove(filepath.Join(backup, "lock"))
				for i := 2; i <= 3; i++ {
					h := &host{w: w, name: fmt.Sprint("n", i), clock: newSkewedClock(1), dir: filepath.Join(w.root, fmt.Sprint("n", i)), also: func(c *Config) {
						c.ClusterSize, c.Voters, c.Existing = 3, 3, true
					}}
					w.hosts = append(w.hosts, h)
					h.start()
				}
				w.settled(20*time.Second, 3, 0, 0)
				w.sleep(time.Second)
				h.stop()
				w.newLeader(h)
				if v.moved {
					h = &host{w: w, name: "moved", clock: newSkewedClock(1)}
					w.hosts = append(w.hosts, h)
				}
				h.dir, h.fatals = backup, make(chan error, 1)
				h.also = func(c *Config) {
					if c.ClusterSize, c.Voters = 1, 3; !v.join {
						c.Join = nil
					}
				}
				n := h.start()
				granted := make(chan bool, 1)
				go func() {
					_, err := n.Do(within(20*time.Second), lockCommand("a", "one", time.Minute, 1))
					granted <- err == nil
				}()
				h.ends()
				h.stop()
				if <-granted {
					t.Error("it granted a lock beside the others")
				}
			}, func(w *world) { w.also = func(c *Config) { c.Voters = 3 } })
		})
	}
}

// Guard 15: what the peers know of each other outlives their processes.
func TestADirectoryThatWentBackWhileAllWereDownIsKeptOut(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		h := w.with(Voter)
		h.stop()
		dir := filepath.Join(w.root, "backup")
		if err := copyDir(h.dir, dir); err != nil {
			t.Fatal(err)
		}
		h.start()
		w.ready()
		for i := range 50 {
			w.mustHold(h, lockCommand(fmt.Sprint("x", i), fmt.Sprint("first", i), time.Minute, 1))
		}
		w.sleep(10 * time.Second)
		for _, o := range w.hosts {
			o.crash() // what is written down now and then must do
		}
		h.dir, h.fatals = dir, make(chan error, 1)
		for _, o := range w.hosts {
			o.start()
		}
		h.ends()
	}, crew(0))
}
