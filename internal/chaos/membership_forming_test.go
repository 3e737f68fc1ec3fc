package chaos_test

import (
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// formation is a number of fresh sidecars, some of which are to found a group, while what each knows of the others grows.
type formation struct {
	nodes, size int
	// connected: whoever is not named by one is named by another, from the beginning. Without, two groups of a minority each could
	// be formed, as they were asked to; where size is a majority, they cannot.
	connected bool
}

// TestFreshSidecarsFormOneGroupOrNone starts them in any order, each with a list of others of its own that is partial at first. Whatever
// they know at a time, there is never a second group; and once all know all, there is one of all.
func TestFreshSidecarsFormOneGroupOrNone(t *testing.T) {
	t.Parallel()
	formations, seeds := []formation{{6, 4, false}, {6, 3, true}}, 1
	if *long {
		formations, seeds = []formation{{10, 6, false}, {10, 3, true}}, 5
	}
	for _, f := range formations {
		for range seeds {
			seed := uint64(time.Now().UnixNano())
			t.Run(fmt.Sprintf("%d of %d", f.size, f.nodes), func(t *testing.T) {
				if !*long { // ten processes each take their share of a small machine
					t.Parallel()
				}
				f.run(t, seed)
			})
		}
	}
}

func (f formation) run(t *testing.T, seed uint64) {
	t.Helper()
	rng := mathrand.New(mathrand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	g := chaos.Empty(t)
	var lists []list
	for _, name := range chaos.Numbered("n", f.nodes) {
		own := newList(t)
		lists = append(lists, own)
		g.Add(name, "--cluster-size", fmt.Sprint(f.size), "--join", "file:"+own.path)
	}
	known := f.atFirst(rng)
	write := func(i int) {
		var nodes []*chaos.Node
		for _, j := range known[i] {
			nodes = append(nodes, g.Nodes[j])
		}
		lists[i].write(t, nodes...)
	}
	for i := range lists {
		write(i)
	}
	seen := map[string]bool{}
	for _, i := range rng.Perm(f.nodes) {
		g.Nodes[i].Start()
		f.watch(t, g, seen, time.Duration(rng.IntN(400))*time.Millisecond)
	}
	// The lists grow, one node in one list at a time, faster than a group forms, and then slower.
	for {
		i := rng.IntN(f.nodes)
		if left := missing(known[i], f.nodes); len(left) > 0 {
			known[i] = append(known[i], left[rng.IntN(len(left))])
			write(i)
		} else if complete(known, f.nodes) {
			break
		}
		f.watch(t, g, seen, time.Duration(rng.IntN(200))*time.Millisecond)
	}
	begun := time.Now()
	for _, n := range g.Nodes {
		n.AwaitReady()
	}
	awaitRoles(t, want{3, 2, f.nodes - 5}, g.Nodes...)
	f.watch(t, g, seen, 0)
	if len(seen) != 1 {
		t.Errorf("there are %d groups: %v", len(seen), seen)
	}
	t.Logf("%d of %d fresh sidecars formed one group, complete %s after all lists were", f.size, f.nodes, time.Since(begun).Round(100*time.Millisecond))
	n := g.Nodes[rng.IntN(f.nodes)]
	grant := n.Post("/v1/locks/job", "ttl", "1m", "owner", "me").Want(t, 201).Body
	wantHolder(t, g.Nodes[rng.IntN(f.nodes)], "job", "me", grant.Token)
}

// atFirst are the nodes that each knows at the beginning, itself or not.
func (f formation) atFirst(rng *mathrand.Rand) [][]int {
	known := make([][]int, f.nodes)
	add := func(i, j int) {
		if !slices.Contains(known[i], j) {
			known[i] = append(known[i], j)
		}
	}
	if f.connected { // a tree, with its edges known at either end
		order := rng.Perm(f.nodes)
		for at := 1; at < f.nodes; at++ {
			i, j := order[at], order[rng.IntN(at)]
			if rng.IntN(2) == 0 {
				i, j = j, i
			}
			add(i, j)
		}
	}
	for range f.nodes {
		add(rng.IntN(f.nodes), rng.IntN(f.nodes))
	}
	return known
}

// watch asks all that run for a while which group they belong to: there is one at most, ever.
func (f formation) watch(t *testing.T, g *chaos.Group, seen map[string]bool, while time.Duration) {
	t.Helper()
	for end := time.Now().Add(while); ; {
		for _, n := range running(g) {
			if id := n.Get("/v1/cluster").Body.ID; id != "" {
				seen[id] = true
			}
		}
		if len(seen) > 1 {
			t.Fatalf("there are %d groups: %v", len(seen), seen)
		}
		if !time.Now().Before(end) {
			return
		}
		pause(t.Context(), 50*time.Millisecond)
	}
}

func missing(known []int, nodes int) (left []int) {
	for i := range nodes {
		if !slices.Contains(known, i) {
			left = append(left, i)
		}
	}
	return left
}

func complete(known [][]int, nodes int) bool {
	return !slices.ContainsFunc(known, func(one []int) bool { return len(one) < nodes })
}
