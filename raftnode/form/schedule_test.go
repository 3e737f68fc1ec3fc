package form

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// given tells whether -rapid.checks was said.
var given bool

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	os.Exit(m.Run())
}

// checks holds a property against so many random cases.
func checks(t *testing.T, n string, property func(*rapid.T)) {
	t.Helper()
	if !given {
		_ = flag.Set("rapid.checks", n)
	}
	rapid.Check(t, property)
}

// fault is one thing that happens to a world at a time.
type fault struct {
	at, until  time.Duration
	node, peer int
	crash      bool // else a cut from node to peer
}

// schedule is one random history.
type schedule struct {
	seed   uint64
	size   int
	voters int
	ids    []string
	joins  [][]string
	starts []time.Duration
	delay  time.Duration
	hang   time.Duration
	faults []fault
}

const chaos = 8 * time.Second

func draw(t *rapid.T, joins func(*rapid.T, int) [][]string, cuts bool) schedule {
	size := rapid.IntRange(2, 3).Draw(t, "size")
	total := size + rapid.IntRange(0, 3).Draw(t, "extra")
	s := schedule{seed: rapid.Uint64().Draw(t, "seed"), size: size, voters: rapid.IntRange(1, size).Draw(t, "voters"), joins: joins(t, total)}
	order := rapid.Permutation([]int{0, 1, 2, 3, 4, 5}[:total]).Draw(t, "ids")
	ms := func(max int, name string) time.Duration {
		return time.Duration(rapid.IntRange(0, max).Draw(t, name)) * time.Millisecond
	}
	spread := rapid.SampledFrom([]int{0, 300, 3000, 6000}).Draw(t, "spread")
	for i := range total {
		s.ids = append(s.ids, fmt.Sprintf("n_%d", order[i]))
		s.starts = append(s.starts, ms(spread, "start"))
	}
	s.delay = rapid.SampledFrom([]time.Duration{0, 5 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond}).Draw(t, "delay")
	s.hang = rapid.SampledFrom([]time.Duration{0, 50 * time.Millisecond, time.Second, 4 * time.Second}).Draw(t, "hang")
	for range rapid.IntRange(0, 5).Draw(t, "faults") {
		f := fault{at: ms(int(chaos.Milliseconds()), "at"), node: rapid.IntRange(0, total-1).Draw(t, "node"), crash: !cuts || rapid.Bool().Draw(t, "crash")}
		f.until = f.at + ms(2500, "for")
		f.peer = rapid.IntRange(0, total-1).Draw(t, "peer")
		s.faults = append(s.faults, f)
	}
	return s
}

// play runs a schedule, heals everything, and tells what is wrong at the end.
func (s schedule) play(t *testing.T) (err error) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(s.seed)
		defer w.end()
		w.delay, w.hang = s.delay, s.hang
		for i, id := range s.ids {
			w.add(id, s.size, s.voters, s.joins[i]...)
		}
		s.chaos(t, w)
		w.calm()
		if !w.settle(s.size, 2*time.Minute) {
			err = fmt.Errorf("no group of %d after all healed", s.size)
			for _, n := range w.nodes {
				err = fmt.Errorf("%w\n%s: %v %s %v", err, n.cfg.ID, n.made(), n.why(), n.failure())
			}
		}
		if wrong := w.oneGroup(); wrong != nil {
			err = wrong
		}
	})
	return err
}

// chaos lets starts and faults happen at their times; at the end all run and nothing is cut.
func (s schedule) chaos(t *testing.T, w *world) {
	type event struct {
		at time.Duration
		do func()
	}
	var events []event
	for i, at := range s.starts {
		events = append(events, event{at, func() {
			if w.nodes[i].running() == nil {
				w.nodes[i].start(t)
			}
		}})
	}
	for _, f := range s.faults {
		n := w.nodes[f.node]
		if f.crash {
			events = append(events, event{f.at, n.crash}, event{f.until, func() {
				if n.running() == nil {
					n.start(t)
				}
			}})
			continue
		}
		events = append(events, event{f.at, func() { w.setCut(f.node, f.peer, true) }}, event{f.until, func() { w.setCut(f.node, f.peer, false) }})
	}
	slices.SortStableFunc(events, func(a, b event) int { return int(a.at - b.at) })
	begin := time.Now()
	for _, e := range events {
		time.Sleep(e.at - time.Since(begin))
		e.do()
	}
	for _, n := range w.nodes {
		if n.running() == nil {
			n.start(t)
		}
	}
}

// ring: each names the next one and a random subset, so that the join addresses
// lead from each node to every other.
func ring(t *rapid.T, total int) [][]string {
	var joins [][]string
	for i := range total {
		j := []string{addrOf((i + 1) % total)}
		for k := range total {
			if rapid.Bool().Draw(t, "join") {
				j = append(j, addrOf(k))
			}
		}
		joins = append(joins, j)
	}
	return joins
}

// tree: each but the first names one other, so that unions grow late.
func tree(t *rapid.T, total int) [][]string {
	joins := [][]string{nil}
	for i := 1; i < total; i++ {
		joins = append(joins, []string{addrOf(rapid.IntRange(0, i-1).Draw(t, "join"))})
	}
	return joins
}

// TestOneGroupOverAnySchedule: crashes at any step, cuts in one direction, slow
// messages and disks, outsiders; one group at the end, and never a second one.
func TestOneGroupOverAnySchedule(t *testing.T) {
	checks(t, schedules, func(rt *rapid.T) {
		if err := draw(rt, ring, true).play(t); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestOneGroupWhileTheUnionGrows: the join addresses are a tree, so that nodes
// hear of each other late and the first ones may be a group before the last ones come.
func TestOneGroupWhileTheUnionGrows(t *testing.T) {
	checks(t, schedules, func(rt *rapid.T) {
		s := draw(rt, tree, false)
		if err := s.play(t); err != nil {
			rt.Fatal(err)
		}
	})
}
