package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

type document struct {
	Type, Code, Title, Detail, Param, Lease, Reason, Why string
	Status                                               int
	Retryable                                            bool
	QueueLength                                          int              `json:"queue_length"`
	EndedAgo                                             int              `json:"ended_ago_ms"`
	Holders                                              []map[string]any `json:"holders"`
}

func problemOf(t *testing.T, resp *http.Response) document {
	t.Helper()
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("%d with %s", resp.StatusCode, got)
	}
	var d document
	if err := json.NewDecoder(resp.Body).Decode(&d); err != nil {
		t.Fatal(err)
	}
	if d.Status != resp.StatusCode || d.Type != "urn:sidelock:problem:"+d.Code || d.Title == "" || d.Detail == "" {
		t.Errorf("%d: %+v", resp.StatusCode, d)
	}
	return d
}

func TestRefusalsOfTheStateMachineAreProblems(t *testing.T) {
	statuses := map[lease.Code]int{
		lease.NotHolder: 409, lease.TokenRequired: 409, lease.LeaseExpired: 410, lease.StaleToken: 412, lease.LeaseMismatch: 422,
		lease.LockHeld: 423, lease.WaitTimeout: 423, lease.MinHold: 423, lease.TooManyWaiters: 429, lease.TooManyLeases: 429,
		lease.UnknownSession: 503, lease.StaleCommand: 503, lease.NotBootstrapped: 503,
	}
	for _, code := range lease.Codes() {
		if code == lease.OK {
			continue
		}
		node := newFakeNode()
		node.do = func(context.Context, lease.Command) (raftnode.Outcome, error) {
			return raftnode.Outcome{Result: lease.Result{Code: code, Index: 7, Param: "owner", QueueLength: 1, Holders: []lease.Holder{holder}, RetryAfter: 1100 * time.Millisecond}}, nil
		}
		// A release can be refused in the most ways, but not as held; an acquire not for its token.
		method := "DELETE"
		if s := statuses[code]; s == 423 || s == 429 {
			method = "POST"
		}
		resp := ask(t, httpapi.New(httpapi.Config{Node: node}).Handler(), formRequest(method, "/v1/locks/a", "lease="+chosen))
		want := statuses[code]
		if want == 0 {
			want = 400
		}
		d := problemOf(t, resp)
		if resp.StatusCode != want || d.Code != string(code) || d.Param != "owner" || resp.Header.Get("Sidelock-Index") != "7" {
			t.Errorf("%s: %d %+v", code, resp.StatusCode, d)
		}
		after := resp.Header.Get("Retry-After")
		if waits := want == 423 || want == 429 || want == 503; waits != (after == "2") || waits != d.Retryable {
			t.Errorf("%s: Retry-After %q, retryable %v", code, after, d.Retryable)
		}
		if shows := want == 423 || want == 412; shows != (len(d.Holders) == 1) {
			t.Errorf("%s: holders %v", code, d.Holders)
		}
	}
}

func TestHeldLockShowsHoldersWithoutTheirLeases(t *testing.T) {
	node := newFakeNode()
	node.do = func(context.Context, lease.Command) (raftnode.Outcome, error) {
		return raftnode.Outcome{Result: lease.Result{Code: lease.LockHeld, QueueLength: 1, Holders: []lease.Holder{holder, gone}}}, nil
	}
	_, got := answerTo(t, node, formRequest("POST", "/v1/locks/deploy", ""))
	const want = `"queue_length":1,"holders":[{"owner":"web-1","token":41,"limit":1,"held_for_ms":8200,"expires_in_ms":9100,"metadata":{}},{"owner":"cron","token":44,"limit":1,"held_for_ms":0,"expires_in_ms":60000,"metadata":{},"ended":"released","min_hold_left_ms":60000}]}`
	if !strings.HasSuffix(got, want) || strings.Contains(got, `"lease"`) {
		t.Errorf("\n got %s\nwant …%s", got, want)
	}
}

func TestEndedLeaseSaysWhyAndWhen(t *testing.T) {
	node := newFakeNode()
	node.do = func(context.Context, lease.Command) (raftnode.Outcome, error) {
		return raftnode.Outcome{Result: lease.Result{Code: lease.LeaseExpired, Reason: lease.Forced, EndedAgo: 1500 * time.Millisecond, Why: "stuck"}}, nil
	}
	node.query = func(context.Context, lease.Query, raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error) {
		return lease.Answer{Code: lease.LeaseExpired, Ended: lease.Forced, EndAgo: int64(1500 * time.Millisecond), Why: "stuck", Index: 7}, raftnode.ReadInfo{Index: 7}, nil
	}
	h := httpapi.New(httpapi.Config{Node: node}).Handler()
	for _, r := range []*http.Request{formRequest("PUT", "/v1/locks/a", "lease="+chosen), formRequest("GET", "/v1/leases/"+chosen, "")} {
		resp := ask(t, h, r)
		if d := problemOf(t, resp); resp.StatusCode != 410 || d.Reason != "forced" || d.EndedAgo != 1500 || d.Why != "stuck" || d.Retryable {
			t.Errorf("%d %+v", resp.StatusCode, d)
		}
	}
}

func TestStaleTokenOfAReadIs412(t *testing.T) {
	node := newFakeNode()
	node.query = func(context.Context, lease.Query, raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error) {
		return lease.Answer{Code: lease.StaleToken, Info: &lease.Info{Name: "a", Holders: []lease.Holder{holder}}}, raftnode.ReadInfo{Index: 7}, nil
	}
	resp := ask(t, httpapi.New(httpapi.Config{Node: node}).Handler(), formRequest("GET", "/v1/locks/a?token=5", ""))
	if d := problemOf(t, resp); resp.StatusCode != 412 || d.Code != "stale_token" || len(d.Holders) != 1 {
		t.Errorf("%d %+v", resp.StatusCode, d)
	}
}

func TestFailuresOfReplicationAreProblems(t *testing.T) {
	for _, code := range raftnode.Codes() {
		node := newFakeNode()
		fail := &raftnode.Error{Code: code, Detail: "what is wrong", Err: errors.New("secret cause")}
		node.do = func(context.Context, lease.Command) (raftnode.Outcome, error) { return raftnode.Outcome{}, fail }
		resp := ask(t, httpapi.New(httpapi.Config{Node: node}).Handler(), formRequest("POST", "/v1/locks/a", ""))
		d := problemOf(t, resp)
		want := 503
		switch code {
		case raftnode.Overloaded:
			want = 429
		case raftnode.OutcomeUnknown:
			want = 504
			if d.Lease != string(node.last(t).Lease) || d.Lease == "" {
				t.Errorf("outcome_unknown does not say with which lease to repeat: %+v", d)
			}
		}
		if resp.StatusCode != want || d.Detail != "what is wrong" || !d.Retryable {
			t.Errorf("%s: %d %+v", code, resp.StatusCode, d)
		}
		if (resp.Header.Get("Retry-After") == "1") != (want != 504) {
			t.Errorf("%s: Retry-After %q", code, resp.Header.Get("Retry-After"))
		}
		if want != 504 && d.Lease != "" {
			t.Errorf("%s names a lease", code)
		}
	}
}

// Whatever goes wrong after a command was given away, the answer must not say that nothing happened.
func TestFailureAfterProposingIsAnUnknownOutcome(t *testing.T) {
	for name, do := range map[string]func() (raftnode.Outcome, error){
		"an error of no known kind": func() (raftnode.Outcome, error) { return raftnode.Outcome{}, errors.New("disk on fire") },
		"an error of no known code": func() (raftnode.Outcome, error) { return raftnode.Outcome{}, &raftnode.Error{Code: "new_code"} },
		"a passed deadline":         func() (raftnode.Outcome, error) { return raftnode.Outcome{}, context.DeadlineExceeded },
		"a refusal of no known code": func() (raftnode.Outcome, error) {
			return raftnode.Outcome{Result: lease.Result{Code: "new_code"}}, nil
		},
		"a panic": func() (raftnode.Outcome, error) { panic("oh no") },
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			node := newFakeNode()
			node.do = func(context.Context, lease.Command) (raftnode.Outcome, error) { return do() }
			h := httpapi.New(httpapi.Config{Node: node, Logger: slog.New(slog.NewTextHandler(&log, nil))}).Handler()
			resp := ask(t, h, formRequest("DELETE", "/v1/locks/a", "lease="+chosen))
			if d := problemOf(t, resp); resp.StatusCode != 504 || d.Code != "outcome_unknown" || d.Lease != chosen {
				t.Errorf("%d %+v", resp.StatusCode, d)
			}
			if log.Len() == 0 {
				t.Error("nothing is logged")
			}
			if strings.Contains(log.String(), chosen) {
				t.Errorf("the log has the lease ID: %s", &log)
			}
		})
	}
}

func TestFailureOfAReadIsNoUnknownOutcome(t *testing.T) {
	for name, tc := range map[string]struct {
		fail   func() error
		status int
		code   string
	}{
		"panic":    {func() error { panic("oh no") }, 500, "internal"},
		"unknown":  {func() error { return errors.New("x") }, 500, "internal"},
		"deadline": {func() error { return context.DeadlineExceeded }, 503, "no_quorum"},
		"code":     {func() error { return &raftnode.Error{Code: raftnode.NoQuorum} }, 503, "no_quorum"},
		"empty":    {func() error { return nil }, 500, "internal"},
	} {
		node := newFakeNode()
		node.query = func(context.Context, lease.Query, raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error) {
			return lease.Answer{}, raftnode.ReadInfo{}, tc.fail()
		}
		resp := ask(t, httpapi.New(httpapi.Config{Node: node}).Handler(), formRequest("GET", "/v1/locks/a", ""))
		if d := problemOf(t, resp); resp.StatusCode != tc.status || d.Code != tc.code {
			t.Errorf("%s: %d %+v", name, resp.StatusCode, d)
		}
	}
}

func TestRetryAfterIsWholeSecondsWithinBounds(t *testing.T) {
	for after, want := range map[time.Duration]int{0: 1, 1: 1, time.Second: 1, 1001 * time.Millisecond: 2, time.Hour: 15} {
		node := newFakeNode()
		node.acquire = func(context.Context, lease.Command, time.Duration) (raftnode.Outcome, error) {
			return raftnode.Outcome{Result: lease.Result{Code: lease.WaitTimeout, RetryAfter: after}}, nil
		}
		resp := ask(t, httpapi.New(httpapi.Config{Node: node}).Handler(), formRequest("POST", "/v1/locks/a", "wait=1s"))
		if got := resp.Header.Get("Retry-After"); got != strconv.Itoa(want) {
			t.Errorf("%v: %q", after, got)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	}
}
