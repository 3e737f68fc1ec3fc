package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// Upgrades and downgrades by real processes of two releases: the program under test, and one that understands one feature level more and
// has one call more (lease/level_next.go, httpapi/note_next.go).

const (
	mixedFor    = 8 * time.Second // longer than the Raft leader waits before it raises the level
	risesWithin = 30 * time.Second
)

// stay is a client that holds a lock by a stream, and goes on at another sidecar when its own stops.
type stay struct {
	t           *testing.T
	path, lease string
	token       uint64
	at          *chaos.Node
	stream      *chaos.Stream
}

func begin(t *testing.T, n *chaos.Node) *stay {
	t.Helper()
	y := &stay{t: t, path: "/v1/locks/stay", lease: ownLease(1)}
	y.open(n)
	return y
}

func (y *stay) open(n *chaos.Node) {
	y.t.Helper()
	y.at = n
	y.stream = n.Hold(y.path, "ttl", "10s", "owner", "stay", "lease", y.lease).Begun(y.t)
	held := y.stream.Await(10*time.Second, "held")
	if y.token != 0 && held.Token != y.token {
		y.t.Fatalf("goes on as %s, held with token %d before", held, y.token)
	}
	y.token = held.Token
}

// restart stops a sidecar in order and starts it again as another release; whoever holds through it goes on elsewhere.
func restart(t *testing.T, g *chaos.Group, n *chaos.Node, program string, y *stay) {
	t.Helper()
	n.Terminate()
	if y.at == n {
		frames, err := y.stream.Ended(15 * time.Second)
		if chaos.WantEOF(t, err); has(frames, "lost") {
			t.Fatalf("a stopping sidecar's holder was told: %v", frames)
		}
		y.open(g.Others(n)[0])
	}
	if code := n.Wait(); code != 0 {
		t.Fatalf("%s ended with %d", n.Name, code)
	}
	n.Program = program
	n.Start()
	n.AwaitReady()
	g.AwaitReady()
}

func wantLevel(t *testing.T, g *chaos.Group, level int) {
	t.Helper()
	for _, n := range g.Nodes {
		if a := n.Get("/v1/cluster").Want(t, 200); a.Body.Level != level {
			t.Fatalf("want level %d: %s", level, a)
		}
	}
}

func awaitLevel(t *testing.T, g *chaos.Group, level int) {
	t.Helper()
	chaos.Until(t, risesWithin, fmt.Sprint("level ", level), func() error {
		for _, n := range g.Nodes {
			if a := n.Get("/v1/cluster"); a.Status != 200 || a.Body.Level != level {
				return fmt.Errorf("%s", a)
			}
		}
		return nil
	})
}

// note asks for the call that only the next release has, and openapi.yaml does not know.
func note(t *testing.T, n *chaos.Node, method, value string) (status int, answer struct{ Note, Code, Detail string }) {
	t.Helper()
	target := "http://" + n.API + "/v1/note"
	if value != "" {
		target += "?" + url.Values{"value": {value}}.Encode()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// load lets clients work until the returned function ends it and checks what they saw.
func load(t *testing.T, g *chaos.Group) (finish func()) {
	t.Helper()
	h := newHistory()
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range 6 {
		w := &worker{id: i, rng: mathrand.New(mathrand.NewPCG(mathrand.Uint64(), uint64(i))), group: g, h: h}
		clients.Go(func() { w.run(ctx) })
	}
	begun := time.Now()
	return func() {
		stop()
		clients.Wait()
		h.check()
		handovers, _ := h.handovers()
		t.Logf("%d ops (%d ok/%d failed/%d unknown), %d grants, %d handovers in %v; %d violations; worst unavailability %s", h.ok+h.failed+h.unknown,
			h.ok, h.failed, h.unknown, len(h.grants), handovers, time.Since(begun).Round(time.Second), len(h.violations), h.worstGap.Round(time.Millisecond))
		for _, v := range h.violations[:min(20, len(h.violations))] {
			t.Error(v)
		}
		if len(h.grants) < 100 || handovers < 30 {
			t.Error("too little happened")
		}
	}
}

// ledByAnother sees to it that another than n is Raft leader.
func ledByAnother(t *testing.T, g *chaos.Group, n *chaos.Node, y *stay) {
	t.Helper()
	for g.Leader() == n {
		n.Kill()
		if y.at == n {
			y.open(g.Others(n)[0])
		}
		n.Start()
		g.AwaitReady()
	}
}

// TestGroupIsUpgradedOneByOneUnderLoad: what is held stays held, tokens rise, the group works while it is mixed and is at the old level, and
// rises when the last has come.
func TestGroupIsUpgradedOneByOneUnderLoad(t *testing.T) {
	t.Parallel()
	next := chaos.NextRelease(t)
	g := chaos.Start(t, 3, "--drain-timeout", "2s")
	told := tell(t, g.Nodes[1])
	leader := g.Leader()
	order := append(g.Others(leader), leader)
	y := begin(t, order[0])
	finish := load(t, g)
	tokens := []uint64{told.highest, y.token}
	works := func() {
		t.Helper()
		for _, n := range g.Nodes {
			told.wantHeld(t, n)
			wantHolder(t, n, "stay", "stay", y.token)
			a := n.Post("/v1/locks/passing", "ttl", "1m", "wait", "10s").Want(t, 201)
			n.Delete("/v1/locks/passing", "lease", a.Body.Lease).Want(t, 200)
			tokens = append(tokens, a.Body.Token)
		}
	}
	works()
	restart(t, g, order[0], next, y)
	works()
	restart(t, g, order[1], next, y)
	old := order[2]
	ledByAnother(t, g, old, y)
	pause(t.Context(), mixedFor)
	works()
	wantLevel(t, g, 1)
	for _, n := range order[:2] {
		if status, a := note(t, n, "PUT", "early"); status != 503 || a.Code != "not_ready" || !strings.Contains(a.Detail, "not until all sidecars of the group run release next or a newer one") {
			t.Errorf("%s in a mixed group: %d %+v", n.Name, status, a)
		}
	}
	if status, a := note(t, old, "PUT", "early"); status != 404 {
		t.Errorf("the old release knows a call of the new one: %d %+v", status, a)
	}
	restart(t, g, old, next, y)
	awaitLevel(t, g, 2)
	works()
	if status, a := note(t, g.Nodes[0], "PUT", "all aboard"); status != 200 {
		t.Errorf("%d %+v", status, a)
	}
	for _, n := range g.Nodes {
		n.Kill()
	}
	for _, n := range g.Nodes {
		n.Start()
	}
	g.AwaitReady()
	finish()
	wantLevel(t, g, 2)
	for _, n := range g.Nodes {
		if status, a := note(t, n, "GET", ""); status != 200 || a.Note != "all aboard" {
			t.Errorf("%s: %d %+v", n.Name, status, a)
		}
		told.wantHeld(t, n)
	}
	wantRising(t, tokens...)
}

// TestUpgradeIsTakenBackBeforeTheLevelRose: until the last sidecar is upgraded, all can go back.
func TestUpgradeIsTakenBackBeforeTheLevelRose(t *testing.T) {
	t.Parallel()
	next := chaos.NextRelease(t)
	g := chaos.Start(t, 3, "--drain-timeout", "2s")
	told := tell(t, g.Nodes[1])
	old, upgraded := g.Nodes[2], g.Nodes[:2]
	y := begin(t, upgraded[0])
	finish := load(t, g)
	for _, n := range upgraded {
		restart(t, g, n, next, y)
	}
	ledByAnother(t, g, old, y)
	pause(t.Context(), mixedFor)
	wantLevel(t, g, 1)
	for _, n := range slices.Backward(upgraded) {
		restart(t, g, n, "", y)
	}
	finish()
	wantLevel(t, g, 1)
	for _, n := range g.Nodes {
		told.wantHeld(t, n)
		wantHolder(t, n, "stay", "stay", y.token)
	}
}

// TestSidecarBelowTheLevelRefusesToStart, says the way out, and is taken back with the right release.
func TestSidecarBelowTheLevelRefusesToStart(t *testing.T) {
	t.Parallel()
	next := chaos.NextRelease(t)
	g := chaos.Plan(t, 3)
	for _, n := range g.Nodes {
		n.Program = next
		n.Start()
	}
	g.AwaitReady()
	awaitLevel(t, g, 2)
	told := tell(t, g.Nodes[1])
	down := g.Others(g.Leader())[0]
	down.Terminate()
	down.Wait()
	down.Program = ""
	down.Start()
	if code := down.Wait(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, part := range []string{"this build understands feature level 1, the group is at 2: upgrade this node", "Way out: start the release that this data directory last ran with"} {
		if !strings.Contains(down.Log(), part) {
			t.Errorf("its log does not say %q", part)
		}
	}
	for _, n := range g.Others(down) {
		told.wantHeld(t, n)
	}
	down.Program = next
	down.Start()
	down.AwaitReady()
	told.wantHeld(t, down)

	// Nor is one taken in that has nothing on its disk yet.
	stranger := g.Add("n4", append(chaos.Join(g.Nodes...), "--cluster-size", "3", "--cluster-state", "existing")...)
	stranger.Start()
	chaos.Until(t, 15*time.Second, "the stranger to say why it is refused", func() error {
		if a := stranger.Get("/readyz"); a.Status != 503 || !strings.Contains(a.Raw, "understands feature level 1, and the group is at 2: start it with") {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	stranger.Terminate()
	stranger.Wait()
	stranger.Program = next
	stranger.Start()
	stranger.AwaitReady()
	awaitLevel(t, g, 2)
	if status, a := note(t, stranger, "PUT", "from an agent"); status != 200 {
		t.Errorf("%d %+v", status, a)
	}
	told.wantHeld(t, stranger)
}
