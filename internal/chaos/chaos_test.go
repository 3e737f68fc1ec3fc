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
	long      = flag.Bool("long", false, "change larger groups, and more often")
)

// atOnce is how many tests run at a time: they wait most of the time, for timeouts and for faults to take effect.
const atOnce = 6

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", fmt.Sprint(atOnce)); err != nil {
			panic(err)
		}
	}
	os.Exit(chaos.Main(m))
}

// underWay is how late a frame of a stream may come to a test on a busy machine. A client counts from its arrival, so it may take the
// deadline that it is told for so much later than the sidecar means.
const underWay = 200 * time.Millisecond

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
