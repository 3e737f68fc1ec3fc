package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

func TestWaitEndsWhenTheClientHangsUp(t *testing.T) {
	const path = "/v1/locks/a"
	for name, raw := range map[string]string{
		"form":             "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\nwait=24h",
		"JSON":             "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"wait\":\"24h\"}",
		"query":            "POST " + path + "?wait=24h HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"query, no length": "POST " + path + "?wait=24h HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
		"chunks":           "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nwait=24h\r\n0\r\n\r\n",
		"second request":   "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n|POST " + path + "?wait=24h HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			node, recorded := newFakeNode(), make(recorder, 10)
			waiting, left := make(chan struct{}), make(chan error, 1)
			node.acquire = func(ctx context.Context, c lease.Command, wait time.Duration) (raftnode.Outcome, error) {
				close(waiting)
				<-ctx.Done()
				left <- ctx.Err()
				return raftnode.Outcome{}, &raftnode.Error{Code: raftnode.OutcomeUnknown, Err: ctx.Err()}
			}
			conn, err := net.Dial("tcp", serve(t, httpapi.Config{Node: node, Recorder: recorded}))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			requests := strings.Split(raw, "|")
			for i, r := range requests {
				if _, err := io.WriteString(conn, r); err != nil {
					t.Fatal(err)
				}
				if i < len(requests)-1 {
					resp, err := http.ReadResponse(answers, nil)
					if err != nil {
						t.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					<-recorded
				}
			}
			receive(t, waiting)
			conn.Close()
			if err := receive(t, left); err != context.Canceled {
				t.Errorf("the wait ended with %v", err)
			}
			if got := receive(t, recorded); got != "lock_acquire client_gone" {
				t.Errorf("recorded %q", got)
			}
		})
	}
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("it did not happen")
		panic("unreachable")
	}
}

// recorder collects what is counted, without the seconds.
type recorder chan string

var _ httpapi.Recorder = recorder(nil)

func (r recorder) Request(op, code string, seconds float64) {
	if seconds < 0 {
		code = "negative time"
	}
	r <- op + " " + code
}

func (r recorder) Jeopardy() { r <- "jeopardy" }

func TestRequestsAreCountedByOpAndCode(t *testing.T) {
	r := make(recorder, 1)
	h := httpapi.New(httpapi.Config{Node: newFakeNode(), Recorder: r}).Handler()
	for _, tc := range []struct{ method, target, body, want string }{
		{"POST", "/v1/locks/a", "", "lock_acquire ok"},
		{"POST", "/v1/locks/a", "ttl=1", "lock_acquire invalid_ttl"},
		{"GET", "/v1/locks/a", "", "lock_get ok"},
		{"HEAD", "/v1/locks/a", "", "lock_get ok"},
		{"GET", "/nothing", "", "other not_found"},
		{"PATCH", "/v1/locks/a", "", "other method_not_allowed"},
		{"GET", "/livez", "", "livez ok"},
	} {
		ask(t, h, formRequest(tc.method, tc.target, tc.body))
		if got := <-r; got != tc.want {
			t.Errorf("%s %s: %q, want %q", tc.method, tc.target, got, tc.want)
		}
	}
}

// A deadline set for one answer must not strike the next one on the same connection, nor a wait.
func TestConnectionOutlivesLargeAnswersAndSlowWaits(t *testing.T) {
	node := newFakeNode()
	infos := make([]lease.Info, 1000)
	for i := range infos {
		infos[i] = lease.Info{Name: fmt.Sprintf("lock-%d", i), Holders: []lease.Holder{holder}}
	}
	node.query = func(context.Context, lease.Query, raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error) {
		return lease.Answer{Infos: infos}, raftnode.ReadInfo{Index: 1}, nil
	}
	conn, err := net.Dial("tcp", serve(t, httpapi.Config{Node: node}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for range 3 {
		r := formRequest("GET", "/v1/locks?limit=1000", "")
		if err := r.Write(conn); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(answers, r)
		if err != nil {
			t.Fatal(err)
		}
		check(t).Validate(t, r, resp)
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n < httpapi.LargeAnswerBytes {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
}

// deadlines notes the write deadlines of a connection.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

func TestLargeAnswerHasADeadlineThatEndsWithIt(t *testing.T) {
	node := newFakeNode()
	h := httpapi.New(httpapi.Config{Node: node}).Handler()
	for target, large := range map[string]bool{"/openapi.yaml": true, "/v1/locks/a": false} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		h.ServeHTTP(w, formRequest("GET", target, ""))
		if !large {
			if len(w.set) != 0 {
				t.Errorf("%s: deadlines %v", target, w.set)
			}
			continue
		}
		if len(w.set) != 2 || w.set[0].IsZero() || time.Until(w.set[0]) > httpapi.LargeAnswerWrite || !w.set[1].IsZero() {
			t.Errorf("%s: deadlines %v", target, w.set)
		}
	}
}

func TestNameMayBeEscapedInThePath(t *testing.T) {
	node := newFakeNode()
	addr := serve(t, httpapi.Config{Node: node})
	resp, err := http.Post("http://"+addr+"/v1/locks/app%3A%61", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := node.last(t).Name; got != "app:a" {
		t.Errorf("the name is %q", got)
	}
}
