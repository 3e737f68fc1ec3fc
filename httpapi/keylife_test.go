package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/httpapi/keys"
	"github.com/sidelock/sidelock/internal/apitest"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// fileWithout is apitest.KeysFile without one of its keys.
func fileWithout(t *testing.T, name string) []byte {
	t.Helper()
	var lines []string
	for line := range strings.Lines(apitest.KeysFile) {
		if !strings.Contains(line, "name: "+name+",") {
			lines = append(lines, line)
		}
	}
	file := strings.Join(lines, "")
	if file == apitest.KeysFile {
		t.Fatalf("there is no key %s", name)
	}
	return []byte(file)
}

func load(t *testing.T, ring *keys.Ring, file []byte) {
	t.Helper()
	if err := ring.Load(file); err != nil {
		t.Fatal(err)
	}
}

// TestStreamsOfARemovedKeyEndAsInADrain: nothing is released that its client holds, and he is refused when he comes back.
func TestStreamsOfARemovedKeyEndAsInADrain(t *testing.T) {
	for what, after := range map[string]func(*testing.T) []byte{
		"removed": func(t *testing.T) []byte { return fileWithout(t, "team") },
		"given less": func(*testing.T) []byte {
			return []byte(strings.Replace(apitest.KeysFile, "[read, write]", "[read]", 1))
		},
		"given one name": func(*testing.T) []byte {
			return []byte(strings.Replace(apitest.KeysFile, "team-a, shared.config", "team-a.x", 1))
		},
		"another's place": func(*testing.T) []byte {
			return []byte(strings.Replace(apitest.KeysFile, apitest.TeamKey, apitest.TeamKey+"x", 1))
		},
	} {
		t.Run(what, func(t *testing.T) {
			ring := ringOf(t, apitest.KeysFile)
			h := newFakeHold(holding)
			node := holdNode(h)
			node.subscribe = func(context.Context, *raftnode.EventID, raftnode.Filter) (httpapi.Subscription, error) {
				return fakeSub{make(chan raftnode.Delivery)}, nil
			}
			addr := serve(t, httpapi.Config{Node: node, Keys: ring})
			events := open(t, addr, get("/v1/events", apitest.TeamKey))
			others := open(t, addr, get("/v1/events", apitest.EveryKey))
			s := open(t, addr, post("/v1/locks/team-a/hold", "Authorization: Bearer "+apitest.TeamKey))
			s.line()
			load(t, ring, []byte(apitest.KeysFile+"# nothing else\n"))
			load(t, ring, after(t))
			if got := receive(t, h.ended); got != "by sidecar, told true, latest true" {
				t.Errorf("ended %s", got)
			}
			for _, ended := range []*streamClient{s, events} {
				if rest, err := io.ReadAll(ended.in); err != nil || len(rest) > 0 {
					t.Errorf("after its key was gone: %q %v", rest, err)
				}
			}
			again := open(t, addr, post("/v1/locks/team-a/hold", "Authorization: Bearer "+apitest.TeamKey))
			if status := again.resp.StatusCode; status != 401 && status != 403 {
				t.Errorf("who comes back is answered %d", status)
			}
			select {
			case err := <-ends(others):
				t.Errorf("the stream of another key ended too: %v", err)
			case <-time.After(50 * time.Millisecond):
			}
		})
	}
}

func get(path, key string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key + "\r\n\r\n"
}

// ends reports when there is nothing more to read, or something.
func ends(s *streamClient) <-chan error {
	end := make(chan error, 1)
	go func() {
		_, err := s.in.ReadByte()
		end <- fmt.Errorf("read: %w", err)
	}()
	return end
}

// TestWaitsOfARemovedKeyEnd: a request that waits in line leaves it, as one who hung up, and nothing is promised to it; one that only looks is
// told the reason.
func TestWaitsOfARemovedKeyEnd(t *testing.T) {
	for _, c := range []struct {
		what, method, target string
		granted              bool // at the last moment
		status               int
		code                 string
	}{
		{"an acquire", "POST", "/v1/locks/team-a?wait=24h", false, 504, "outcome_unknown"},
		{"an acquire that was granted meanwhile", "POST", "/v1/locks/team-a?wait=24h", true, 504, "outcome_unknown"},
		{"a standby", "PUT", "/v1/elections/team-a?wait=24h&lease=" + chosen, false, 504, "outcome_unknown"},
		{"a long poll", "GET", "/v1/locks/team-a?index=5&wait=24h", false, 401, "unauthenticated"},
		{"a local long poll, which is answered", "GET", "/v1/locks/team-a?index=5&wait=24h&consistency=local", true, 401, "unauthenticated"},
	} {
		t.Run(c.what, func(t *testing.T) {
			ring := ringOf(t, apitest.KeysFile)
			waits, causes := make(chan struct{}), make(chan error, 1)
			wait := func(ctx context.Context) error {
				close(waits)
				<-ctx.Done()
				causes <- context.Cause(ctx)
				return &raftnode.Error{Code: raftnode.OutcomeUnknown, Detail: "the caller hung up", Err: ctx.Err()}
			}
			node := newFakeNode()
			node.acquire = func(ctx context.Context, command lease.Command, _ time.Duration) (raftnode.Outcome, error) {
				err := wait(ctx)
				if c.granted {
					return granted(command), nil
				}
				return raftnode.Outcome{}, err
			}
			node.do = func(ctx context.Context, _ lease.Command) (raftnode.Outcome, error) {
				return raftnode.Outcome{}, wait(ctx)
			}
			node.query = func(ctx context.Context, _ lease.Query, _ raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error) {
				err := wait(ctx)
				if c.granted {
					err = nil
				}
				return lease.Answer{Index: 9, Info: &lease.Info{Name: "team-a"}}, raftnode.ReadInfo{Index: 9}, err
			}
			h := httpapi.New(httpapi.Config{Node: node, Keys: ring}).Handler()
			w, done := httptest.NewRecorder(), make(chan struct{})
			r := withKey(formRequest(c.method, c.target, ""), apitest.TeamKey)
			go func() { defer close(done); h.ServeHTTP(w, r) }()
			receive(t, waits)
			load(t, ring, fileWithout(t, "reader")) // somebody else
			select {
			case err := <-causes:
				t.Fatalf("the wait ended because of another key: %v", err)
			case <-time.After(30 * time.Millisecond):
			}
			load(t, ring, fileWithout(t, "team"))
			if err := receive(t, causes); err != context.Canceled {
				t.Errorf("the wait ended with %v: the node must take it for one who hung up", err)
			}
			receive(t, done)
			resp := w.Result()
			check(t).Validate(t, r, resp)
			d := problemOf(t, resp)
			if resp.StatusCode != c.status || d.Code != c.code || !strings.Contains(d.Detail, "was removed, or given other rights") || c.status == 504 && d.Lease == "" {
				t.Errorf("%d %+v", resp.StatusCode, d)
			}
		})
	}
}

// TestNewKeyIsGoodAtOnceAndABrokenFileChangesNothing over one connection that stays open.
func TestNewKeyIsGoodAtOnceAndABrokenFileChangesNothing(t *testing.T) {
	ring := ringOf(t, string(fileWithout(t, "team")))
	h := httpapi.New(httpapi.Config{Node: newFakeNode(), Keys: ring}).Handler()
	status := func() int {
		return ask(t, h, withKey(formRequest("GET", "/v1/locks/team-a", ""), apitest.TeamKey)).StatusCode
	}
	if got := status(); got != 401 {
		t.Errorf("before: %d", got)
	}
	load(t, ring, []byte(apitest.KeysFile))
	if got := status(); got != 200 {
		t.Errorf("a new key: %d", got)
	}
	if err := ring.Load([]byte("keys: [")); err == nil {
		t.Error("a broken file is accepted")
	}
	if got := status(); got != 200 {
		t.Errorf("after a broken file: %d", got)
	}
}
