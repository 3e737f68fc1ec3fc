package chaos_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

func wantIn(t *testing.T, what string, c <-chan chaos.Answer, within time.Duration) chaos.Answer {
	t.Helper()
	select {
	case a := <-c:
		return a
	case <-time.After(within):
		t.Fatalf("%s is not answered within %s", what, within)
	}
	return chaos.Answer{}
}

// standBy renews a candidacy with a wait, and returns when that has been applied: the value that it sets is there for all to see.
func standBy(t *testing.T, n *chaos.Node, path, lease, value string) <-chan chaos.Answer {
	t.Helper()
	c := n.AskOnceSent("PUT", path, "lease", lease, "wait", "40s", "value", value)
	chaos.Until(t, 15*time.Second, "the standby's value "+value, func() error {
		a := n.Get(path)
		for _, candidate := range a.Body.Candidates {
			if candidate.Value == value {
				return nil
			}
		}
		return fmt.Errorf("%s", a)
	})
	return c
}

// TestStandbyThatRenewsWithAWaitHearsAtOnceThatItLeads: through any sidecar, and also when the Raft leader is lost while it waits.
func TestStandbyThatRenewsWithAWaitHearsAtOnceThatItLeads(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	path := "/v1/elections/chief"
	leads := g.Nodes[0].Post(path, "ttl", "5m", "owner", "c0").Want(t, 201).Body
	for i, n := range g.Nodes {
		name := fmt.Sprint("c", i+1)
		standby := n.Post(path, "ttl", "5m", "owner", name).Want(t, 201).Body
		if standby.State != "standby" || standby.Position != 1 {
			t.Fatalf("%+v", standby)
		}
		waits := standBy(t, n, path, standby.Lease, name)
		select {
		case a := <-waits:
			t.Fatalf("answered before anything changed: %s", a)
		case <-time.After(200 * time.Millisecond):
		}
		term, from := groupTerm(g), time.Now()
		g.Nodes[(i+1)%3].Delete(path, "lease", leads.Lease).Want(t, 200)
		a := wantIn(t, "the standby", waits, 10*time.Second).Want(t, 200)
		wantSoon(t, g, term, from, a.Got, "the word to a standby that it leads")
		if a.Body.State != "leading" || a.Body.Token <= leads.Token || a.Body.ValidFor <= 0 {
			t.Fatalf("%s", a)
		}
		leads = a.Body
		n.Head("/health/leader/chief").Want(t, 200)
		for _, other := range g.Others(n) {
			// One that renewed for the last leader hears of its end when its replica does.
			chaos.Until(t, 5*time.Second, other.Name+" to say that none of its candidates leads", func() error {
				if a := other.Get("/health/leader/chief"); a.Status != 503 || a.Body.Code != "not_leading" {
					return fmt.Errorf("%s", a)
				}
				return nil
			})
		}
		g.Nodes[(i+2)%3].Put(path, "lease", leads.Lease).Want(t, 200)
	}

	// A wait that is over is answered as well. It was longer than the TTL: the sidecar keeps the lease while its caller waits.
	brief := g.Nodes[1].Post(path, "ttl", "1s", "owner", "brief").Want(t, 201).Body
	a := g.Nodes[1].Put(path, "lease", brief.Lease, "wait", "2500ms").Want(t, 200)
	if took := a.Got.Sub(a.Sent); a.Body.State != "standby" || took < 2500*time.Millisecond {
		t.Errorf("after %s: %s", took, a)
	}
	g.Nodes[2].Delete(path, "lease", brief.Lease) // or it has ended by itself

	leader := g.Leader()
	follower, third := g.Others(leader)[0], g.Others(leader)[1]
	standby := follower.Post(path, "ttl", "5m", "owner", "last").Want(t, 201).Body
	waits := standBy(t, follower, path, standby.Lease, "last")
	leader.Kill()
	resigned := third.Delete(path, "lease", leads.Lease).Want(t, 200)
	a = wantIn(t, "the standby, after a change of Raft leader", waits, 20*time.Second).Want(t, 200)
	if a.Body.State != "leading" || a.Got.Sub(resigned.Got) > time.Second {
		t.Errorf("%s after the election was free: %s", a.Got.Sub(resigned.Got), a)
	}
}

// poll follows a name by its index, through one sidecar after another.
type poll struct {
	owners []string // of the holders seen, in order
	err    error
}

func follow(ctx context.Context, g *chaos.Group, path string, first int, last string) (p poll) {
	index := uint64(0)
	for i := first; ctx.Err() == nil; i++ {
		a := g.Nodes[i%len(g.Nodes)].Ask(ctx, "GET", path, "index", fmt.Sprint(index), "wait", "20s")
		if a.Status != 200 {
			pause(ctx, 20*time.Millisecond)
			continue
		}
		if a.Body.Index < index {
			p.err = fmt.Errorf("index %d after %d: %s", a.Body.Index, index, a)
			return p
		}
		index = a.Body.Index
		if len(a.Body.Holders) == 0 {
			continue
		}
		owner := a.Body.Holders[0].Owner
		if n := len(p.owners); n == 0 || p.owners[n-1] != owner {
			p.owners = append(p.owners, owner)
		}
		if owner == last {
			return p
		}
	}
	p.err = ctx.Err()
	return p
}

// TestLongPollsMissNoChangeThroughAnySidecar: who asks again with the index of the last answer sees what is there now, at once, whichever
// sidecar is asked and whoever is Raft leader.
func TestLongPollsMissNoChangeThroughAnySidecar(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	path := "/v1/locks/job"

	// One change wakes all; a renewal none.
	held := g.Nodes[0].Post(path, "ttl", "5m", "owner", "o0").Want(t, 201).Body
	now := g.Nodes[0].Get(path).Want(t, 200).Body.Index
	var polls []<-chan chaos.Answer
	for _, n := range g.Nodes {
		polls = append(polls, n.AskOnceSent("GET", path, "index", fmt.Sprint(now), "wait", "30s"))
	}
	g.Nodes[1].Put(path, "lease", held.Lease).Want(t, 200)
	select {
	case a := <-polls[0]:
		t.Errorf("a renewal is no change: %s", a)
	case <-time.After(300 * time.Millisecond):
	}
	term, from := groupTerm(g), time.Now()
	g.Nodes[2].Delete(path, "lease", held.Lease).Want(t, 200)
	for i, c := range polls {
		a := wantIn(t, "a long poll", c, 10*time.Second).Want(t, 200)
		wantSoon(t, g, term, from, a.Got, "the answer to a long poll at "+g.Nodes[i].Name)
		if a.Body.State != "free" || a.Body.Index <= now {
			t.Errorf("%s", a)
		}
	}
	now = g.Nodes[0].Get(path).Want(t, 200).Body.Index
	if a := g.Nodes[1].Get(path, "index", fmt.Sprint(now), "wait", "200ms").Want(t, 200); a.Got.Sub(a.Sent) < 200*time.Millisecond || a.Body.Index != now {
		t.Errorf("a wait that was over: %s", a)
	}

	// Followers of the index go from sidecar to sidecar, and see where it ends.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	defer cancel()
	results := make(chan poll)
	const followers, changes = 6, 30
	last := fmt.Sprint("o", changes)
	for i := range followers {
		go func() { results <- follow(ctx, g, path, i, last) }()
	}
	leader := g.Leader()
	alive := g.Others(leader)
	for i := 1; i <= changes; i++ {
		if i == changes/2 {
			leader.Kill()
		}
		n := alive[i%2]
		grant := n.Post(path, "ttl", "5m", "owner", fmt.Sprint("o", i), "wait", "20s").Want(t, 201).Body
		if i < changes {
			alive[(i+1)%2].Delete(path, "lease", grant.Lease).Want(t, 200)
		}
	}
	done := time.Now()
	for range followers {
		p := <-results
		if p.err != nil {
			t.Errorf("a follower of the index: %v after %v", p.err, p.owners)
		}
		if late := time.Since(done); late > 5*time.Second {
			t.Errorf("a follower of the index saw the last change %s later", late)
		}
		before := 0
		for _, o := range p.owners {
			var n int
			if _, err := fmt.Sscanf(strings.TrimPrefix(o, "o"), "%d", &n); err != nil || n <= before {
				t.Errorf("holders out of order: %v", p.owners)
			}
			before = n
		}
	}
}
