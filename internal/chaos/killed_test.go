package chaos_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

func TestWaitersKeepTheirOrderWhenTheRaftLeaderIsKilled(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	leader := g.Leader()
	a, b := g.Others(leader)[0], g.Others(leader)[1]
	held := leader.Post("/v1/locks/job", "ttl", "5m", "owner", "holder").Want(t, 201).Body

	// Three wait in line, each through another sidecar.
	wait := func(n *chaos.Node, i int) <-chan chaos.Answer {
		c := make(chan chaos.Answer, 1)
		go func() {
			c <- n.Post("/v1/locks/job", "wait", "55s", "ttl", "60s", "owner", fmt.Sprint("w", i), "lease", ownLease(i))
		}()
		return c
	}
	first := wait(a, 1)
	awaitQueue(t, b, "job", "w1")
	second := wait(leader, 2)
	awaitQueue(t, b, "job", "w1", "w2")
	third := wait(b, 3)
	awaitQueue(t, b, "job", "w1", "w2", "w3")

	leader.Kill()
	if cut := <-second; cut.Err == nil {
		t.Fatalf("the dead sidecar answered: %s", cut)
	}
	second = wait(a, 2) // as a client does: the same request to another sidecar
	awaitQueue(t, a, "job", "w1", "w2", "w3")
	wantHolder(t, b, "job", "holder", held.Token)
	b.Put("/v1/locks/job", "lease", held.Lease).Want(t, 200)
	a.Delete("/v1/locks/job", "lease", held.Lease).Want(t, 200)

	tokens := []uint64{held.Token}
	for i, c := range []<-chan chaos.Answer{first, second, third} {
		got := <-c
		got.Want(t, 201)
		tokens = append(tokens, got.Body.Token)
		wantHolder(t, b, "job", fmt.Sprint("w", i+1), got.Body.Token)
		if got.Body.ValidFor < 50_000 || got.Body.TTL != 60_000 {
			t.Errorf("a waiter's grant has the TTL it asked for: %s", got)
		}
		for _, later := range []<-chan chaos.Answer{first, second, third}[i+1:] {
			select {
			case early := <-later:
				t.Fatalf("granted beside w%d: %s", i+1, early)
			default:
			}
		}
		b.Delete("/v1/locks/job", "lease", got.Body.Lease).Want(t, 200)
	}
	wantRising(t, tokens...)
}

// TestEachAcquireHoldsOnceWhenTheRaftLeaderIsKilledAmongThem kills the Raft leader in the middle of many acquires that
// come in through a follower. What was acknowledged is held; what was refused is not; what is unknown settles when it is
// repeated.
func TestEachAcquireHoldsOnceWhenTheRaftLeaderIsKilledAmongThem(t *testing.T) {
	t.Parallel()
	const total, killAt, clients = 200, 60, 8
	g := chaos.Start(t, 3)
	leader := g.Leader()
	follower, third := g.Others(leader)[0], g.Others(leader)[1]
	var mu sync.Mutex
	next := 0
	answers := make([]chaos.Answer, total)
	middle := make(chan struct{})
	var work sync.WaitGroup
	for range clients {
		work.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i == killAt {
					close(middle)
				}
				if i >= total {
					return
				}
				answers[i] = acquireOnce(follower, i)
			}
		})
	}
	<-middle
	leader.Kill()
	work.Wait()

	counts := map[string]int{}
	seen := map[uint64]int{}
	for i, a := range answers {
		name := fmt.Sprintf("/v1/locks/each-%d", i)
		switch {
		case a.Status == 201 || a.Status == 200:
			counts["held"]++
		case a.Status == 503:
			counts["refused"]++
			if s := third.Get(name).Want(t, 200); s.Body.State != "free" {
				t.Errorf("refused, so nothing happened; but %s", s)
			}
			a = acquireOnce(third, i).Want(t, 201)
		default:
			counts["unknown"]++
			a = acquireOnce(third, i)
			if a.Status != 201 && a.Status != 200 {
				t.Fatalf("an unknown outcome does not settle: %s", a)
			}
		}
		if other, dup := seen[a.Body.Token]; dup {
			t.Errorf("token %d was given to %d and %d", a.Body.Token, other, i)
		}
		seen[a.Body.Token] = i
		wantHolder(t, third, fmt.Sprintf("each-%d", i), fmt.Sprint("c", i), a.Body.Token)
		third.Get(name, "token", fmt.Sprint(a.Body.Token)).Want(t, 200)
		// Repeated once more it has no further effect.
		if again := acquireOnce(third, i).Want(t, 200); again.Body.Token != a.Body.Token {
			t.Errorf("a repeat changed the token from %d: %s", a.Body.Token, again)
		}
	}
	t.Logf("of %d acquires: %v", total, counts)
	if counts["held"] < killAt {
		t.Errorf("only %d of %d acquires succeeded", counts["held"], total)
	}
}

func acquireOnce(n *chaos.Node, i int) chaos.Answer {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return n.Ask(ctx, "POST", fmt.Sprintf("/v1/locks/each-%d", i), "ttl", "10m", "owner", fmt.Sprint("c", i), "lease", ownLease(i))
}
