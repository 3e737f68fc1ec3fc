package chaos_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

const because = "host is on fire"

// force ends a grant over a node's administrators' socket.
func force(n *chaos.Node, path string, token uint64, pairs ...string) chaos.Answer {
	return n.Admin("DELETE", path, append([]string{"token", fmt.Sprint(token), "reason", because}, pairs...)...)
}

// wantForced checks what the history tells of one forced release.
func wantForced(t *testing.T, n *chaos.Node, path, owner string, token uint64) {
	t.Helper()
	past := n.Get(path+"/history").Want(t, 200).Body
	for _, list := range [][]chaos.Past{past.Events, past.Notable} {
		if !slices.ContainsFunc(list, func(p chaos.Past) bool {
			return p.Event == "forced" && p.Owner == owner && p.Token == token && p.Why == because
		}) {
			t.Errorf("no forced release of %s with token %d: %+v", owner, token, list)
		}
	}
}

func TestForcedReleaseIsForAdministratorsAndNamesTheGrant(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	n, other := g.Nodes[0], g.Nodes[1]
	for _, n := range g.Nodes {
		info, err := os.Stat(filepath.Join(n.Dir, "admin.sock"))
		if err != nil || info.Mode().Type() != fs.ModeSocket || info.Mode().Perm() != 0o600 {
			t.Errorf("the administrators' socket of %s: %v %v", n.Name, info, err)
		}
	}
	for _, path := range []string{"/v1/locks/job", "/v1/elections/chief"} {
		held := n.Post(path, "ttl", "5m", "owner", "me").Want(t, 201).Body
		for _, n := range g.Nodes {
			n.Delete(path, "token", fmt.Sprint(held.Token), "reason", because).Want(t, 403, "forbidden")
			n.Delete(path, "token", fmt.Sprint(held.Token), "reason", because, "immediate", "true").Want(t, 403, "forbidden")
			force(n, path, held.Token+1).Want(t, 412, "stale_token")
			force(n, path, held.Token-1, "immediate", "true").Want(t, 412, "stale_token")
		}
		other.Put(path, "lease", held.Lease).Want(t, 200)
		if past := other.Get(path+"/history").Want(t, 200).Body; len(past.Notable) > 0 {
			t.Errorf("refused, and yet: %+v", past.Notable)
		}
		force(other, path, held.Token, "immediate", "true").Want(t, 200)
		n.Put(path, "lease", held.Lease).Want(t, 410, "lease_expired")
		wantForced(t, n, path, "me", held.Token)
		next := n.Post(path, "ttl", "5m", "owner", "me").Want(t, 201).Body
		force(other, path, held.Token).Want(t, 412, "stale_token")
		n.Put(path, "lease", next.Lease).Want(t, 200)
	}
}

// TestForcedOutHolderIsToldAndItsPlaceIsKeptToItsDeadline: until then it may believe that it holds.
func TestForcedOutHolderIsToldAndItsPlaceIsKeptToItsDeadline(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	const ttl = 4 * time.Second
	n, other, third := g.Nodes[0], g.Nodes[1], g.Nodes[2]
	words := map[string]string{"/v1/locks/job": "held", "/v1/elections/chief": "leading"}
	for path, word := range words {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			hold := n.Hold(path, "ttl", ttl.String(), "owner", "old").Begun(t)
			held := hold.Await(10*time.Second, word)
			waiting := other.Hold(path, "ttl", "60s", "owner", "new").Begun(t)
			waiting.Await(10*time.Second, "queued", "standby")
			_, before := hold.AwaitAll(10*time.Second, "alive")
			forced := force(third, path, held.Token).Want(t, 200)
			if forced.Body.FreeIn <= 0 || forced.Body.FreeIn > ttl.Milliseconds() || forced.Body.Owner != "old" || forced.Body.Token != held.Token {
				t.Errorf("%s", forced)
			}
			lost, more := hold.AwaitAll(10*time.Second, "lost")
			if lost.Reason != "forced" || lost.Why != because {
				t.Errorf("%s: told as %s", path, lost)
			}
			wantSoon(t, g, groupTerm(g), forced.Sent, lost.At, "the word to a holder that was forced out")
			_, err := hold.Ended(10 * time.Second)
			chaos.WantEOF(t, err)
			if path == "/v1/elections/chief" {
				n.Get("/health/leader/chief").Want(t, 503, "not_leading")
			}
			wantForced(t, third, path, "old", held.Token)

			next := waiting.Await(ttl+2*lateBy, word)
			wantAfterDeadline(t, path, lastDeadline(append(append(before, held), more...)), next.At)
			if free := forced.Sent.Add(time.Duration(forced.Body.FreeIn) * time.Millisecond); next.At.Before(free) {
				t.Errorf("%s: granted %s before what was said to the administrator", path, free.Sub(next.At))
			}
			wantRising(t, held.Token, next.Token)
		})
	}
}

// TestForcedOutHolderMayLetGoAtOnce: by a release of its own, and where the administrator says that nobody has to wait for it.
func TestForcedOutHolderMayLetGoAtOnce(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	n, other, third := g.Nodes[0], g.Nodes[1], g.Nodes[2]
	for _, immediate := range []bool{false, true} {
		for path, word := range map[string]string{"/v1/locks/job": "held", "/v1/elections/chief": "leading"} {
			held := n.Post(path, "ttl", "5m", "owner", "old").Want(t, 201).Body
			waiting := other.Hold(path, "ttl", "60s", "owner", "new").Begun(t)
			waiting.Await(10*time.Second, "queued", "standby")
			term, from := groupTerm(g), time.Now()
			if immediate {
				force(third, path, held.Token, "immediate", "true").Want(t, 200)
			} else {
				force(third, path, held.Token).Want(t, 200)
				n.Put(path, "lease", held.Lease).Want(t, 410, "lease_expired")
				if a := n.Get(path).Want(t, 200); a.Body.State == "free" {
					t.Errorf("free before its deadline: %s", a)
				}
				if f := waiting.Drain(); has(f, word) {
					t.Fatalf("%s: granted before the holder had let go: %v", path, f)
				}
				from = time.Now()
				n.Delete(path, "lease", held.Lease).Want(t, 200)
			}
			next := waiting.Await(10*time.Second, word)
			wantSoon(t, g, term, from, next.At, fmt.Sprintf("the next grant of %s, immediate=%v", path, immediate))
			n.Put(path, "lease", held.Lease).Want(t, 410, "lease_expired")
			wantForced(t, third, path, "old", held.Token)
			closed := time.Now()
			waiting.Close()
			chaos.Until(t, 10*time.Second, path+" to be free", func() error {
				if a := n.Get(path).Want(t, 200); len(a.Body.Holders) > 0 || a.Body.Leader != nil {
					return fmt.Errorf("%s after it was closed: %s", time.Since(closed), a)
				}
				return nil
			})
		}
	}
}
