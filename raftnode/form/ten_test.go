package form

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

const ten = 10

// trouble is a time in which a lookup does not answer all.
type trouble struct {
	from, until time.Duration
	hangs       bool // else it fails at once
	part        int  // what it still answers: the addresses that this divides
}

// partial is what one node's discovery answers: a set that grows, with trouble on the way.
type partial struct {
	begin   time.Time
	at      []time.Duration // when each of the ten is there to be found
	trouble []trouble
	gaps    []trouble // in which the answer is as partial, and says nothing of it
}

var errSlow = errors.New("no answer within 3s")

// find is discover.Finder's contract: bounded, and never silent about what it could not look up.
func (p *partial) find(ctx context.Context) ([]string, []error) {
	for _, t := range p.trouble {
		now := time.Since(p.begin)
		if now < t.from || now >= t.until {
			continue
		}
		if !t.hangs {
			return p.known(now, t), []error{errLookup}
		}
		hang := time.NewTimer(min(t.until-now, 3*time.Second))
		select {
		case <-hang.C:
		case <-ctx.Done():
			hang.Stop()
			return nil, []error{ctx.Err()}
		}
		if time.Since(p.begin) < t.until {
			return p.known(now, t), []error{errSlow}
		}
	}
	now := time.Since(p.begin)
	for _, g := range p.gaps {
		if g.from <= now && now < g.until {
			return p.known(now, g), nil
		}
	}
	return p.known(now, trouble{part: 1}), nil
}

func (p *partial) known(now time.Duration, t trouble) (addrs []string) {
	for i, at := range p.at {
		if at <= now && i%t.part == 0 {
			addrs = append(addrs, addrOf(i))
		}
	}
	return addrs
}

// sure tells whether one node's discovery always leads to another, where it has no fault.
type sure func(from, to int) bool

// ring: from each to every other, in steps.
func inRing(from, to int) bool { return to == (from+1)%ten }

// toOne: all know one, who knows nobody by himself.
func toOne(to int) sure { return func(_, b int) bool { return b == to } }

func nobody(int, int) bool { return false }

// tenNodes is one random history of ten fresh nodes that are started at once.
type tenNodes struct {
	seed   uint64
	size   int
	order  []int // in which they are started, and their IDs
	ids    []int
	apart  time.Duration
	delay  time.Duration
	hang   time.Duration
	finds  []*partial
	faults []fault
}

// whole is when every discovery answers all.
const whole = 20 * time.Second

func drawTen(t *rapid.T, size int, s sure, wild bool) tenNodes {
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	ms := func(low, high int, name string) time.Duration {
		return time.Duration(rapid.IntRange(low, high).Draw(t, name)) * time.Millisecond
	}
	h := tenNodes{
		seed: rapid.Uint64().Draw(t, "seed"), size: size,
		order: rapid.Permutation(all).Draw(t, "order"), ids: rapid.Permutation(all).Draw(t, "ids"),
		apart: rapid.SampledFrom([]time.Duration{0, time.Millisecond, 100 * time.Millisecond}).Draw(t, "apart"),
		delay: rapid.SampledFrom([]time.Duration{0, 5 * time.Millisecond, 300 * time.Millisecond}).Draw(t, "delay"),
		hang:  rapid.SampledFrom([]time.Duration{0, 50 * time.Millisecond, time.Second}).Draw(t, "hang"),
	}
	early := rapid.SampledFrom([]int{0, 0, 12000}).Draw(t, "early")
	late := early + rapid.SampledFrom([]int{0, 1000, 6000}).Draw(t, "late")
	draw := func() trouble {
		from := rapid.SampledFrom([]time.Duration{0, 2500 * time.Millisecond, 7 * time.Second}).Draw(t, "from")
		return trouble{from, from + ms(0, 8000, "for"), rapid.Bool().Draw(t, "hangs"), rapid.IntRange(2, ten+1).Draw(t, "part")}
	}
	for i := range ten {
		p := &partial{}
		for k := range ten {
			at := ms(early, late, "found")
			if s(i, k) {
				at = 0
			}
			p.at = append(p.at, at)
		}
		for range rapid.IntRange(0, 2).Draw(t, "trouble") {
			p.trouble = append(p.trouble, draw())
		}
		if wild && rapid.Bool().Draw(t, "gap") {
			p.gaps = append(p.gaps, draw())
		}
		h.finds = append(h.finds, p)
	}
	for range rapid.IntRange(0, 3).Draw(t, "faults") {
		f := fault{at: ms(0, 12000, "at"), node: rapid.IntRange(0, ten-1).Draw(t, "node"), crash: true}
		f.until = f.at + ms(0, 2500, "for")
		h.faults = append(h.faults, f)
	}
	return h
}

// play runs a history to its end: all run, and every discovery is whole. It returns how many have formed.
func (h tenNodes) play(t *testing.T, judge func(*world) error) (err error) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(h.seed)
		defer w.end()
		w.delay, w.hang = h.delay, h.hang
		for i := range ten {
			n := w.add(fmt.Sprintf("n_%d", h.ids[i]), h.size, 3)
			h.finds[i].begin = time.Now()
			n.cfg.Find = h.finds[i].find
		}
		s := schedule{faults: h.faults}
		for i := range ten {
			s.starts = append(s.starts, time.Duration(slices.Index(h.order, i))*h.apart)
		}
		s.chaos(t, w)
		w.calm()
		time.Sleep(whole - time.Since(h.finds[0].begin))
		if err = judge(w); err == nil {
			err = w.oneGroup()
		}
		if err != nil {
			for _, n := range w.nodes {
				err = fmt.Errorf("%w\n%s at %s: promised %v, met %v, %s %v", err, n.cfg.ID, n.addr, n.made(), n.met(), n.why(), n.failure())
			}
		}
	})
	return err
}

// allInOne: one group of that size, and all others have met it.
func allInOne(size int) func(*world) error {
	return func(w *world) error {
		if within(2*time.Minute, func() bool { f, m := w.count(); return f+m == ten }) {
			if f, _ := w.count(); f == size {
				return nil
			}
		}
		f, m := w.count()
		return fmt.Errorf("%d have formed a group and %d met it, of %d in all", f, m, ten)
	}
}

// count tells how many have formed, and how many have met a group.
func (w *world) count() (formed, met int) {
	for _, n := range w.nodes {
		if _, ok := n.formed(); ok {
			formed++
		}
		if n.met() != nil {
			met++
		}
	}
	return formed, met
}

// TestTenNodesAreOneGroupWhateverDiscoverySays: as long as it leads, in steps, from each to one and the same, however slow, partial
// and faulty it is.
func TestTenNodesAreOneGroupWhateverDiscoverySays(t *testing.T) {
	for _, size := range []int{3, 5, 10} {
		t.Run(fmt.Sprint("of ", size), func(t *testing.T) {
			checks(t, histories, func(rt *rapid.T) {
				s := inRing
				if rapid.Bool().Draw(rt, "one") {
					s = toOne(rapid.IntRange(0, ten-1).Draw(rt, "to"))
				}
				if err := drawTen(rt, size, s, false).play(t, allInOne(size)); err != nil {
					rt.Fatal(err)
				}
			})
		})
	}
}

// TestAMajorityIsOneGroupWhateverDiscoverySays: with a cluster size of more than half, discovery may leave out whom it
// likes, for as long as it likes, and nodes may lose what they knew by a crash. Never two groups; and without crashes one.
func TestAMajorityIsOneGroupWhateverDiscoverySays(t *testing.T) {
	for _, size := range []int{6, 10} {
		t.Run(fmt.Sprint("of ", size), func(t *testing.T) {
			formed := 0
			checks(t, histories, func(rt *rapid.T) {
				h := drawTen(rt, size, nobody, true)
				judge := allInOne(size)
				if len(h.faults) > 0 {
					judge = func(w *world) error {
						if w.settle(size, time.Minute) {
							formed++
						}
						return nil
					}
				}
				if err := h.play(t, judge); err != nil {
					rt.Fatal(err)
				}
			})
			if formed == 0 {
				t.Error("no group came of any history with crashes")
			}
		})
	}
}

// TestTwoSetsThatNeverMeet shows what no agreement can prevent, and what does: two halves whose discovery leads nowhere else
// are two groups of half the nodes each, and none if it takes more than half.
func TestTwoSetsThatNeverMeet(t *testing.T) {
	for size, groups := range map[int]int{3: 2, 4: 0} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(1)
			defer w.end()
			for i := range 6 {
				n := w.add(fmt.Sprint("n_", i), size, 3)
				half := i / 3 * 3
				n.discovers(addrsOf(half, half+1, half+2)...)
				n.start(t)
			}
			time.Sleep(5 * time.Minute)
			clusters := map[string]bool{}
			for _, n := range w.nodes {
				if r, ok := n.formed(); ok {
					clusters[r.ClusterID] = true
				}
			}
			if len(clusters) != groups {
				t.Errorf("cluster size %d: %d groups, want %d", size, len(clusters), groups)
			}
		})
	}
}
