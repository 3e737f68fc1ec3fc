package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

const chosen = "0123456789abcdefABCDEF"

func formRequest(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, "http://localhost:5625"+target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func TestCallsBecomeTheirCommands(t *testing.T) {
	pairs := []lease.Pair{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}
	for _, tc := range []struct {
		method, target, body string
		want                 lease.Command // a drawn Lease and the Attempt are checked apart
	}{
		{"POST", "/v1/locks/deploy", "", lease.Command{Op: lease.OpAcquire, Space: lease.Locks, Name: "deploy", Owner: "n1", TTL: 15 * time.Second, Limit: 1}},
		{"POST", "/v1/locks/deploy", "owner=web-0&ttl=1m&limit=3&min_hold=2s&metadata.b=2&metadata.a=1&lease=" + chosen, lease.Command{Op: lease.OpAcquire, Space: lease.Locks,
			Name: "deploy", Lease: chosen, Owner: "web-0", TTL: time.Minute, Limit: 3, MinHold: 2 * time.Second, Metadata: pairs,
			Given: lease.GivenLease | lease.GivenOwner | lease.GivenTTL | lease.GivenLimit | lease.GivenMinHold | lease.GivenMetadata}},
		{"POST", "/v1/locks/deploy", "mode=shared", lease.Command{Op: lease.OpAcquire, Space: lease.Locks, Name: "deploy", Owner: "n1", TTL: 15 * time.Second, Given: lease.GivenLimit}},
		{"POST", "/v1/locks/deploy", "mode=exclusive", lease.Command{Op: lease.OpAcquire, Space: lease.Locks, Name: "deploy", Owner: "n1", TTL: 15 * time.Second, Limit: 1, Given: lease.GivenLimit}},
		{"POST", "/v1/locks/deploy", "wait=30s", lease.Command{Op: lease.OpAcquire, Space: lease.Locks, Name: "deploy", Owner: "n1", TTL: 15 * time.Second, Limit: 1, Wait: true}},
		{"PUT", "/v1/locks/deploy", "lease=" + chosen, lease.Command{Op: lease.OpRenew, Space: lease.Locks, Name: "deploy", Lease: chosen}},
		{"DELETE", "/v1/locks/deploy", "lease=" + chosen, lease.Command{Op: lease.OpRelease, Space: lease.Locks, Name: "deploy", Lease: chosen}},
		{"DELETE", "/v1/locks/deploy?token=42", "lease=" + chosen, lease.Command{Op: lease.OpRelease, Space: lease.Locks, Name: "deploy", Lease: chosen, Token: 42}},
		{"POST", "/v1/leases", "", lease.Command{Op: lease.OpCreateLease, Owner: "n1", TTL: 15 * time.Second}},
		{"POST", "/v1/leases", "ttl=1h&owner=x&lease=" + chosen, lease.Command{Op: lease.OpCreateLease, Lease: chosen, Owner: "x", TTL: time.Hour,
			Given: lease.GivenLease | lease.GivenOwner | lease.GivenTTL}},
		{"PUT", "/v1/leases/" + chosen, "", lease.Command{Op: lease.OpRenewLease, Lease: chosen}},
		{"DELETE", "/v1/leases/" + chosen, "", lease.Command{Op: lease.OpRevokeLease, Lease: chosen}},
		{"POST", "/v1/elections/boss", "", lease.Command{Op: lease.OpAcquire, Space: lease.Elections, Name: "boss", Owner: "n1", TTL: 15 * time.Second, Limit: 1, Wait: true}},
		{"POST", "/v1/elections/boss", "value=", lease.Command{Op: lease.OpAcquire, Space: lease.Elections, Name: "boss", Owner: "n1", TTL: 15 * time.Second, Limit: 1, Wait: true,
			Given: lease.GivenValue}},
		{"PUT", "/v1/elections/boss", "lease=" + chosen, lease.Command{Op: lease.OpRenew, Space: lease.Elections, Name: "boss", Lease: chosen}},
		{"PUT", "/v1/elections/boss", "value=v2&lease=" + chosen, lease.Command{Op: lease.OpRenew, Space: lease.Elections, Name: "boss", Lease: chosen, Value: "v2", Given: lease.GivenValue}},
		{"DELETE", "/v1/elections/boss", "lease=" + chosen, lease.Command{Op: lease.OpRelease, Space: lease.Elections, Name: "boss", Lease: chosen}},
	} {
		t.Run(tc.method+" "+tc.target+" "+tc.body, func(t *testing.T) {
			node := newFakeNode()
			resp := ask(t, httpapi.New(httpapi.Config{Node: node}).Handler(), formRequest(tc.method, tc.target, tc.body))
			if resp.StatusCode >= 300 {
				t.Fatalf("status %d", resp.StatusCode)
			}
			got := node.last(t)
			if got.Op == lease.OpAcquire && got.Attempt == 0 {
				t.Error("the attempt has no number")
			}
			got.Attempt = 0
			if tc.want.Lease == "" {
				if !regexp.MustCompile(`^sl_[A-Z2-7]{26}$`).MatchString(string(got.Lease)) || lease.ValidLeaseID(got.Lease) != nil {
					t.Errorf("drawn lease ID: %q", got.Lease)
				}
				got.Lease = ""
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("\n got %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestDefaultTTLIsNeverBelowTheShortest(t *testing.T) {
	node := slowGroup{newFakeNode()}
	ask(t, httpapi.New(httpapi.Config{Node: node}).Handler(), formRequest("POST", "/v1/locks/a", ""))
	if got := node.last(t).TTL; got != time.Minute {
		t.Errorf("ttl %v", got)
	}
}

type slowGroup struct{ *fakeNode }

func (slowGroup) MinTTL() time.Duration { return time.Minute }

func TestDeadlineIsFiveSecondsPlusTheWait(t *testing.T) {
	node := newFakeNode()
	var left, wait time.Duration
	see := func(ctx context.Context) {
		deadline, ok := ctx.Deadline()
		if !ok {
			t.Error("no deadline")
		}
		left = time.Until(deadline)
	}
	node.do = func(ctx context.Context, c lease.Command) (raftnode.Outcome, error) { see(ctx); return granted(c), nil }
	node.acquire = func(ctx context.Context, c lease.Command, w time.Duration) (raftnode.Outcome, error) {
		see(ctx)
		wait = max(wait, w)
		return granted(c), nil
	}
	h := httpapi.New(httpapi.Config{Node: node}).Handler()
	for body, want := range map[string]time.Duration{"": 5 * time.Second, "wait=0": 5 * time.Second, "wait=1m": 65 * time.Second} {
		ask(t, h, formRequest("POST", "/v1/locks/a", body))
		if left > want || left < want-4*time.Second {
			t.Errorf("%q: %v left, want %v", body, left, want)
		}
	}
	if wait != time.Minute {
		t.Errorf("the node is told to wait %v", wait)
	}
}

func TestQueriesSayWhatIsAsked(t *testing.T) {
	for target, want := range map[string]lease.Query{
		"/v1/locks/a":           {Kind: lease.QueryName, Space: lease.Locks, Name: "a"},
		"/v1/locks/a?token=7":   {Kind: lease.QueryName, Space: lease.Locks, Name: "a", Token: 7},
		"/v1/locks":             {Kind: lease.QueryNames, Space: lease.Locks, Limit: lease.DefaultListLimit},
		"/v1/elections/a":       {Kind: lease.QueryName, Space: lease.Elections, Name: "a"},
		"/v1/leases/" + chosen:  {Kind: lease.QueryLease, Lease: chosen},
		"/v1/elections?limit=2": {Kind: lease.QueryNames, Space: lease.Elections, Limit: 2},
		"/v1/locks?prefix=app.&after=app.b&limit=1000": {Kind: lease.QueryNames, Space: lease.Locks, Prefix: "app.", After: "app.b", Limit: 1000},
	} {
		for _, local := range []bool{false, true} {
			node := newFakeNode()
			var got lease.Query
			var how raftnode.Consistency
			status := node.status
			node.query = func(ctx context.Context, q lease.Query, c raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error) {
				got, how = q, c
				return (&fakeNode{status: status}).Query(ctx, q, c)
			}
			full := target
			if local {
				full += map[bool]string{true: "&", false: "?"}[strings.Contains(target, "?")] + "consistency=local"
			}
			resp := ask(t, httpapi.New(httpapi.Config{Node: node}).Handler(), formRequest("GET", full, ""))
			if got != want || (how == raftnode.Local) != local {
				t.Errorf("%s: %+v, local %v", full, got, how == raftnode.Local)
			}
			if resp.Header.Get("Sidelock-Index") != "913" || resp.Header.Get("Sidelock-Node") != "n1" {
				t.Errorf("%s: headers %v", full, resp.Header)
			}
			if got := resp.Header.Get("Sidelock-Staleness-Ms"); (got == "7") != local {
				t.Errorf("%s: staleness %q", full, got)
			}
		}
	}
}
