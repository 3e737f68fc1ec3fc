package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Answer is what came of one request.
type Answer struct {
	Status int // 0: no answer, see Err
	Header http.Header
	Body   Body
	Raw    string
	Err    error

	Sent, Got time.Time // of this machine's monotonic clock
	what      string    // the request, for people
}

// Body has the fields that tests look at, of all answers together.
type Body struct {
	Name, State, Lease, Owner, Value, Code, Reason, Title string

	Token    uint64
	Limit    *uint64
	TTL      int64 `json:"ttl_ms"`
	ValidFor int64 `json:"valid_for_ms"`
	Position int
	Current  bool
	Index    uint64
	Queued   int `json:"queue_length"`
	Holders  []Holder
	Queue    []Holder
	Leader   *Holder
	Locks    []struct {
		Name  string
		Token uint64
	}

	FreeIn          int64 `json:"free_in_ms"`
	Leading         bool
	Candidates      []Holder
	Events, Notable []Past

	ID         string
	Term       uint64
	Tolerance  int                        `json:"failure_tolerance"`
	Applied    uint64                     `json:"applied_index"`
	Level      int                        `json:"feature_level"`
	RaftLeader *struct{ Name, ID string } `json:"raft_leader"`
	Members    []Member
}

// Member is a sidecar of a group, as one of them lists it.
type Member struct {
	Name, ID, Address, Role, Zone string
	Healthy                       bool
}

// Holder is a holder, a waiter or an election's leader.
type Holder struct {
	Owner, Value string
	Token        uint64
	ExpiresIn    int64 `json:"expires_in_ms"`
}

// Past is one entry of a history.
type Past struct {
	Event, Owner string
	Token        uint64
	Via          string `json:"via_node"`
	Held         int64  `json:"held_ms"`
	LastRenewed  int64  `json:"last_renewed_ago_ms"`
	Why          string
}

// Index is the Sidelock-Index header, 0 if there is none.
func (a Answer) Index() uint64 {
	n, _ := strconv.ParseUint(a.Header.Get("Sidelock-Index"), 10, 64)
	return n
}

func (a Answer) String() string {
	if a.Err != nil {
		return fmt.Sprintf("%s: %v", a.what, a.Err)
	}
	return fmt.Sprintf("%s: %d %s", a.what, a.Status, strings.TrimSpace(a.Raw))
}

func (a Answer) problem() error {
	if a.Status == http.StatusOK {
		return nil
	}
	return fmt.Errorf("%s", a)
}

// Get, Head, Post, Put and Delete ask the node. Parameters come in pairs, and go in the query string with Get and
// Head, else in a form.
func (n *Node) Get(path string, pairs ...string) Answer    { return n.ask("GET", path, pairs) }
func (n *Node) Head(path string, pairs ...string) Answer   { return n.ask("HEAD", path, pairs) }
func (n *Node) Post(path string, pairs ...string) Answer   { return n.ask("POST", path, pairs) }
func (n *Node) Put(path string, pairs ...string) Answer    { return n.ask("PUT", path, pairs) }
func (n *Node) Delete(path string, pairs ...string) Answer { return n.ask("DELETE", path, pairs) }

func (n *Node) ask(method, path string, pairs []string) Answer {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	return n.Ask(ctx, method, path, pairs...)
}

func (n *Node) probe(path string) Answer {
	ctx, cancel := context.WithTimeout(context.Background(), probeWithin)
	defer cancel()
	return n.Ask(ctx, "GET", path)
}

// Ask is one request with a context of its own. It waits for the whole answer: streams are for Hold, Events and Open.
func (n *Node) Ask(ctx context.Context, method, path string, pairs ...string) Answer {
	a := Answer{what: fmt.Sprintf("%s %s %v via %s", method, path, pairs, n.Name)}
	req, err := request(ctx, method, "http://"+n.API, path, pairs)
	if err != nil {
		a.Err = err
		return a
	}
	a.do(checkedClient(n.t), req)
	return a
}

// request puts parameters where they belong.
func request(ctx context.Context, method, base, path string, pairs []string) (*http.Request, error) {
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	target, body := base+path, form.Encode()
	if query := method == "GET" || method == "HEAD"; query && body != "" {
		target, body = target+"?"+body, ""
	}
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err == nil && body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, err
}

func (a *Answer) do(client *http.Client, req *http.Request) {
	a.Sent = time.Now()
	defer func() { a.Got = time.Now() }()
	resp, err := client.Do(req)
	if err != nil {
		a.Err = err
		return
	}
	a.take(resp)
}

// take reads a whole answer.
func (a *Answer) take(resp *http.Response) {
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		a.Err = err
		return
	}
	a.Status, a.Header, a.Raw = resp.StatusCode, resp.Header, string(raw)
	if len(raw) > 0 && strings.Contains(resp.Header.Get("Content-Type"), "json") {
		a.Err = json.NewDecoder(bytes.NewReader(raw)).Decode(&a.Body)
	}
}

// AskOnceSent begins a request and returns when it has left; the answer comes later. So a request can lie in the sockets
// of a paused process.
func (n *Node) AskOnceSent(method, path string, pairs ...string) <-chan Answer {
	n.t.Helper()
	return n.AskUntil(context.Background(), method, path, pairs...)
}

// AskUntil is AskOnceSent for a client that hangs up when its context ends.
func (n *Node) AskUntil(ctx context.Context, method, path string, pairs ...string) <-chan Answer {
	n.t.Helper()
	answer, sent := make(chan Answer, 1), make(chan struct{}, 1)
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) {
			select {
			case sent <- struct{}{}:
			default:
			}
		},
	})
	go func() {
		traced, cancel := context.WithTimeout(traced, askWithin)
		defer cancel()
		answer <- n.Ask(traced, method, path, pairs...)
	}()
	select {
	case <-sent:
	case <-time.After(askWithin):
		n.t.Fatalf("%s %s could not be sent to %s", method, path, n.Name)
	}
	return answer
}

// Want fails the test unless the answer has the status and, if one is given, the problem's code.
func (a Answer) Want(n interface {
	Helper()
	Fatalf(string, ...any)
}, status int, code ...string) Answer {
	n.Helper()
	if a.Err != nil || a.Status != status || len(code) > 0 && a.Body.Code != code[0] {
		n.Fatalf("%s\nwant %d %v", a, status, code)
	}
	return a
}
