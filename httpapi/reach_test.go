package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/apitest"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// named is a state in which these locks are held, and elections of the same names led.
func named(names ...string) *lease.Snapshot {
	s, settings := lease.New(), lease.DefaultSettings()
	commands := []lease.Command{{Op: lease.OpBootstrap, Token: 1000, Settings: &settings}, {Op: lease.OpOpenSession, Node: "n1"}}
	for i, n := range names {
		for j, space := range []lease.Space{lease.Locks, lease.Elections} {
			seq := uint64(2*i + j + 1)
			commands = append(commands, lease.Command{Identity: lease.Identity{Session: 1, Seq: seq}, Op: lease.OpAcquire, Space: space, Name: n, Owner: "web-0",
				Lease: lease.ID(fmt.Sprintf("lease-of-a-test-%08d", seq)), TTL: time.Minute, Limit: 1})
		}
	}
	s.Apply(913, 1, lease.Entry{Term: 1, Now: 1, Commands: commands})
	snap := s.Snapshot()
	return &snap
}

// stateNode answers queries from a state, and counts them.
func stateNode(state *lease.Snapshot, asked *int) *fakeNode {
	n := newFakeNode()
	n.query = func(_ context.Context, q lease.Query, _ raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error) {
		*asked++
		return state.Answer(q), raftnode.ReadInfo{Index: uint64(900 + *asked), Staleness: time.Duration(*asked) * time.Millisecond}, nil
	}
	return n
}

var everyName = []string{
	"shared", "shared.config", "shared.config-b", "shared.config.x", "shared.config:y", "shared:config", "team", "team-a", "team-a-x", "team-a.1", "team-a.2", "team-a.3", "team-a:1",
	"team-a_x", "team-ab", "team-b", "z",
}

// TestListsShowOnlyWhatTheKeyMayRead, page by page, all of it and in order.
func TestListsShowOnlyWhatTheKeyMayRead(t *testing.T) {
	asked := 0
	h := httpapi.New(httpapi.Config{Node: stateNode(named(everyName...), &asked), Keys: ringOf(t, apitest.KeysFile)}).Handler()
	teamA := []string{"team-a", "team-a.1", "team-a.2", "team-a.3", "team-a:1"}
	for _, c := range []struct {
		key, query string
		want       []string
	}{
		{apitest.TeamKey, "", append([]string{"shared.config", "shared.config.x", "shared.config:y"}, teamA...)},
		{apitest.ReadKey, "", teamA},
		{apitest.ReadKey, "prefix=team-a", teamA},
		{apitest.ReadKey, "prefix=te", teamA},
		{apitest.ReadKey, "prefix=team-a.", teamA[1:4]},
		{apitest.ReadKey, "after=team-a.1", teamA[2:]},
		{apitest.ReadKey, "after=team-a.2x", teamA[3:]},
		{apitest.ReadKey, "after=team-a", teamA[1:]},
		{apitest.ReadKey, "after=a", teamA},
		{apitest.ReadKey, "after=z", nil},
		{apitest.TeamKey, "prefix=shared.c&after=shared.config", []string{"shared.config.x", "shared.config:y"}},
		{apitest.EveryKey, "", everyName},
	} {
		for _, space := range []string{"locks", "elections"} {
			for _, limit := range []int{1, 2, 3, 100} {
				if got := listAll(t, h, space, c.key, c.query, limit); !slices.Equal(got, c.want) {
					t.Errorf("%s?%s, %d at a time:\n got %v\nwant %v", space, c.query, limit, got, c.want)
				}
			}
		}
	}
	unused := httpapi.New(httpapi.Config{Node: stateNode(named("team-a-x", "team-a.1", "team-a.2"), new(int)), Keys: ringOf(t, apitest.KeysFile)}).Handler()
	if got, want := listAll(t, unused, "locks", apitest.ReadKey, "", 1), []string{"team-a.1", "team-a.2"}; !slices.Equal(got, want) {
		t.Errorf("where the name itself is not in use:\n got %v\nwant %v", got, want)
	}
	asked = 0
	resp := ask(t, h, withKey(formRequest("GET", "/v1/locks?consistency=local", ""), apitest.ReadKey))
	if asked != 3 || resp.Header.Get("Sidelock-Index") != "901" || resp.Header.Get("Sidelock-Staleness-Ms") != "3" {
		t.Errorf("%d questions, as at %s, %s ms old: the index is that of the first, the age of the oldest", asked, resp.Header.Get("Sidelock-Index"), resp.Header.Get("Sidelock-Staleness-Ms"))
	}
	asked = 0
	ask(t, h, withKey(formRequest("GET", "/v1/locks?prefix=team-a.", ""), apitest.ReadKey))
	ask(t, h, withKey(formRequest("GET", "/v1/locks", ""), apitest.EveryKey))
	if asked != 2 {
		t.Errorf("%d questions for two pages that are one run of names each", asked)
	}
}

// listAll follows next to the end.
func listAll(t *testing.T, h http.Handler, space, key, query string, limit int) (names []string) {
	t.Helper()
	for pages := 0; ; pages++ {
		if pages > 100 {
			t.Fatalf("no end after %v", names)
		}
		resp := ask(t, h, withKey(formRequest("GET", fmt.Sprintf("/v1/%s?limit=%d&%s", space, limit, query), ""), key))
		var page map[string]json.RawMessage
		var entries []struct{ Name string }
		var next *string
		if err := json.NewDecoder(resp.Body).Decode(&page); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%d %v", resp.StatusCode, err)
		}
		if err := json.Unmarshal(page[space], &entries); err != nil || entries == nil {
			t.Fatalf("%s %v", page[space], err)
		}
		if err := json.Unmarshal(page["next"], &next); err != nil {
			t.Fatal(err)
		}
		if len(entries) > limit {
			t.Errorf("%d entries, asked for %d", len(entries), limit)
		}
		for _, e := range entries {
			names = append(names, e.Name)
		}
		if next == nil {
			return names
		}
		parts := strings.Split(query, "&")
		parts = slices.DeleteFunc(parts, func(p string) bool { return strings.HasPrefix(p, "after=") })
		query = strings.Trim(strings.Join(append(parts, "after="+*next), "&"), "&")
	}
}

func TestPageOfManyRunsIsBoundedInBytes(t *testing.T) {
	node := newFakeNode()
	large := lease.Holder{Owner: "web-0", Token: 1, Metadata: []lease.Pair{{Key: "k", Value: strings.Repeat("v", 4000)}}}
	node.query = func(_ context.Context, q lease.Query, _ raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error) {
		var a lease.Answer
		for i := range min(q.Limit, 200) {
			a.Infos = append(a.Infos, lease.Info{Name: fmt.Sprintf("%s%03d", q.Prefix, i), Holders: []lease.Holder{large, large, large}})
		}
		return a, raftnode.ReadInfo{Index: 1}, nil
	}
	h := httpapi.New(httpapi.Config{Node: node, Keys: ringOf(t, apitest.KeysFile)}).Handler()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, withKey(formRequest("GET", "/v1/locks?limit=1000", ""), apitest.TeamKey))
	var page struct{ Next string }
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || page.Next != "shared.config.199" && page.Next != "shared.config.099" {
		t.Errorf("next is %q after %d bytes: %v", page.Next, w.Body.Len(), err)
	}
}

func TestEventsTellOnlyOfWhatTheKeyMayRead(t *testing.T) {
	event := func(ordinal uint32, name string) raftnode.Happened {
		return raftnode.Happened{ID: raftnode.EventID{Index: 915, Ordinal: ordinal}, Event: lease.Event{Kind: lease.EventGranted, Space: lease.Locks, Name: name, Owner: "o", Token: 5}}
	}
	var filter raftnode.Filter
	deliveries := []raftnode.Delivery{
		{State: named(everyName...), ID: raftnode.EventID{Index: 914}},
		{Events: []raftnode.Happened{event(1, "team-b"), event(2, "team-a-x")}},
		{Events: []raftnode.Happened{event(3, "team-b"), event(4, "team-a.9"), event(5, "z"), event(6, "team-a")}},
	}
	follow := func(key, query string) string {
		node := subscribed(deliveries...)
		inner := node.subscribe
		node.subscribe = func(ctx context.Context, after *raftnode.EventID, f raftnode.Filter) (httpapi.Subscription, error) {
			filter = f
			return inner(ctx, after, f)
		}
		w := httptest.NewRecorder()
		httpapi.New(httpapi.Config{Node: node, Keys: ringOf(t, apitest.KeysFile)}).Handler().ServeHTTP(w, withKey(formRequest("GET", "/v1/events?"+query, ""), key))
		return w.Body.String()
	}
	for _, c := range []struct {
		key, query, filter string
		seen               []string
		not                []string
	}{
		{apitest.ReadKey, "", "team-a", []string{`"team-a"`, `"team-a:1"`, `"id":"915.4"`, `"id":"915.6"`}, []string{"team-b", "team-a-x", "team-ab", `"z"`, "shared", `"id":"915.3"`}},
		{apitest.TeamKey, "", "", []string{`"shared.config:y"`, `"team-a.3"`, `"team-a.9"`}, []string{"team-b", "shared.config-b", `"shared"`, "team-a_x", `"z"`}},
		{apitest.ReadKey, "prefix=team-a.", "team-a.", []string{`"team-a.1"`}, []string{`"team-a:1"`, "team-b"}},
		{apitest.EveryKey, "", "", []string{`"team-b"`, `"z"`, "team-a-x", `"id":"915.2"`}, nil},
	} {
		text := follow(c.key, c.query)
		if filter.Prefix != c.filter {
			t.Errorf("%s: the node filters by %q, want %q", c.query, filter.Prefix, c.filter)
		}
		for _, part := range c.seen {
			if !strings.Contains(text, part) {
				t.Errorf("%q: %s is missing in %s", c.query, part, text)
			}
		}
		for _, part := range c.not {
			if strings.Contains(text, part) {
				t.Errorf("%q: %s is told: %s", c.query, part, text)
			}
		}
	}
}

// busySub delivers something every second, whatever its caller's deadline.
type busySub struct{ fakeSub }

func (busySub) Next(ctx context.Context) (raftnode.Delivery, error) {
	time.Sleep(time.Second)
	if errors.Is(ctx.Err(), context.Canceled) {
		return raftnode.Delivery{}, ctx.Err()
	}
	return raftnode.Delivery{Events: []raftnode.Happened{{Event: lease.Event{Kind: lease.EventGranted, Space: lease.Locks, Name: "team-b", Owner: "o", Token: 5}}}}, nil
}

// TestEventStreamLivesThroughWhatItsKeyMayNotSee: what happens to others must not keep its client from hearing that it lives.
func TestEventStreamLivesThroughWhatItsKeyMayNotSee(t *testing.T) {
	check(t)
	ring := ringOf(t, apitest.KeysFile)
	synctest.Test(t, func(t *testing.T) {
		node := newFakeNode()
		node.subscribe = func(context.Context, *raftnode.EventID, raftnode.Filter) (httpapi.Subscription, error) {
			return busySub{}, nil
		}
		ctx, stop := context.WithTimeout(t.Context(), 90*time.Second+time.Millisecond)
		defer stop()
		ended, end := context.WithCancel(context.Background())
		defer context.AfterFunc(ctx, end)()
		w := httptest.NewRecorder()
		httpapi.New(httpapi.Config{Node: node, Keys: ring}).Handler().ServeHTTP(w, withKey(formRequest("GET", "/v1/events", ""), apitest.ReadKey).WithContext(ended))
		if n := strings.Count(w.Body.String(), `"alive"`); n != 6 || strings.Contains(w.Body.String(), "team-b") {
			t.Errorf("%d signs of life in 90 s: %s", n, w.Body.String())
		}
	})
}
