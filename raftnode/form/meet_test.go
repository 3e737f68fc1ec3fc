package form

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// group starts a group of its own, from nodes that know nobody else, and returns its cluster.
func group(t *testing.T, w *world, ids ...string) string {
	t.Helper()
	var join []string
	for i := range ids {
		join = append(join, addrOf(len(w.nodes)+i))
	}
	var nodes []*node
	for _, id := range ids {
		n := w.add(id, len(ids), len(ids), join...)
		n.start(t)
		nodes = append(nodes, n)
	}
	if !within(10*time.Second, func() bool {
		return !slices.ContainsFunc(nodes, func(n *node) bool { _, ok := n.formed(); return !ok })
	}) {
		t.Fatal(nodes[0].why())
	}
	return nodes[0].cluster
}

func meets(t *testing.T, n *node, cluster string, d time.Duration) {
	t.Helper()
	if !within(d, func() bool { return n.met() != nil }) {
		t.Fatalf("%s met nobody: %s, %v", n.cfg.ID, n.why(), n.failure())
	}
	if g := n.met(); g.ClusterID != cluster {
		t.Fatalf("%s met %+v, not %s", n.cfg.ID, g, cluster)
	}
	if len(n.made()) > 0 {
		t.Fatalf("%s promised %v", n.cfg.ID, n.made())
	}
}

// TestAFaultOfLookupDoesNotKeepFromJoining: one address that leads to the group is enough.
func TestAFaultOfLookupDoesNotKeepFromJoining(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cluster := group(t, w, "n_b", "n_c", "n_d")
		n := w.add("n_a", 3, 3)
		n.discovers().set(errLookup, addrOf(1), "10.9.9.9:1")
		n.start(t)
		meets(t, n, cluster, 5*time.Second)
	})
}

// TestWhoWaitsForAGroupIsNoFounder: it counts for nothing, and keeps nobody from founding, though it has the lowest ID.
func TestWhoWaitsForAGroupIsNoFounder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		join := addrsOf(0, 1, 2, 3, 4)
		for _, id := range []string{"a_1", "a_2", "n_a", "n_b", "n_c"} {
			w.add(id, 3, 3, join...)
		}
		for _, n := range w.nodes[:2] {
			n.cfg.Existing, n.cfg.ClusterSize = true, 1
		}
		for _, n := range w.nodes[:4] {
			n.start(t)
		}
		time.Sleep(5 * time.Minute)
		nobodyPromised(t, w)
		if why := w.nodes[0].why(); !strings.Contains(why, "--cluster-state existing") || !strings.Contains(why, "3 other nodes found") || !strings.Contains(why, addrOf(4)) {
			t.Errorf("waiting: %s", why)
		}
		w.nodes[4].start(t)
		if !w.settle(3, 10*time.Second) {
			t.Fatal(w.nodes[2].why())
		}
		for _, n := range w.nodes[:2] {
			meets(t, n, w.nodes[2].cluster, 10*time.Second)
		}
	})
}

// TestExistingSaysWhatItCannotReach: who waits for a group wants to know why it is not found.
func TestExistingSaysWhatItCannotReach(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.add("n_a", 3, 3)
		n.cfg.Existing = true
		n.discovers().set(errLookup, addrOf(1))
		n.start(t)
		time.Sleep(time.Minute)
		for _, part := range []string{addrOf(1), "cannot be reached", errLookup.Error()} {
			if !strings.Contains(n.why(), part) {
				t.Errorf("%q is not said: %s", part, n.why())
			}
		}
	})
}

func TestExistingMeetsTheGroup(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.add("n_a", 3, 3, addrsOf(1, 2)...)
		n.cfg.Existing = true
		n.start(t)
		time.Sleep(time.Minute)
		cluster := group(t, w, "n_b", "n_c")
		meets(t, n, cluster, 5*time.Second)
	})
}

func TestTwoGroupsAreMetByNobody(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := group(t, w, "n_b", "n_c"), group(t, w, "n_d", "n_e")
		n := w.add("n_a", 3, 3)
		d := n.discovers(addrsOf(0, 2)...)
		n.start(t)
		time.Sleep(time.Minute)
		if n.met() != nil || len(n.made()) > 0 || !strings.Contains(n.why(), one) || !strings.Contains(n.why(), two) {
			t.Errorf("met %+v; waiting: %s", n.met(), n.why())
		}
		d.set(nil, addrOf(2))
		meets(t, n, two, 2*DefaultForgetAfter)
		for _, n := range w.nodes[:2] {
			n.wipe() // the world is judged at the end: one group
		}
	})
}

// TestAllAddressesAreAskedBeforeAGroupIsMet: the second group is found at second hand, one round later.
func TestAllAddressesAreAskedBeforeAGroupIsMet(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := group(t, w, "n_b")
		two := group(t, w, "n_c")
		between := w.add("n_d", 3, 3, addrsOf(1, 9)...) // knows of the second alone
		between.cfg.Existing = true
		w.setCut(2, 1, true)
		between.start(t)
		n := w.add("n_a", 3, 3, addrsOf(0, 2)...)
		n.start(t)
		time.Sleep(time.Minute)
		if n.met() != nil || !strings.Contains(n.why(), one) || !strings.Contains(n.why(), two) {
			t.Errorf("met %+v; waiting: %s", n.met(), n.why())
		}
		for _, n := range []*node{w.nodes[0], between} { // the world is judged at the end: one group
			n.wipe()
		}
	})
}

// TestWhoMetAGroupIsNoFounder: the group is out of reach now, and those who come later know of it only through this node.
func TestWhoMetAGroupIsNoFounder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cluster := group(t, w, "n_a")
		w.add("n_b", 2, 2, addrOf(0)).start(t)
		meets(t, w.nodes[1], cluster, 5*time.Second)
		w.nodes[0].crash()
		time.Sleep(2 * DefaultForgetAfter)
		for _, id := range []string{"n_c", "n_d"} {
			w.add(id, 2, 2, addrsOf(1, 2, 3)...)
		}
		w.nodes[2].start(t)
		w.nodes[3].start(t)
		time.Sleep(5 * time.Minute)
		for _, n := range w.nodes[1:] {
			if len(n.made()) > 0 {
				t.Errorf("%s promised %v", n.cfg.ID, n.made())
			}
		}
		if why := w.nodes[2].why(); !strings.Contains(why, addrOf(0)) || !strings.Contains(why, "asks cluster "+cluster) {
			t.Errorf("waiting: %s", why)
		}
		w.nodes[0].start(t) // and back
		for _, n := range w.nodes[2:] {
			meets(t, n, cluster, 10*time.Second)
		}
	})
}

// TestWhoMetAGroupLeadsToAllOfIt: the one member that it met is gone, another is there, of which nobody knows by discovery.
func TestWhoMetAGroupLeadsToAllOfIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cluster := group(t, w, "n_a", "n_b")
		w.add("n_c", 2, 2, addrOf(0)).start(t)
		meets(t, w.nodes[2], cluster, 5*time.Second)
		w.nodes[0].crash()
		late := w.add("n_d", 2, 2, addrOf(2))
		late.start(t)
		meets(t, late, cluster, 5*time.Second)
		if g := late.met(); g.Address != addrOf(1) {
			t.Errorf("met %+v", g)
		}
	})
}

// TestFormMayBeCalledAgain: the group that was met does not answer, so this node looks again; and as long as discovery leads
// there it founds nothing else.
func TestFormMayBeCalledAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cluster := group(t, w, "n_a", "n_b")
		n := w.add("n_c", 1, 1)
		n.discovers(addrOf(0))
		n.start(t)
		meets(t, n, cluster, 5*time.Second)
		if s := n.running().Status(); s.Check() != nil || s.Phase != Joining || s.ClusterID != cluster {
			t.Errorf("says that it is %s, of cluster %q", s.Phase, s.ClusterID)
		}
		for _, gone := range w.nodes[:2] {
			gone.crash()
		}
		if r, err := n.again(5 * time.Minute); err == nil || len(n.made()) > 0 {
			t.Errorf("formed %+v, promised %v", r, n.made())
		}
		if s := n.running().Status(); s.Check() != nil || s.Phase != Fresh {
			t.Errorf("says that it is %s, of cluster %q", s.Phase, s.ClusterID)
		}
		w.nodes[0].start(t)
		if r, err := n.again(time.Minute); err != nil || r.Met == nil || r.Met.ClusterID != cluster || r.Met.Address != addrOf(0) {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// again calls Form once more, at most so long.
func (n *node) again(d time.Duration) (Result, error) {
	ctx, cancel := context.WithTimeout(n.w.ctx, d)
	defer cancel()
	return n.running().Form(ctx)
}

// TestARemnantThatIsGoneIsForgotten: of a group that was lost one node still spoke, and then no more; discovery does not lead
// to it, so what it was must not keep a new group from forming for ever.
func TestARemnantThatIsGoneIsForgotten(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cluster := group(t, w, "n_a", "n_b")
		n := w.add("n_c", 1, 1)
		d := n.discovers(addrOf(0))
		n.start(t)
		meets(t, n, cluster, 5*time.Second)
		for _, gone := range w.nodes[:2] {
			gone.wipe()
		}
		d.set(nil)
		time.Sleep(time.Minute) // while it asks to be taken in nothing is forgotten
		d.hangs(time.Hour)
		if r, err := n.again(time.Second); err == nil || !strings.Contains(n.running().Status().Incomplete, "not looked") {
			t.Errorf("what was looked up before still counts: %+v, %+v", r, n.running().Status())
		}
		d.hangs(0)
		if r, err := n.again(DefaultForgetAfter - 2*time.Second); err == nil {
			t.Errorf("formed %+v at once", r)
		}
		if r, err := n.again(time.Minute); err != nil || r.Met != nil {
			t.Errorf("%+v, %v; waiting: %s", r, err, n.why())
		}
		n.crash()
	})
}

// TestWhoWasTakenInLeadsOthersToTheGroup: it says that it belongs to it, though it is of no founding list.
func TestWhoWasTakenInLeadsOthersToTheGroup(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cluster := group(t, w, "n_a")
		w.add("n_b", 1, 1, addrOf(0)).start(t)
		meets(t, w.nodes[1], cluster, 5*time.Second)
		w.nodes[1].running().Adopted(cluster)
		w.nodes[0].crash()
		late := w.add("n_c", 1, 1, addrOf(1))
		late.start(t)
		meets(t, late, cluster, 5*time.Second)
		if s := w.nodes[1].running().Status(); s.Check() != nil || s.Phase != Joined || w.nodes[1].why() != "" {
			t.Errorf("%+v: %v; %s", s, s.Check(), w.nodes[1].why())
		}
	})
}

// TestAGroupIsMetWhateverVersionItSpeaks: forming is agreed on by equals, but a group may be of another release.
func TestAGroupIsMetWhateverVersionItSpeaks(t *testing.T) {
	p := Promise{Nodes: []string{"b", "c", "d"}, Voters: 3}
	other := promised(peer("b", "b:1"), p.Nodes...)
	other.Phase, other.ClusterID, other.Protocol = Joined, p.ClusterID(), Protocol+1
	inWorld(t, func(t *testing.T, _ *world) {
		f, err := New(Config{ID: "a", Address: "a:1", Join: []string{"b:1"}, ClusterSize: 3, Voters: 3}, &paper{}, canned{"b:1": other})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if r, err := f.Form(ctx); err != nil || r.Met == nil || r.Met.ClusterID != p.ClusterID() {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
