package chaos_test

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestGroupComesBackFromAnyChange does one thing after another to a group of six, drawn at random: sidecars die, lose their disks, hang, are cut off,
// are put out and replaced, for longer than the group waits before it replaces them. After each it is as it is wanted to be.
// -chaos and -chaos-seed are as for the random run, but that less than a minute is a third of that.
func TestGroupComesBackFromAnyChange(t *testing.T) {
	t.Parallel()
	seed := *chaosSeed
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	list := newList(t)
	args := []string{"--cluster-size", "3", "--drain-timeout", "500ms", "--join", "file:" + list.path}
	g := chaos.PlanLinked(t, 6)
	list.write(t, g.Nodes...)
	for _, n := range g.Nodes {
		n.Tell(args...)
		n.Start()
	}
	g.AwaitReady()
	c := &upheaval{t: t, g: g, rng: mathrand.New(mathrand.NewPCG(uint64(seed), 9)), done: map[string]int{}, full: want{3, 2, 1},
		list: list, args: append(args, "--ephemeral")}
	awaitRoles(t, c.full, g.Nodes...)
	c.tr = startTraffic(t, g.Nodes...)
	c.tr.holdAt(g.Nodes[0])
	c.tr.renewed()
	while := *chaosFor
	if !*long && while < time.Minute {
		while /= 3
	}
	for end := time.Now().Add(while); time.Now().Before(end); {
		c.one(t.Context())
	}
	total := 0
	for _, times := range c.done {
		total += times
	}
	c.tr.finish(g, fmt.Sprintf("%d changes of %d kinds, seed %d", total, len(c.done), seed))
}

// upheaval does things to the members of a group.
type upheaval struct {
	t     *testing.T
	g     *chaos.Group
	tr    *traffic
	rng   *mathrand.Rand
	list  list
	args  []string // of a fresh sidecar
	fresh int
	done  map[string]int
	full  want

	leaving []*chaos.Node // those that leave when they stop
	lastOut time.Time     // when an administrator put one out that runs on
}

// one changes something, mends it, and waits until the group is as it is wanted.
func (c *upheaval) one(ctx context.Context) {
	k := c.draw(ctx)
	t0 := time.Now()
	k.do()
	c.done[k.name]++
	c.g.Links.HealAll()
	c.tr.circle.know(running(c.g)...)
	awaitRoles(c.t, c.full, running(c.g)...)
	c.tr.awaitService(c.t, settlesWithin)
	c.t.Logf("%s: %s", k.name, time.Since(t0).Round(10*time.Millisecond))
}

// draw chooses what to do; each kind once before any comes again.
func (c *upheaval) draw(ctx context.Context) kind {
	kinds := c.kinds(ctx)
	least := slices.MinFunc(kinds, func(a, b kind) int { return c.done[a.name] - c.done[b.name] })
	kinds = slices.DeleteFunc(kinds, func(k kind) bool { return c.done[k.name] > c.done[least.name] })
	return kinds[c.rng.IntN(len(kinds))]
}

func (c *upheaval) kinds(ctx context.Context) []kind {
	all := running(c.g)
	settled := time.Since(c.lastOut) > notAgainFor
	c.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	leader, any := c.g.Leader(), all[0]
	spare := withRole(c.t, c.g, leader, "spare")[0]
	brief := time.Duration(100+c.rng.IntN(1500)) * time.Millisecond
	long := time.Duration(4+c.rng.IntN(5)) * time.Second // dead voters are replaced after 5 s
	while := func(d time.Duration, damage, mend func()) {
		damage()
		pause(ctx, d)
		mend()
	}
	kinds := []kind{
		{"kill any for long", func() { while(long, any.Kill, func() { any.Start() }) }},
		{"kill the Raft leader briefly", func() { while(brief, leader.Kill, func() { leader.Start() }) }},
		{"kill the Raft leader and a spare", func() {
			while(long, func() { leader.Kill(); spare.Kill() }, func() { leader.Start(); spare.Start() })
		}},
		{"wipe any", func() { while(brief, func() { any.Kill(); any.Wipe() }, func() { any.Start() }) }},
		{"wipe the Raft leader and a spare for long", func() {
			while(long, func() { leader.Kill(); spare.Kill(); leader.Wipe(); spare.Wipe() }, func() { leader.Start(); spare.Start() })
		}},
		{"pause any for long", func() { while(long, any.Pause, any.Resume) }},
		{"pause the Raft leader for long", func() { while(long, leader.Pause, leader.Resume) }},
		{"isolate any for long", func() { while(long, func() { c.g.Links.Isolate(any.Name) }, c.g.Links.HealAll) }},
		{"isolate the Raft leader with a spare", func() { while(long, func() { c.split(leader, spare) }, c.g.Links.HealAll) }},
		{"isolate all from each other", func() {
			while(long, func() {
				for _, n := range all {
					c.g.Links.Isolate(n.Name)
				}
			}, c.g.Links.HealAll)
		}},
		{"kill all", func() {
			for _, n := range all {
				n.Kill()
			}
			for _, n := range all {
				n.Start()
			}
		}},
		{"stop any in order", func() { stop(c.t, any); any.Start() }},
		{"replace any", func() { c.replace(any) }},
		{"replace two at once", func() { c.replace(all[:2]...) }},
	}
	if settled {
		kinds = append(kinds, kind{"put any out", func() { c.putOut(any) }}, kind{"put the Raft leader out", func() { c.putOut(leader) }})
	}
	return kinds
}

// notAgainFor is a little more than how long a member that was put out, and runs on, is not made one again. With two such the six are too few.
const notAgainFor = 65 * time.Second

// split cuts two nodes off together.
func (c *upheaval) split(a, b *chaos.Node) {
	for _, n := range running(c.g) {
		if n != a && n != b {
			for _, one := range []*chaos.Node{a, b} {
				c.g.Links.Cut(one.Name, n.Name)
				c.g.Links.Cut(n.Name, one.Name)
			}
		}
	}
}

// replace starts fresh sidecars, then stops others for good.
func (c *upheaval) replace(old ...*chaos.Node) {
	for range old {
		c.fresh++
		n := c.g.Add(fmt.Sprint("f", c.fresh), c.args...)
		c.leaving = append(c.leaving, n)
		c.list.write(c.t, append(running(c.g), n)...)
		n.Start()
		n.AwaitReady()
	}
	for _, n := range old {
		if !slices.Contains(c.leaving, n) { // it would be waited for
			c.letGo(n)
		}
		n.Terminate()
	}
	for _, n := range old {
		wantStopped(c.t, n)
	}
}

// letGo has an administrator put a member out for good.
func (c *upheaval) letGo(n *chaos.Node) {
	chaos.Until(c.t, settlesWithin, n.Name+" to be put out", func() error {
		for _, m := range c.g.Leader().Members() {
			if m.Address == n.Peer && m.Role != "agent" {
				if a := c.g.Leader().Admin("DELETE", "/v1/cluster/members/"+m.ID); a.Status != 200 && a.Status != 404 {
					return fmt.Errorf("%s", a)
				}
			}
		}
		return nil
	})
}

// putOut takes a member out that goes on running.
func (c *upheaval) putOut(n *chaos.Node) {
	if id := identity(c.t, c.g.Leader(), n); slices.Contains(withRole(c.t, c.g, c.g.Leader(), "agent"), n) {
		n.Admin("DELETE", "/v1/cluster/members/"+id).Want(c.t, 409)
	} else {
		n.Admin("DELETE", "/v1/cluster/members/"+id).Want(c.t, 200)
		c.lastOut = time.Now()
	}
}
