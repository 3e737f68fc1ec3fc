package httpapi_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/raftnode"
)

func TestDrainingRefusesOnlyWhatBeginsSomething(t *testing.T) {
	var draining atomic.Bool
	draining.Store(true)
	node := newFakeNode()
	h := httpapi.New(httpapi.Config{Node: node, Draining: draining.Load}).Handler()
	lease := "lease=" + chosen
	for _, tc := range []struct {
		method, target, body string
		refused              bool
	}{
		{"POST", "/v1/locks/a", "", true}, {"POST", "/v1/locks/a", "wait=5s", true}, {"POST", "/v1/locks/a", lease, true},
		{"POST", "/v1/elections/a", "", true}, {"POST", "/v1/leases", "", true},
		{"PUT", "/v1/locks/a", lease, false}, {"DELETE", "/v1/locks/a", lease, false}, {"GET", "/v1/locks/a", "", false}, {"GET", "/v1/locks", "", false},
		{"PUT", "/v1/elections/a", lease, false}, {"DELETE", "/v1/elections/a", lease, false}, {"PUT", "/v1/leases/" + chosen, "", false},
		{"DELETE", "/v1/leases/" + chosen, "", false}, {"GET", "/v1/cluster", "", false}, {"GET", "/livez", "", false},
	} {
		before := node.proposed()
		resp := ask(t, h, formRequest(tc.method, tc.target, tc.body))
		if !tc.refused {
			if resp.StatusCode != 200 {
				t.Errorf("%s %s: %d", tc.method, tc.target, resp.StatusCode)
			}
			continue
		}
		if d := problemOf(t, resp); resp.StatusCode != 503 || d.Code != "draining" || node.proposed() != before {
			t.Errorf("%s %s: %d %+v", tc.method, tc.target, resp.StatusCode, d)
		}
	}
	draining.Store(false)
	if resp := ask(t, h, formRequest("POST", "/v1/locks/a", "")); resp.StatusCode != 201 {
		t.Errorf("after draining: %d", resp.StatusCode)
	}
}

func TestReadinessSurvivesALostMajorityUnlessAsked(t *testing.T) {
	check(t)
	synctest.Test(t, readiness)
}

func readiness(t *testing.T) {
	noQuorum := func(context.Context) error { return &raftnode.Error{Code: raftnode.NoLeader, Detail: "nobody leads"} }
	for name, tc := range map[string]struct {
		change func(*fakeNode)
		target string
		status int
		code   string
	}{
		"ready":                   {func(*fakeNode) {}, "/readyz", 200, ""},
		"ready, asked":            {func(*fakeNode) {}, "/readyz?quorum=1", 200, ""},
		"no majority":             {func(n *fakeNode) { n.confirm = noQuorum }, "/readyz", 200, ""},
		"no majority, not asked":  {func(n *fakeNode) { n.confirm = noQuorum }, "/readyz?quorum=0", 200, ""},
		"no majority, asked":      {func(n *fakeNode) { n.confirm = noQuorum }, "/readyz?quorum=1", 503, "no_leader"},
		"slow majority, asked":    {func(n *fakeNode) { n.confirm = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() } }, "/readyz?quorum=true", 503, "no_quorum"},
		"not joined":              {func(n *fakeNode) { n.status.Ready, n.status.NotReady = false, "not joined yet" }, "/readyz", 503, "not_ready"},
		"draining, though joined": {func(n *fakeNode) { n.status.Draining = true }, "/readyz", 503, "draining"},
	} {
		node := newFakeNode()
		tc.change(node)
		api := httpapi.New(httpapi.Config{Node: node})
		for _, h := range []http.Handler{api.Handler(), api.OpsHandler()} {
			resp := ask(t, h, formRequest("GET", tc.target, ""))
			if resp.StatusCode != tc.status {
				t.Errorf("%s: %d", name, resp.StatusCode)
			}
			if tc.code != "" {
				if d := problemOf(t, resp); d.Code != tc.code {
					t.Errorf("%s: %+v", name, d)
				}
			}
		}
		if resp := ask(t, api.Handler(), formRequest("GET", "/livez", "")); resp.StatusCode != 200 {
			t.Errorf("%s: not alive: %d", name, resp.StatusCode)
		}
	}
}

func TestOpsListenerServesProbesAloneForAnyHost(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, "up 1\n")
	})
	api := httpapi.New(httpapi.Config{Node: newFakeNode(), MetricsHandler: metrics})
	for target, want := range map[string]int{
		"/livez": 200, "/readyz": 200, "/metrics": 200, "/": 404, "/openapi.yaml": 404, "/v1/cluster": 404, "/v1/locks/a": 404, "/v1/locks": 404,
	} {
		r := httptest.NewRequest("GET", target, nil)
		r.Host = "10-1-2-3.pods.example"
		w := httptest.NewRecorder()
		api.OpsHandler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
	for _, call := range []string{"POST /v1/locks/a", "DELETE /v1/locks/a", "PUT /livez", "POST /metrics"} {
		method, target, _ := strings.Cut(call, " ")
		w := httptest.NewRecorder()
		api.OpsHandler().ServeHTTP(w, httptest.NewRequest(method, target, nil))
		if w.Code != 404 && w.Code != 405 {
			t.Errorf("%s: %d", call, w.Code)
		}
	}
	if resp := ask(t, api.Handler(), formRequest("GET", "/metrics", "")); resp.StatusCode != 200 {
		t.Errorf("/metrics on the API listener: %d", resp.StatusCode)
	}
	if resp := ask(t, httpapi.New(httpapi.Config{Node: newFakeNode()}).Handler(), formRequest("GET", "/metrics", "")); resp.StatusCode != 404 {
		t.Errorf("/metrics without a source: %d", resp.StatusCode)
	}
}
