package httpapi_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/httpapi/keys"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

func TestHoldsAreListedWithWhatIsInJeopardyFirst(t *testing.T) {
	node := newFakeNode()
	node.keeps = []raftnode.Keeping{
		{Space: lease.Locks, Name: "job.a", Owner: "web-0", Standing: lease.Holding, Token: 7, TTL: 10 * time.Second, ValidFor: 8 * time.Second},
		{Space: lease.Locks, Name: "job.b", Owner: "web-1", Standing: lease.Waiting, Position: 2, TTL: 10 * time.Second, Request: true},
		{Space: lease.Elections, Name: "job.c", Owner: "web-2", Standing: lease.Holding, Token: 8, TTL: 10 * time.Second, ValidFor: 4 * time.Second},
		{Space: lease.Locks, Name: "other", Owner: "web-3", Standing: lease.Holding, Token: 9, TTL: 10 * time.Second, ValidFor: time.Second, Doubt: raftnode.NoLeader},
	}
	ring, err := keys.New([]byte("keys:\n  - {name: job, key: " + strings.Repeat("k", 32) + ", verbs: [read], prefixes: [job]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		target, order string
		keyed         bool
		status        int
	}{
		{"/v1/holds", "job.c other job.a job.b", false, 200},
		{"/v1/holds?limit=1", "job.c", false, 200},
		{"/v1/holds?prefix=job.", "job.c job.a job.b", false, 200},
		{"/v1/holds?prefix=none", "", false, 200},
		{"/v1/holds", "job.c job.a job.b", true, 200},
		{"/v1/holds?prefix=other", "", true, 403},
	} {
		c := httpapi.Config{Node: node}
		r := formRequest("GET", tc.target, "")
		if tc.keyed {
			c.Keys = ring
			r.Header.Set("Authorization", "Bearer "+strings.Repeat("k", 32))
		}
		resp := ask(t, httpapi.New(c).Handler(), r)
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != tc.status {
			t.Errorf("%s: %d %s %v", tc.target, resp.StatusCode, body, err)
			continue
		}
		var order []string
		for _, part := range strings.Split(string(body), `"name":"`)[1:] {
			name, _, _ := strings.Cut(part, `"`)
			order = append(order, name)
		}
		if got := strings.Join(order, " "); got != tc.order {
			t.Errorf("%s: %s, want %s", tc.target, got, tc.order)
		}
	}
	resp := ask(t, httpapi.New(httpapi.Config{Node: node}).Handler(), formRequest(http.MethodGet, "/v1/holds", ""))
	body, _ := io.ReadAll(resp.Body)
	for _, part := range []string{
		`{"kind":"election","name":"job.c","owner":"web-2","state":"leading","stream":true,"position":0,"token":8,"ttl_ms":10000,"valid_for_ms":4000,"jeopardy":true,"reason":"no_quorum"}`,
		`"state":"held","stream":true,"position":0,"token":9,"ttl_ms":10000,"valid_for_ms":1000,"jeopardy":true,"reason":"no_leader"}`,
		`"state":"queued","stream":false,"position":2,"token":null,"ttl_ms":10000,"valid_for_ms":null,"jeopardy":false,"reason":null}`,
		`"total":4,"in_jeopardy":2}`,
	} {
		if !strings.Contains(string(body), part) {
			t.Errorf("%s\nis not in\n%s", part, body)
		}
	}
}
