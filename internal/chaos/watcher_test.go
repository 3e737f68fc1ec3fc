package chaos_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// watcher follows the events of a group through one sidecar after another, and keeps all that it was told.
type watcher struct {
	name   string
	group  *chaos.Group
	rng    *mathrand.Rand
	at     int  // the node that it asks
	stays  bool // it moves only when its stream ends
	sse    bool
	params []string

	mu    sync.Mutex
	after string // the id of the last frame, to resume after
	told  []segment
	over  chan struct{}
	found map[string]chan struct{} // closed when an event of that name has been seen, or its outcome
}

// segment is a whole state and the events after it, without a gap.
type segment struct {
	state  []chaos.Frame // its parts
	events []chaos.Frame
}

func newWatcher(g *chaos.Group, name string, at int, params ...string) *watcher {
	return &watcher{name: name, group: g, at: at, params: params, rng: mathrand.New(mathrand.NewPCG(uint64(at), 5)), over: make(chan struct{}),
		found: map[string]chan struct{}{}}
}

// run follows until the context ends.
func (w *watcher) run(ctx context.Context) {
	defer close(w.over)
	for ctx.Err() == nil {
		n := w.group.Nodes[w.at%len(w.group.Nodes)]
		if w.one(ctx, n) || !w.stays {
			w.at++
		}
		pause(ctx, time.Duration(w.rng.IntN(30))*time.Millisecond)
	}
}

// open asks a node for what comes after all that was told.
func (w *watcher) open(n *chaos.Node) *chaos.Stream {
	headers, params := http.Header{}, w.params
	if w.sse {
		headers.Set("Accept", "text/event-stream")
	}
	if after := w.position(); after != "" && w.rng.IntN(2) == 0 {
		headers.Set("Last-Event-ID", after)
	} else if after != "" {
		params = append([]string{"after", after}, params...)
	}
	return n.Impatient(2*time.Second).Open("GET", "/v1/events", headers, params...)
}

func (w *watcher) position() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.after
}

// one follows a stream of a node for as long as it will, and tells whether that did not begin or has ended.
func (w *watcher) one(ctx context.Context, n *chaos.Node) (failed bool) {
	s := w.open(n)
	defer s.Close()
	if s.Status != http.StatusOK {
		return true
	}
	until := time.Now().Add(time.Hour)
	if !w.stays {
		until = time.Now().Add(time.Duration(200+w.rng.IntN(1500)) * time.Millisecond)
	}
	for ctx.Err() == nil && time.Now().Before(until) {
		f, err := s.Next(50 * time.Millisecond)
		switch {
		case errors.Is(err, chaos.ErrQuiet):
			continue
		case err != nil:
			return true
		}
		w.take(f)
	}
	return false
}

// take keeps one frame.
func (w *watcher) take(f chaos.Frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch f.Event {
	case "state":
		if n := len(w.told); n == 0 || len(w.told[n-1].events) > 0 || !last(w.told[n-1].state).More {
			w.told = append(w.told, segment{})
		}
		now := &w.told[len(w.told)-1]
		now.state = append(now.state, f)
		for _, l := range f.Locks {
			w.saw(l.Name)
		}
	case "alive":
	default:
		if len(w.told) == 0 {
			w.told = append(w.told, segment{}) // which check will not like
		}
		now := &w.told[len(w.told)-1]
		now.events = append(now.events, f)
		w.saw(f.Name)
	}
	if f.ID != "" {
		w.after = f.ID
	}
}

// saw is called with the name of an event, or of a lock in a state: then the event is among those before it.
func (w *watcher) saw(name string) {
	if c := w.found[name]; c != nil {
		close(c)
		delete(w.found, name)
	}
}

func last(frames []chaos.Frame) chaos.Frame { return frames[len(frames)-1] }

// sees returns a channel that is closed once an event of a name has been seen, or what came of it.
func (w *watcher) sees(name string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := make(chan struct{})
	w.found[name] = c
	return c
}

// watched compares what watchers were told.
type watched struct {
	t      testing.TB
	byID   map[string]chaos.Frame
	sorted []chaos.Frame // all events that any of them saw
}

// compare checks that all watchers were told the same events, in order, each once, and none missing after a state.
func compare(t testing.TB, all []*watcher) *watched {
	t.Helper()
	c := &watched{t: t, byID: map[string]chaos.Frame{}}
	for _, w := range all {
		for _, s := range w.told {
			for _, e := range s.events {
				if other, ok := c.byID[e.ID]; ok && other.Raw != e.Raw {
					t.Errorf("%s was told %s, another %s", w.name, e.Raw, other.Raw)
				}
				c.byID[e.ID] = e
			}
		}
	}
	for _, e := range c.byID {
		c.sorted = append(c.sorted, e)
	}
	slices.SortFunc(c.sorted, func(a, b chaos.Frame) int { return compareIDs(a.ID, b.ID) })
	for _, w := range all {
		before := ""
		for _, s := range w.told {
			before = c.segment(w, s, before)
		}
	}
	return c
}

// segment checks one segment that began behind a position, and returns where it ended.
func (c *watched) segment(w *watcher, s segment, before string) (end string) {
	if len(s.state) == 0 {
		c.t.Errorf("%s was told events before any state", w.name)
		return before
	}
	begin := last(s.state)
	if begin.More || begin.ID == "" {
		c.t.Errorf("%s: a state that never ended, with %d parts and %d events after it", w.name, len(s.state), len(s.events))
		return before
	}
	if before != "" && compareIDs(begin.ID, before) <= 0 {
		c.t.Errorf("%s: a state as of %s after the event %s", w.name, begin.ID, before)
	}
	c.holders(w, s)
	at, _ := slices.BinarySearchFunc(c.sorted, begin.ID, func(e chaos.Frame, id string) int { return cmp.Or(compareIDs(e.ID, id), 1) })
	end = begin.ID
	for i, e := range s.events {
		if compareIDs(e.ID, end) <= 0 {
			c.t.Errorf("%s: event %s after %s: twice, or out of order", w.name, e.ID, end)
			return e.ID
		}
		if at+i >= len(c.sorted) || c.sorted[at+i].ID != e.ID {
			c.t.Errorf("%s: event %s after %s, and missed what another saw: %s", w.name, e.ID, end, c.sorted[min(at+i, len(c.sorted)-1)].Raw)
			return e.ID
		}
		end = e.ID
	}
	return end
}

// holders compares the holders in a state with what the events before it come to.
func (c *watched) holders(w *watcher, s segment) {
	want, have := map[string]uint64{}, map[string]uint64{}
	for _, e := range c.sorted {
		if compareIDs(e.ID, last(s.state).ID) > 0 {
			break
		}
		switch e.Event {
		case "granted":
			want[e.Name] = e.Token
		case "released", "expired", "revoked", "disconnected":
			delete(want, e.Name)
		}
	}
	for _, part := range s.state {
		for _, l := range part.Locks {
			if len(l.Holders) > 0 {
				have[l.Name] = l.Holders[0].Token
			}
		}
	}
	if fmt.Sprint(want) != fmt.Sprint(have) {
		c.t.Errorf("%s: the state as of %s has holders %v, the events before come to %v", w.name, last(s.state).ID, have, want)
	}
}

// compareIDs orders event ids, or an id and a position.
func compareIDs(a, b string) int {
	var x, y [2]uint64
	for _, p := range []struct {
		id string
		to *[2]uint64
	}{{a, &x}, {b, &y}} {
		if _, err := fmt.Sscanf(strings.Replace(p.id, ".", " ", 1), "%d %d", &p.to[0], &p.to[1]); err != nil {
			panic(fmt.Sprintf("no event id: %q", p.id))
		}
	}
	return slices.Compare(x[:], y[:])
}
