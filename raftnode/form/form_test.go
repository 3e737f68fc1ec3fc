package form

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// three is the ordinary case: three nodes, each naming all three.
func three(w *world) {
	join := []string{addrOf(0), addrOf(1), addrOf(2)}
	for _, id := range []string{"n_b", "n_c", "n_a"} {
		w.add(id, 3, 2, join...)
	}
}

func inWorld(t *testing.T, f func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		defer w.end()
		f(t, w)
		if err := w.oneGroup(); err != nil {
			t.Error(err)
		}
	})
}

func startAll(t *testing.T, w *world) {
	for _, n := range w.nodes {
		n.start(t)
	}
}

func TestThreeNodesFormOneGroupInStablePlusThreeTenths(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		three(w)
		for _, n := range w.nodes {
			n.cfg.Poll = 0
		}
		begin := time.Now()
		startAll(t, w)
		if !w.settle(3, 10*time.Second) {
			t.Fatal(w.nodes[0].why())
		}
		if took := time.Since(begin); took > DefaultStableFor+300*time.Millisecond {
			t.Errorf("took %v", took)
		}
		r, _ := w.nodes[1].formed()
		want := []Member{{"n_a", "node-n_a", addrOf(2), true}, {"n_b", "node-n_b", addrOf(0), true}, {"n_c", "node-n_c", addrOf(1), false}}
		for i, m := range r.Members {
			if m != want[i] {
				t.Errorf("member %d is %+v, want %+v", i, m, want[i])
			}
		}
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(r.ClusterID) {
			t.Errorf("cluster ID %s", r.ClusterID)
		}
	})
}

// TestNobodyPromisesWhileACandidateIsMissing is the heart of it: two of three
// must not go ahead, however long it takes.
func TestNobodyPromisesWhileACandidateIsMissing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		join := []string{addrOf(0), addrOf(1), addrOf(2)}
		for _, id := range []string{"n_a", "n_b", "n_c"} {
			w.add(id, 2, 2, join...)
		}
		w.nodes[0].start(t)
		w.nodes[1].start(t)
		time.Sleep(5 * time.Minute)
		if len(w.nodes[0].made())+len(w.nodes[1].made()) > 0 {
			t.Fatal("promised without the third candidate")
		}
		if why := w.nodes[0].why(); !strings.Contains(why, addrOf(2)) {
			t.Errorf("the reason does not name who is missing: %s", why)
		}
		w.nodes[2].start(t)
		if !w.settle(2, 10*time.Second) {
			t.Fatal(w.nodes[0].why())
		}
	})
}

func TestAnInterruptionBeginsTheWaitAnew(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		three(w)
		startAll(t, w)
		for range 10 {
			time.Sleep(DefaultStableFor - 300*time.Millisecond)
			for _, from := range []int{0, 1} {
				w.setCut(from, 2, true)
				w.setCut(2, from, true)
			}
			time.Sleep(300 * time.Millisecond)
			for _, n := range w.nodes {
				if len(n.made()) > 0 {
					t.Fatalf("%s promised, though something changed within StableFor", n.cfg.ID)
				}
			}
			for _, from := range []int{0, 1} {
				w.setCut(from, 2, false)
				w.setCut(2, from, false)
			}
		}
		if !w.settle(3, 10*time.Second) {
			t.Fatal(w.nodes[0].why())
		}
	})
}

// TestRestartBetweenPromiseAndJoin kills every node once it has promised, and
// starts it again a little later.
func TestRestartBetweenPromiseAndJoin(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		three(w)
		w.hang = 100 * time.Millisecond
		startAll(t, w)
		killed := map[int]bool{}
		for until := time.Now().Add(30 * time.Second); len(killed) < 3 && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
			for i, n := range w.nodes {
				n.mu.Lock()
				now := len(n.promises) == 1 && n.cluster == "" && !killed[i]
				n.mu.Unlock()
				if now {
					n.crash()
					killed[i] = true
					w.wg.Go(func() { time.Sleep(time.Second); n.start(t) })
				}
			}
		}
		if len(killed) != 3 {
			t.Fatalf("killed %v", killed)
		}
		if !w.settle(3, 10*time.Second) {
			t.Fatal(w.nodes[0].why())
		}
	})
}

func TestNodesBeyondTheSizeMeetTheGroup(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		join := []string{addrOf(0), addrOf(1), addrOf(2), addrOf(3)}
		for _, id := range []string{"n_d", "n_b", "n_c", "n_a"} {
			w.add(id, 3, 3, join...)
		}
		startAll(t, w)
		if !w.settle(3, 10*time.Second) {
			t.Fatal(w.nodes[1].why())
		}
		time.Sleep(time.Second)
		out := w.nodes[0]
		if _, ok := out.formed(); ok || len(out.made()) != 0 {
			t.Fatal("a fourth node is in a group of three")
		}
		r, _ := w.nodes[1].formed()
		g := out.met()
		if g == nil || g.ClusterID != r.ClusterID || len(g.Members) != 3 || !slices.Contains(g.Addresses, g.Address) || slices.Contains(g.Addresses, out.addr) {
			t.Errorf("met %+v; waiting: %s", g, out.why())
		}
	})
}

// TestOutsiderArrivingBetweenTwoPromisesBlocksNobody: it has the lowest ID, so
// whoever has not promised yet would compute another list.
func TestOutsiderArrivingBetweenTwoPromisesBlocksNobody(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		three(w)
		late := w.add("n_0", 3, 2, addrOf(0), addrOf(1), addrOf(2))
		w.nodes[0].start(t)
		w.nodes[1].start(t)
		time.Sleep(70 * time.Millisecond)
		w.nodes[2].start(t)
		for len(w.nodes[0].made())+len(w.nodes[1].made())+len(w.nodes[2].made()) == 0 {
			time.Sleep(time.Millisecond)
		}
		late.start(t)
		if n := len(w.nodes[0].made()) + len(w.nodes[1].made()) + len(w.nodes[2].made()); n == 3 {
			t.Fatal("the outsider came too late to show anything")
		}
		time.Sleep(50 * time.Millisecond)
		late.crash() // and it goes away again, for good
		if !w.settle(3, 30*time.Second) {
			t.Fatal(w.nodes[0].why(), w.nodes[1].why(), w.nodes[2].why())
		}
	})
}

func TestDifferentSettingsAreNamedAndFormNothing(t *testing.T) {
	for _, change := range []func(*Config){func(c *Config) { c.ClusterSize = 2 }, func(c *Config) { c.Voters = 3 }} {
		inWorld(t, func(t *testing.T, w *world) {
			three(w)
			change(&w.nodes[1].cfg)
			startAll(t, w)
			time.Sleep(time.Minute)
			if why := w.nodes[0].why(); !strings.Contains(why, "n_c") || !strings.Contains(why, "--cluster-size") {
				t.Errorf("waiting: %s", why)
			}
			for _, n := range w.nodes {
				if len(n.made()) > 0 {
					t.Errorf("%s promised", n.cfg.ID)
				}
			}
		})
	}
}

func TestTwoAddressesOfOneNodeCountOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add("n_a", 2, 2, addrOf(0), "alias:1")
		w.add("n_b", 2, 2, addrOf(0))
		w.alias["alias:1"] = w.nodes[0]
		w.nodes[0].start(t)
		time.Sleep(time.Minute)
		if len(w.nodes[0].made()) > 0 {
			t.Fatal("promised alone")
		}
		w.nodes[1].start(t)
		if !w.settle(2, 10*time.Second) {
			t.Fatal(w.nodes[0].why())
		}
	})
}

func TestChainOfJoinAddressesLeadsToOneGroup(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add("n_c", 4, 3)
		w.add("n_b", 4, 3, addrOf(0))
		w.add("n_d", 4, 3, addrOf(1))
		w.add("n_a", 4, 3, addrOf(2))
		for _, n := range w.nodes {
			n.start(t)
			time.Sleep(3 * time.Second)
		}
		if !w.settle(4, 10*time.Second) {
			t.Fatal(w.nodes[0].why())
		}
	})
}

func TestForgottenAddressStopsBlocking(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		three(w)
		w.nodes[2].cfg.Address = "10.0.0.77:1" // a mistake, told to everybody
		startAll(t, w)
		time.Sleep(time.Second)
		w.nodes[2].crash()
		w.nodes[2].cfg.Address = addrOf(2)
		w.nodes[2].start(t)
		if !w.settle(3, 2*DefaultForgetAfter+10*time.Second) {
			t.Fatal(w.nodes[0].why())
		}
	})
}

func TestTwoPromisesAreAnErrorThatNamesBoth(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		three(w)
		w.nodes[0].promises = []Promise{{Nodes: []string{"n_b", "n_c"}, Voters: 2}}
		w.nodes[2].promises = []Promise{{Nodes: []string{"n_a", "n_x"}, Voters: 2}}
		startAll(t, w)
		time.Sleep(10 * time.Second)
		var conflict *ConflictError
		if err := w.nodes[0].failure(); !errors.As(err, &conflict) || !strings.Contains(err.Error(), "n_x") || !strings.Contains(err.Error(), "n_c") || !strings.Contains(err.Error(), "Way out") {
			t.Errorf("error: %v", err)
		}
		if len(w.nodes[1].made()) > 0 || !strings.Contains(w.nodes[1].why(), "different groups") {
			t.Errorf("the third: %v, %s", w.nodes[1].made(), w.nodes[1].why())
		}
	})
}

func TestPromiseMeetsAnotherGroup(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		other := w.add("n_a", 1, 1)
		other.start(t)
		if !w.settle(1, 10*time.Second) {
			t.Fatal(other.why())
		}
		n := w.add("n_b", 2, 2, addrOf(0))
		n.promises = []Promise{{Nodes: []string{"n_b", "n_c"}, Voters: 2}}
		n.start(t)
		time.Sleep(10 * time.Second)
		if err := n.failure(); err == nil || !strings.Contains(err.Error(), other.cluster) {
			t.Errorf("error: %v", err)
		}
		if err := Compare(Status{ClusterID: "x"}, other.running().Status()); err == nil || !strings.Contains(err.Error(), other.cluster) {
			t.Errorf("compare: %v", err)
		}
	})
}

func TestLostPromiseIsAnError(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		three(w)
		startAll(t, w)
		if !w.settle(3, 10*time.Second) {
			t.Fatal(w.nodes[0].why())
		}
		n := w.nodes[0]
		n.wipe()
		n.start(t)
		time.Sleep(5 * time.Second)
		var forgotten *ForgottenError
		if err := n.failure(); !errors.As(err, &forgotten) {
			t.Errorf("error: %v; %s", err, n.why())
		}
	})
}

func TestCopiedDirectoryIsNamed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		three(w)
		w.nodes[2].cfg.ID = w.nodes[1].cfg.ID
		startAll(t, w)
		time.Sleep(time.Minute)
		for _, n := range w.nodes {
			if len(n.made()) > 0 || !strings.Contains(n.why(), "copied") {
				t.Errorf("%v, %s", n.made(), n.why())
			}
		}
	})
}

func TestJoinedNodeNeedsNobody(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		three(w)
		startAll(t, w)
		if !w.settle(3, 10*time.Second) {
			t.Fatal(w.nodes[0].why())
		}
		before, _ := w.nodes[0].formed()
		for _, n := range w.nodes {
			n.crash()
		}
		w.nodes[0].start(t)
		synctest.Wait()
		if r, ok := w.nodes[0].formed(); !ok || same(before, r) != nil {
			t.Fatalf("%v, was %v", r, before)
		}
	})
}

func TestAloneIsAListOfOne(t *testing.T) {
	p, r := Alone("n_a", "a", "127.0.0.1:5626")
	if p.check() != nil || r.ClusterID != p.ClusterID() || len(r.Members) != 1 || r.Members[0] != (Member{"n_a", "a", "127.0.0.1:5626", true}) {
		t.Fatalf("%v %v", p, r)
	}
	if q, _ := Alone("n_b", "a", ""); q.ClusterID() == p.ClusterID() {
		t.Fatal("two lists, one cluster ID")
	}
	if v := (Promise{Nodes: []string{"a", "b"}, Voters: 1}); v.ClusterID() == (Promise{Nodes: v.Nodes, Voters: 2}).ClusterID() {
		t.Fatal("voters do not count")
	}
}

func TestBadStatusIsRefused(t *testing.T) {
	good := Status{Protocol: Protocol, ID: "n_a", Address: "a:1", Phase: Fresh}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	p := Promise{Nodes: []string{"n_a"}, Voters: 1}
	for what, change := range map[string]func(*Status){
		"protocol":      func(s *Status) { s.Protocol = 1 },
		"no ID":         func(s *Status) { s.ID = "" },
		"no address":    func(s *Status) { s.Address = "" },
		"union":         func(s *Status) { s.Union = make([]string, MaxUnion+1) },
		"text":          func(s *Status) { s.Name = strings.Repeat("x", MaxText+1) },
		"phase":         func(s *Status) { s.Phase = "tired" },
		"fresh promise": func(s *Status) { s.Promise, s.Digest = &p, p.Digest() },
		"no promise":    func(s *Status) { s.Phase = Promised },
		"digest":        func(s *Status) { s.Phase, s.Promise, s.Digest = Promised, &p, "x" },
		"order": func(s *Status) {
			q := Promise{Nodes: []string{"b", "a"}, Voters: 1}
			s.Phase, s.Promise, s.Digest = Promised, &q, q.Digest()
		},
		"no cluster":      func(s *Status) { s.Phase = Joined },
		"joining nothing": func(s *Status) { s.Phase = Joining },
		"joining, bound": func(s *Status) {
			s.Phase, s.ClusterID, s.Promise, s.Digest = Joining, p.ClusterID(), &p, p.Digest()
		},
		"fresh cluster": func(s *Status) { s.ClusterID = "x" },
		"long why":      func(s *Status) { s.Incomplete = strings.Repeat("x", MaxText+1) },
	} {
		s := good
		change(&s)
		if s.Check() == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}
