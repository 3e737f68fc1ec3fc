package httpapi_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

const made = lease.ID("sl_ABCDEFGHIJKLMNOPQRSTUVWXYZ")

var (
	pairs    = []lease.Pair{{Key: "build", Value: `7"é`}}
	wall     = time.Date(2025, 11, 22, 21, 0, 0, 42_000_000, time.UTC).UnixMicro()
	holder   = lease.Holder{Owner: "web-1", Token: 41, Limit: 1, Held: 8200 * time.Millisecond, ExpiresIn: 9100*time.Millisecond + 999, LastRenewed: 3100 * time.Millisecond, GrantedWall: wall, Via: "n1", Value: "http://x"}
	shared   = lease.Holder{Owner: "web-3", Token: 43, Metadata: pairs, GrantedWall: wall, Via: "n2"}
	gone     = lease.Holder{Owner: "cron", Token: 44, Limit: 1, Ended: lease.Released, ExpiresIn: time.Minute, MinHoldUntil: time.Minute, GrantedWall: wall, Via: "n2"}
	waiter   = lease.Waiter{Owner: "web-2", Limit: 1, Waiting: 1200 * time.Millisecond, Value: "http://y", Via: "n3"}
	sharedW  = lease.Waiter{Owner: "web-4"}
	standing = lease.Result{Index: 7, Lease: made, Owner: "web-0", TTL: 15 * time.Second, Value: "v", Standing: lease.Waiting, Position: 2}
	places   = []lease.Place{
		{Space: lease.Locks, Name: "a", Standing: lease.Holding, Token: 1}, {Space: lease.Elections, Name: "b", Standing: lease.Holding, Token: 2},
		{Space: lease.Locks, Name: "c", Standing: lease.Waiting, Position: 3}, {Space: lease.Elections, Name: "d", Standing: lease.Waiting, Position: 1},
	}
)

func answerTo(t *testing.T, node *fakeNode, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp := ask(t, httpapi.New(httpapi.Config{Node: node, Version: "1.0.0"}).Handler(), r)
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, strings.TrimSuffix(string(b), "\n")
}

func TestAnswersToCommandsAreAsDocumented(t *testing.T) {
	held := lease.Result{Index: 7, Created: true, Standing: lease.Holding, Lease: made, Owner: "web-0", Token: 42, Limit: 1, TTL: 15 * time.Second}
	again := held
	again.Created, again.Limit = false, 0
	leading := held
	leading.Value = "http://x"
	kept := lease.Result{Index: 7, Created: true, Lease: made, Owner: "web-0", TTL: 15 * time.Second}
	full := kept
	full.Created, full.Places = false, places
	for _, tc := range []struct {
		call   string
		result lease.Result
		status int
		want   string
	}{
		{"POST /v1/locks/deploy", held, 201, `{"name":"deploy","state":"held","lease":"sl_ABCDEFGHIJKLMNOPQRSTUVWXYZ","owner":"web-0","token":42,"limit":1,"ttl_ms":15000,"valid_for_ms":14960}`},
		{"POST /v1/locks/deploy", again, 200, `{"name":"deploy","state":"held","lease":"sl_ABCDEFGHIJKLMNOPQRSTUVWXYZ","owner":"web-0","token":42,"limit":null,"ttl_ms":15000,"valid_for_ms":14960}`},
		{"PUT /v1/locks/deploy", again, 200, `{"name":"deploy","state":"held","lease":"sl_ABCDEFGHIJKLMNOPQRSTUVWXYZ","owner":"web-0","token":42,"limit":null,"ttl_ms":15000,"valid_for_ms":14960}`},
		{"DELETE /v1/locks/deploy", lease.Result{Index: 7}, 200, `{"name":"deploy","state":"released"}`},
		{"POST /v1/elections/boss", leading, 201, `{"name":"boss","state":"leading","lease":"sl_ABCDEFGHIJKLMNOPQRSTUVWXYZ","owner":"web-0","value":"http://x","token":42,"ttl_ms":15000,"valid_for_ms":14960,"position":0}`},
		{"POST /v1/elections/boss", standing, 200, `{"name":"boss","state":"standby","lease":"sl_ABCDEFGHIJKLMNOPQRSTUVWXYZ","owner":"web-0","value":"v","token":null,"ttl_ms":15000,"valid_for_ms":14960,"position":2}`},
		{"PUT /v1/elections/boss", standing, 200, `{"name":"boss","state":"standby","lease":"sl_ABCDEFGHIJKLMNOPQRSTUVWXYZ","owner":"web-0","value":"v","token":null,"ttl_ms":15000,"valid_for_ms":14960,"position":2}`},
		{"DELETE /v1/elections/boss", lease.Result{Index: 7}, 200, `{"name":"boss","state":"resigned"}`},
		{"POST /v1/leases", kept, 201, `{"lease":"sl_ABCDEFGHIJKLMNOPQRSTUVWXYZ","owner":"web-0","ttl_ms":15000,"valid_for_ms":14960,"locks":[],"elections":[],"waits":[]}`},
		{"PUT /v1/leases/" + string(made), full, 200, `{"lease":"sl_ABCDEFGHIJKLMNOPQRSTUVWXYZ","owner":"web-0","ttl_ms":15000,"valid_for_ms":14960,"locks":[{"name":"a","token":1}],"elections":[{"name":"b","token":2}],"waits":[{"kind":"lock","name":"c","position":3},{"kind":"election","name":"d","position":1}]}`},
		{"DELETE /v1/leases/" + string(made), lease.Result{Index: 7}, 200, `{"lease":"sl_ABCDEFGHIJKLMNOPQRSTUVWXYZ","state":"revoked"}`},
	} {
		method, target, _ := strings.Cut(tc.call, " ")
		node := newFakeNode()
		node.do = func(context.Context, lease.Command) (raftnode.Outcome, error) {
			return raftnode.Outcome{Result: tc.result, ValidFor: 14960 * time.Millisecond}, nil
		}
		body := ""
		if method != "POST" && !strings.Contains(target, "leases") {
			body = "lease=" + string(made)
		}
		resp, got := answerTo(t, node, formRequest(method, target, body))
		if resp.StatusCode != tc.status || got != tc.want {
			t.Errorf("%s: %d\n got %s\nwant %s", tc.call, resp.StatusCode, got, tc.want)
		}
		if resp.Header.Get("Sidelock-Index") != "7" || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", tc.call, resp.Header)
		}
	}
}

func TestAnswersToQueriesAreAsDocumented(t *testing.T) {
	lock := &lease.Info{Space: lease.Locks, Name: "deploy", Index: 913, Limit: 1, Holders: []lease.Holder{holder, shared, gone}, Queue: []lease.Waiter{waiter, sharedW}, HolderCount: 3, QueueLength: 2}
	free := &lease.Info{Space: lease.Locks, Name: "deploy"}
	election := &lease.Info{Space: lease.Elections, Name: "boss", Index: 913, Limit: 1, Holders: []lease.Holder{holder}, Queue: []lease.Waiter{waiter}, HolderCount: 1, QueueLength: 1}
	const (
		h1 = `{"owner":"web-1","token":41,"limit":1,"held_for_ms":8200,"expires_in_ms":9100,"metadata":{},"granted_at":"2025-11-22T21:00:00.042Z","last_renewed_ago_ms":3100,"via_node":"n1"}`
		h2 = `{"owner":"web-3","token":43,"limit":null,"held_for_ms":0,"expires_in_ms":0,"metadata":{"build":"7\"é"},"granted_at":"2025-11-22T21:00:00.042Z","last_renewed_ago_ms":0,"via_node":"n2"}`
		h3 = `{"owner":"cron","token":44,"limit":1,"held_for_ms":0,"expires_in_ms":60000,"metadata":{},"granted_at":"2025-11-22T21:00:00.042Z","last_renewed_ago_ms":0,"via_node":"n2","ended":"released","min_hold_left_ms":60000}`
		q  = `"queue":[{"owner":"web-2","limit":1,"waiting_for_ms":1200},{"owner":"web-4","limit":null,"waiting_for_ms":0}]`
		l  = `{"owner":"web-1","value":"http://x","token":41,"leading_for_ms":8200,"expires_in_ms":9100,"metadata":{},"granted_at":"2025-11-22T21:00:00.042Z","last_renewed_ago_ms":3100,"via_node":"n1"}`
	)
	for _, tc := range []struct {
		target string
		answer lease.Answer
		want   string
	}{
		{"/v1/locks/deploy", lease.Answer{Info: lock}, `{"name":"deploy","state":"held","limit":1,"holders":[` + h1 + "," + h2 + "," + h3 + `],` + q + `,"index":913}`},
		{"/v1/locks/deploy?token=41", lease.Answer{Info: lock}, `{"name":"deploy","state":"held","limit":1,"holders":[` + h1 + "," + h2 + "," + h3 + `],` + q + `,"current":true,"index":913}`},
		{"/v1/locks/deploy", lease.Answer{Info: free}, `{"name":"deploy","state":"free","limit":null,"holders":[],"queue":[],"index":0}`},
		{"/v1/locks", lease.Answer{Infos: []lease.Info{*lock, *free}, Next: "deploy"}, `{"locks":[{"name":"deploy","state":"held","limit":1,"holders":[` + h1 + "," + h2 + "," + h3 + `],"holder_count":3,"queue_length":2,"index":913},{"name":"deploy","state":"free","limit":null,"holders":[],"holder_count":0,"queue_length":0,"index":0}],"next":"deploy"}`},
		{"/v1/locks", lease.Answer{}, `{"locks":[],"next":null}`},
		{"/v1/elections/boss", lease.Answer{Info: election}, `{"name":"boss","leader":` + l + `,"candidates":[{"owner":"web-2","value":"http://y","waiting_for_ms":1200,"metadata":{},"via_node":"n3"}],"index":913}`},
		{"/v1/elections/boss", lease.Answer{Info: &lease.Info{Name: "boss"}}, `{"name":"boss","leader":null,"candidates":[],"index":0}`},
		{"/v1/elections", lease.Answer{Infos: []lease.Info{*election}}, `{"elections":[{"name":"boss","leader":` + l + `,"candidate_count":1,"index":913}],"next":null}`},
		{"/v1/leases/" + string(made), lease.Answer{Lease: &lease.LeaseInfo{Explicit: true, Owner: "web-0", TTL: 15 * time.Second, Remaining: 9 * time.Second, Metadata: pairs, Places: places}},
			`{"lease":"sl_ABCDEFGHIJKLMNOPQRSTUVWXYZ","explicit":true,"owner":"web-0","ttl_ms":15000,"expires_in_ms":9000,"metadata":{"build":"7\"é"},"locks":[{"name":"a","token":1}],"elections":[{"name":"b","token":2}],"waits":[{"kind":"lock","name":"c","position":3},{"kind":"election","name":"d","position":1}]}`},
	} {
		node := newFakeNode()
		node.query = func(context.Context, lease.Query, raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error) {
			return tc.answer, raftnode.ReadInfo{Index: 913}, nil
		}
		if resp, got := answerTo(t, node, formRequest("GET", tc.target, "")); resp.StatusCode != 200 || got != tc.want {
			t.Errorf("%s: %d\n got %s\nwant %s", tc.target, resp.StatusCode, got, tc.want)
		}
		if resp, _ := answerTo(t, node, formRequest("HEAD", tc.target, "")); resp.StatusCode != 200 {
			t.Errorf("HEAD %s: %d", tc.target, resp.StatusCode)
		}
	}
}

func TestClusterIsWhatThisNodeLastKnew(t *testing.T) {
	const cluster = `{"id":"c-1","node":{"name":"n1","id":"id-1","role":"voter","version":"1.0.0"},"members":[{"name":"n1","id":"id-1","address":"127.0.0.1:5626","role":"voter","zone":"a","healthy":true,"last_contact_ms":0,"version":"1.0.0"},{"name":"n2","id":"id-2","address":null,"role":"voter","zone":null,"healthy":false,"last_contact_ms":null,"version":null}],"raft_leader":{"name":"n1","id":"id-1","address":"127.0.0.1:5626"},"term":3,"commit_index":913,"applied_index":912,"failure_tolerance":0,"feature_level":1}`
	node := newFakeNode()
	if resp, got := answerTo(t, node, formRequest("GET", "/v1/cluster?consistency=local", "")); got != cluster || resp.Header.Get("Sidelock-Index") != "912" {
		t.Errorf("index %s\n got %s\nwant %s", resp.Header.Get("Sidelock-Index"), got, cluster)
	}
	if _, got := answerTo(t, node, formRequest("GET", "/v1/cluster/leader", "")); got != `{"raft_leader":{"name":"n1","id":"id-1","address":"127.0.0.1:5626"},"term":3}` {
		t.Error(got)
	}
	node.status.Leader, node.status.ClusterID, node.status.FailureTolerance = nil, "", -1
	if _, got := answerTo(t, node, formRequest("GET", "/v1/cluster", "")); !strings.Contains(got, `"raft_leader":null`) || !strings.Contains(got, `"id":null`) || !strings.Contains(got, `"failure_tolerance":-1`) {
		t.Error(got)
	}
	if resp, got := answerTo(t, node, formRequest("GET", "/v1/cluster/leader", "")); resp.StatusCode != 503 || !strings.Contains(got, `"code":"no_leader"`) {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}

func TestIndexListsEveryCall(t *testing.T) {
	resp, got := answerTo(t, newFakeNode(), formRequest("GET", "/", ""))
	if resp.StatusCode != 200 || strings.Count(got, `"method"`) != len(httpapi.Ops())-1 || !strings.Contains(got, `"/v1/locks/{name}"`) {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}

func TestDescriptionIsServed(t *testing.T) {
	resp, got := answerTo(t, newFakeNode(), formRequest("GET", "/openapi.yaml", ""))
	if resp.Header.Get("Content-Type") != "application/yaml" || got+"\n" != string(httpapi.OpenAPI()) {
		t.Errorf("%v, %d bytes", resp.Header, len(got))
	}
}
