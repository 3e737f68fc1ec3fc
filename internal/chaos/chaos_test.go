package chaos_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

var (
	chaosFor  = flag.Duration("chaos", 20*time.Second, "how long the random run takes")
	chaosSeed = flag.Int64("chaos-seed", 0, "seed of the random run; 0 draws one")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(chaos.Main(m))
}

// ownLease is a lease ID of the caller's own choice, for tests that repeat requests.
func ownLease(n int) string { return fmt.Sprintf("own-lease-of-a-test-%05d", n) }

// awaitQueue waits until the queue of a lock, as n sees it, has these owners in this order.
func awaitQueue(t *testing.T, n *chaos.Node, lock string, owners ...string) {
	t.Helper()
	chaos.Until(t, 15*time.Second, "the queue of "+lock, func() error {
		a := n.Get("/v1/locks/" + lock)
		var have []string
		for _, w := range a.Body.Queue {
			have = append(have, w.Owner)
		}
		if fmt.Sprint(have) != fmt.Sprint(owners) {
			return fmt.Errorf("%v, want %v in the queue: %s", have, owners, a)
		}
		return nil
	})
}

// wantHolder checks who holds a lock, as n sees it by default.
func wantHolder(t *testing.T, n *chaos.Node, lock, owner string, token uint64) {
	t.Helper()
	a := n.Get("/v1/locks/"+lock).Want(t, 200)
	if len(a.Body.Holders) != 1 || a.Body.Holders[0].Owner != owner || a.Body.Holders[0].Token != token {
		t.Fatalf("want it held by %s with token %d: %s", owner, token, a)
	}
}

// wantRising checks that tokens rise in the order given.
func wantRising(t *testing.T, tokens ...uint64) {
	t.Helper()
	for i := 1; i < len(tokens); i++ {
		if tokens[i] <= tokens[i-1] {
			t.Fatalf("tokens do not rise: %v", tokens)
		}
	}
}
