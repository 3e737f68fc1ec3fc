package httpapi_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/httpapi/keys"
	"github.com/sidelock/sidelock/internal/apitest"
	"github.com/sidelock/sidelock/internal/testca"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// safeBuffer takes a log from many goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func ringOf(t *testing.T, file string) *keys.Ring {
	t.Helper()
	ring, err := keys.New([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

var scrape = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = io.WriteString(w, "up 1\n")
})

// TestWhoMayCallWhatIsAnsweredExactly sends the table to a server with keys, over TCP and over TLS, and looks for the keys in all
// that was logged.
func TestWhoMayCallWhatIsAnsweredExactly(t *testing.T) {
	if n := len(apitest.KeyCases()); n < 100 {
		t.Errorf("the table has only %d cases", n)
	}
	ca := testca.New(t)
	cert, err := httpapi.NewCertificate(ca.Server(t))
	if err != nil {
		t.Fatal(err)
	}
	secret := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"}
	for name, door := range map[string]struct {
		listen func(net.Listener, *slog.Logger) net.Listener
		dial   func(addr string) apitest.Dial
	}{
		"tcp": {func(l net.Listener, _ *slog.Logger) net.Listener { return l }, apitest.To},
		"tls": {cert.Secure, func(addr string) apitest.Dial {
			return func() (net.Conn, error) { return tls.Dial("tcp", addr, secret) }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			node, log := newFakeNode(), &safeBuffer{}
			logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			api := httpapi.New(httpapi.Config{Node: node, Keys: ringOf(t, apitest.KeysFile), Logger: logger, MetricsHandler: scrape})
			l, err := httpapi.Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := httpapi.NewServer(api.Handler(), logger)
			go func() { _ = server.Serve(door.listen(l, logger)) }()
			defer server.Close()
			apitest.KeyInput(t, door.dial(l.Addr().String()), check(t))
			accepted := 0
			for _, c := range apitest.KeyCases() {
				if c.Status == 201 {
					accepted++
				}
			}
			if got := node.proposed(); got != accepted {
				t.Errorf("%d commands reached the node, want the %d of those who may", got, accepted)
			}
			for _, key := range apitest.Secrets() {
				if strings.Contains(log.String(), key) {
					t.Errorf("the log has a key")
				}
			}
			if !strings.Contains(log.String(), "key=reader") {
				t.Error("the log does not name the key that was refused")
			}
		})
	}
}

// withKey is a request of who has a key.
func withKey(r *http.Request, key string) *http.Request {
	r.Header.Set("Authorization", "Bearer "+key)
	return r
}

func TestRefusalSaysWhatTheKeyLacks(t *testing.T) {
	h := httpapi.New(httpapi.Config{Node: newFakeNode(), Keys: ringOf(t, apitest.KeysFile)}).Handler()
	for _, c := range []struct{ key, method, target, body, want string }{
		{apitest.ReadKey, "POST", "/v1/locks/team-a", "", "the API key reader lacks the verb that this call takes, write: it has read"},
		{apitest.ReadKey, "DELETE", "/v1/locks/team-a", "lease=" + chosen, "the API key reader lacks the verb that this call takes, write or admin: it has read"},
		{apitest.TeamKey, "DELETE", "/v1/locks/team-a", "token=5&reason=stuck", "the API key team lacks the verb that this call takes, admin: it has read, write"},
		{apitest.TeamKey, "GET", "/v1/locks/team-b", "", `the API key team does not reach the name "team-b": its prefixes are shared.config, team-a`},
		{apitest.TeamKey, "GET", "/v1/locks?prefix=team-b", "", `the API key team does not reach the names that begin with "team-b": its prefixes are shared.config, team-a`},
	} {
		resp := ask(t, h, withKey(formRequest(c.method, c.target, c.body), c.key))
		if d := problemOf(t, resp); resp.StatusCode != 403 || d.Code != "forbidden" || d.Detail != c.want {
			t.Errorf("%s %s: %d\n got %s\nwant %s", c.method, c.target, resp.StatusCode, d.Detail, c.want)
		}
	}
	for want, header := range map[string]string{
		"give an API key of this sidecar's": "", "does not know the API key": "Bearer " + strings.Repeat("x", 40), "must be: Bearer KEY": "Basic eA==",
	} {
		r := formRequest("GET", "/v1/locks/team-a", "")
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		if d := problemOf(t, ask(t, h, r)); d.Code != "unauthenticated" || !strings.Contains(d.Detail, want) || d.Retryable {
			t.Errorf("%q: %+v", header, d)
		}
	}
}

// TestAdministratorsKeyForcesARelease: with keys an administrator need not come through the socket.
func TestAdministratorsKeyForcesARelease(t *testing.T) {
	log := &safeBuffer{}
	node := newFakeNode()
	node.do = func(_ context.Context, c lease.Command) (raftnode.Outcome, error) {
		return raftnode.Outcome{Result: lease.Result{Owner: "web-0", Token: c.Token}}, nil
	}
	h := httpapi.New(httpapi.Config{Node: node, Keys: ringOf(t, apitest.KeysFile), Logger: slog.New(slog.NewTextHandler(log, nil))}).Handler()
	resp := ask(t, h, withKey(formRequest("DELETE", "/v1/locks/any-name", "token=5&reason=stuck"), apitest.AdminKey))
	if resp.StatusCode != 200 || node.last(t).Op != lease.OpForceRelease {
		t.Errorf("status %d", resp.StatusCode)
	}
	if text := log.String(); !strings.Contains(text, "forced release") || !strings.Contains(text, "key=operator") || strings.Contains(text, apitest.AdminKey) {
		t.Errorf("the log does not say with which key it was forced: %s", text)
	}
}

// TestKeysAreAskedForAtTheAPIAlone: the administrators' socket and the ops address ask for none, and without keys nobody does.
func TestKeysAreAskedForAtTheAPIAlone(t *testing.T) {
	call := func(h http.Handler, method, target string) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, formRequest(method, target, ""))
		return w.Code
	}
	ring := ringOf(t, apitest.KeysFile)
	keyed, free := httpapi.New(httpapi.Config{Node: newFakeNode(), Keys: ring, MetricsHandler: scrape}), httpapi.New(httpapi.Config{Node: newFakeNode()})
	for name, c := range map[string]struct {
		h              http.Handler
		method, target string
		want           int
	}{
		"the API":                    {keyed.Handler(), "POST", "/v1/locks/a", 401},
		"the API's socket":           {keyed.SocketHandler(), "POST", "/v1/locks/a", 401},
		"the administrators' socket": {keyed.AdminHandler(), "POST", "/v1/locks/a", 201},
		"a forced release there":     {keyed.AdminHandler(), "DELETE", "/v1/locks/a?token=5&reason=stuck", 200},
		"metrics for operators":      {keyed.OpsHandler(), "GET", "/metrics", 200},
		"leadership for balancers":   {keyed.OpsHandler(), "GET", "/health/leader/a", 503},
		"an API without keys":        {free.Handler(), "POST", "/v1/locks/a", 201},
		"its socket":                 {free.SocketHandler(), "POST", "/v1/locks/a", 201},
		"its administrators' calls":  {free.SocketHandler(), "DELETE", "/v1/locks/a?token=5&reason=stuck", 403},
	} {
		if got := call(c.h, c.method, c.target); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	r := withKey(formRequest("GET", "/v1/locks/team-a", ""), apitest.TeamKey)
	r.Host = "whatever.example"
	if resp := ask(t, keyed.SocketHandler(), r); resp.StatusCode != 200 {
		t.Errorf("the socket looks at Host: %d", resp.StatusCode)
	}
	r.Header.Set("Origin", "http://evil.example")
	if resp := ask(t, keyed.SocketHandler(), r); resp.StatusCode != 403 {
		t.Errorf("the socket answers web pages of other origins: %d", resp.StatusCode)
	}
}

// TestLeaseIsACapabilityAndItsNamesAreChecked: who has its ID renews it whatever it holds, but attaches it only to names that his key reaches.
func TestLeaseIsACapabilityAndItsNamesAreChecked(t *testing.T) {
	node := newFakeNode()
	node.query = func(context.Context, lease.Query, raftnode.Consistency) (lease.Answer, raftnode.ReadInfo, error) {
		return lease.Answer{Lease: &lease.LeaseInfo{Explicit: true, Owner: "o", Places: []lease.Place{{Space: lease.Locks, Name: "team-b", Standing: lease.Holding, Token: 5}}}}, raftnode.ReadInfo{Index: 1}, nil
	}
	h := httpapi.New(httpapi.Config{Node: node, Keys: ringOf(t, apitest.KeysFile)}).Handler()
	for call, want := range map[string]int{"PUT /v1/leases/" + chosen: 200, "GET /v1/leases/" + chosen: 200, "DELETE /v1/leases/" + chosen: 200} {
		method, target, _ := strings.Cut(call, " ")
		if resp := ask(t, h, withKey(formRequest(method, target, ""), apitest.TeamKey)); resp.StatusCode != want {
			t.Errorf("%s: %d", call, resp.StatusCode)
		}
	}
	for name, want := range map[string]int{"team-a.x": 201, "team-b": 403} {
		if resp := ask(t, h, withKey(formRequest("POST", "/v1/locks/"+name, "lease="+chosen), apitest.TeamKey)); resp.StatusCode != want {
			t.Errorf("attached to %s: %d", name, resp.StatusCode)
		}
	}
}
