package form

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// discovery is what one node's lookups answer, until it is changed.
type discovery struct {
	mu    sync.Mutex
	addrs []string
	fault error
	hang  time.Duration // of each lookup
	asked int
}

func (d *discovery) find(ctx context.Context) ([]string, []error) {
	d.mu.Lock()
	addrs, fault, hang := slices.Clone(d.addrs), d.fault, d.hang
	d.asked++
	d.mu.Unlock()
	select {
	case <-time.After(hang):
	case <-ctx.Done():
		return nil, []error{ctx.Err()}
	}
	if fault != nil {
		return addrs, []error{fault}
	}
	return addrs, nil
}

func (d *discovery) set(fault error, addrs ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault, d.addrs = fault, addrs
}

// hangs makes each lookup take so long, from the next one on.
func (d *discovery) hangs(long time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hang = long
}

// discovers gives a node nothing but discovery.
func (n *node) discovers(addrs ...string) *discovery {
	d := &discovery{addrs: addrs}
	n.cfg.Join, n.cfg.Find = nil, d.find
	return d
}

func addrsOf(nodes ...int) (addrs []string) {
	for _, i := range nodes {
		addrs = append(addrs, addrOf(i))
	}
	return addrs
}

var errLookup = errors.New("dns:web:5626: no such host")

func nobodyPromised(t *testing.T, w *world) {
	t.Helper()
	for _, n := range w.nodes {
		if made := n.made(); len(made) > 0 {
			t.Errorf("%s promised %v", n.cfg.ID, made)
		}
	}
}

func TestDiscoveryAloneLeadsToAGroup(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		three(w)
		for _, n := range w.nodes {
			n.discovers(addrsOf(0, 1, 2)...)
		}
		begin := time.Now()
		startAll(t, w)
		if !w.settle(3, 10*time.Second) {
			t.Fatal(w.nodes[0].why())
		}
		if took := time.Since(begin); took > DefaultStableFor+time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// TestOneFaultOfLookupKeepsAllFromPromising: the node that cannot look up says so, and so do those who hear of it.
func TestOneFaultOfLookupKeepsAllFromPromising(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		three(w)
		d := w.nodes[2].discovers()
		d.set(errLookup, addrsOf(0, 1)...)
		startAll(t, w)
		time.Sleep(5 * time.Minute)
		nobodyPromised(t, w)
		for _, n := range w.nodes {
			if !strings.Contains(n.why(), errLookup.Error()) {
				t.Errorf("%s does not say why: %s", n.cfg.ID, n.why())
			}
		}
		if !strings.Contains(w.nodes[0].why(), "n_a (node-n_a at "+addrOf(2)+"): cannot look --join up") {
			t.Errorf("it is not said whose lookup fails: %s", w.nodes[0].why())
		}
		d.set(nil, addrsOf(0, 1)...)
		if !w.settle(3, 10*time.Second) {
			t.Fatal(w.nodes[0].why())
		}
	})
}

// TestNobodyPromisesBeforeTheFirstAnswer, nor stands still meanwhile: the others are probed, and learn from this node.
func TestNobodyPromisesBeforeTheFirstAnswer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		three(w)
		d := w.nodes[2].discovers()
		d.hangs(10 * time.Minute)
		startAll(t, w)
		time.Sleep(time.Minute)
		nobodyPromised(t, w)
		if why := w.nodes[0].why(); !strings.Contains(why, "has not looked --join up yet") {
			t.Errorf("waiting: %s", why)
		}
		if u := w.nodes[2].running().Status().Union; len(u) != 3 {
			t.Errorf("while its lookup hangs, a node knows only of %v", u)
		}
		time.Sleep(9 * time.Minute)
		if !w.settle(3, 12*time.Minute) { // its next answer takes as long again, and confirms the first
			t.Fatal(w.nodes[0].why())
		}
	})
}

// TestAnAnswerOfBeforeIsNoConfirmation: what was looked up before all agreed is looked up again before a promise.
func TestAnAnswerOfBeforeIsNoConfirmation(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n, other := w.add("n_a", 2, 2), w.add("n_b", 2, 2)
		for _, n := range []*node{n, other} {
			d := n.discovers(addrsOf(0, 1)...)
			n.start(t)
			time.Sleep(10 * time.Millisecond)
			d.hangs(time.Minute)
		}
		time.Sleep(30 * time.Second)
		nobodyPromised(t, w)
		if !strings.Contains(n.why(), "looked up once more") {
			t.Errorf("waiting: %s", n.why())
		}
		if !w.settle(2, 5*time.Minute) {
			t.Fatal(n.why())
		}
	})
}

// TestAnAddressThatIsMissingForAWhileStillCounts: two of three do not go ahead because discovery forgets the third for a moment.
func TestAnAddressThatIsMissingForAWhileStillCounts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for _, id := range []string{"n_a", "n_b"} {
			w.add(id, 2, 2)
		}
		a, b := w.nodes[0].discovers(addrsOf(0, 1, 2)...), w.nodes[1].discovers(addrsOf(0, 1, 2)...)
		startAll(t, w)
		time.Sleep(10 * time.Second)
		for range 10 {
			a.set(nil, addrsOf(0, 1)...)
			b.set(nil, addrsOf(0, 1)...)
			time.Sleep(DefaultForgetAfter - 2*time.Second)
			nobodyPromised(t, w)
			a.set(nil, addrsOf(0, 1, 2)...)
			b.set(nil, addrsOf(0, 1, 2)...)
			time.Sleep(2 * time.Second)
		}
		a.set(nil, addrsOf(0, 1)...) // gone for good
		b.set(nil, addrsOf(0, 1)...)
		if !w.settle(2, 2*DefaultForgetAfter+10*time.Second) {
			t.Fatal(w.nodes[0].why())
		}
	})
}

// TestAFaultOfLookupForgetsNothing: that an address is missing in half an answer means nothing, however long.
func TestAFaultOfLookupForgetsNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.add("n_a", 2, 2)
		d := n.discovers(addrsOf(0, 1)...)
		n.start(t)
		time.Sleep(time.Second)
		d.set(errLookup)
		time.Sleep(10 * DefaultForgetAfter)
		if u := n.running().Status().Union; !slices.Equal(u, addrsOf(0, 1)) {
			t.Errorf("only %v is left", u)
		}
		d.set(nil)
		time.Sleep(DefaultForgetAfter - 2*time.Second)
		if u := n.running().Status().Candidates; !slices.Equal(u, addrsOf(0, 1)) {
			t.Errorf("only %v is left right after an answer without the other", u)
		}
		time.Sleep(4 * time.Second)
		if u := n.running().Status().Union; !slices.Equal(u, addrsOf(0)) {
			t.Errorf("%v is left", u)
		}
	})
}

func TestFormAsksForAddressesOnlyWhileItRuns(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.add("n_a", 1, 1)
		d := n.discovers()
		n.start(t)
		if !w.settle(1, 10*time.Second) {
			t.Fatal(n.why())
		}
		synctest.Wait()
		before := d.asked
		time.Sleep(time.Minute)
		if d.asked != before || before == 0 {
			t.Errorf("asked %d times, then %d", before, d.asked-before)
		}
	})
}

// TestTooManyAddressesKeepFromPromising: what does not fit into the union is not silently left out.
func TestTooManyAddressesKeepFromPromising(t *testing.T) {
	f, err := New(Config{ID: "a", Address: "a:1", ClusterSize: 3, Voters: 3}, &paper{}, canned{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range MaxUnion - 1 {
		if why := f.Answer(peer(fmt.Sprintf("n%d", i))).Incomplete; why != "" {
			t.Fatalf("after %d: %s", i, why)
		}
	}
	if s := f.Answer(peer("late")); !strings.Contains(s.Incomplete, "256") || s.Check() != nil {
		t.Errorf("%q, %v", s.Incomplete, s.Check())
	}
}

func TestALongFaultFitsIntoAStatus(t *testing.T) {
	f, err := New(Config{ID: "a", Address: "a:1", ClusterSize: 3, Voters: 3, Find: (&discovery{}).find}, &paper{}, canned{})
	if err != nil {
		t.Fatal(err)
	}
	f.take(time.Now(), nil, []error{errors.New(strings.Repeat("é", MaxText))})
	if s := f.Status(); s.Check() != nil || !strings.HasSuffix(s.Incomplete, "é …") {
		t.Errorf("%v: %q", s.Check(), s.Incomplete)
	}
}
