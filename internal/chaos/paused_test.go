package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestPausedRaftLeaderSaysNothingStaleWhenItWakes pauses the Raft leader until a lock has expired and another holds it.
// The first things it sees on waking are requests that lay in its sockets: it must not answer them from what it
// believed when it was paused.
func TestPausedRaftLeaderSaysNothingStaleWhenItWakes(t *testing.T) {
	t.Parallel()
	const each = 4 // requests of a kind
	g := chaos.Start(t, 3)
	paused := g.Leader()
	other := g.Others(paused)[0]
	old := paused.Post("/v1/locks/shift", "ttl", "1s", "owner", "old", "lease", ownLease(1)).Want(t, 201).Body
	led := paused.Post("/v1/elections/chief", "ttl", "1s", "owner", "old").Want(t, 201).Body
	long := paused.Post("/v1/locks/long", "ttl", "10m", "owner", "old").Want(t, 201).Body
	// Connections that are open already are read first on waking.
	var warm []<-chan chaos.Answer
	for range 4 * each {
		warm = append(warm, paused.AskOnceSent("GET", "/v1/locks/shift"))
	}
	for _, c := range warm {
		(<-c).Want(t, 200)
	}
	paused.Pause()

	got := other.Post("/v1/locks/shift", "wait", "30s", "ttl", "10m", "owner", "new").Want(t, 201).Body
	wantRising(t, old.Token, got.Token)
	chaos.Until(t, 20*time.Second, "the election to be free", func() error {
		if a := other.Get("/v1/elections/chief").Want(t, 200); a.Body.Leader != nil {
			return fmt.Errorf("still led: %s", a)
		}
		return nil
	})

	// Several of each kind: all that lies in the sockets is handled at once on waking.
	var reads, renewals, repeats, elections []<-chan chaos.Answer
	for range each {
		renewals = append(renewals, paused.AskOnceSent("PUT", "/v1/locks/shift", "lease", old.Lease))
		reads = append(reads, paused.AskOnceSent("GET", "/v1/locks/shift"))
		repeats = append(repeats, paused.AskOnceSent("POST", "/v1/locks/shift", "ttl", "1s", "owner", "old", "lease", old.Lease))
		elections = append(elections, paused.AskOnceSent("PUT", "/v1/elections/chief", "lease", led.Lease))
	}
	stillHeld := paused.AskOnceSent("PUT", "/v1/locks/long", "lease", long.Lease)
	paused.Resume()

	for i := range reads {
		read := <-reads[i]
		read.Want(t, 200)
		if h := read.Body.Holders; len(h) != 1 || h[0].Token != got.Token || h[0].Owner != "new" {
			t.Errorf("want the new holder with token %d: %s", got.Token, read)
		}
		for _, c := range []<-chan chaos.Answer{renewals[i], repeats[i], elections[i]} {
			a := <-c
			a.Want(t, 410, "lease_expired")
			if a.Body.Reason != "expired" {
				t.Errorf("want the reason expired: %s", a)
			}
		}
	}
	if a := (<-stillHeld).Want(t, 200); a.Body.Token != long.Token {
		t.Errorf("the long lock lost its token %d: %s", long.Token, a)
	}
	wantHolder(t, paused, "shift", "new", got.Token)
}
