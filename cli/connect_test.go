package cli

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	testKey  = "key-of-a-test-5c1d8e0f3a7b4926d1c8"
	wrongKey = "another-key-0a9b8c7d6e5f4a3b2c1d0e"
)

// keyed is a sidecar that wants a key, over TLS or not.
type keyed struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newKeyed(t *testing.T, secure bool) *keyed {
	t.Helper()
	k := &keyed{}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		k.asked = append(k.asked, r.Method+" "+r.URL.RequestURI())
		k.mu.Unlock()
		switch {
		case r.Header.Get("Authorization") != "Bearer "+testKey:
			respond(w, 401, `{"code":"unauthenticated","title":"API key is missing or not known","status":401,"detail":"give an API key"}`)
		case r.Method == http.MethodDelete:
			respond(w, 200, `{"name":"nightly","state":"forced","owner":"web-0","token":42,"free_in_ms":0}`)
		case strings.HasSuffix(r.URL.Path, "/hold"):
			respond(w, 423, `{"code":"lock_held","title":"Lock is held","status":423,"queue_length":0,"holders":[]}`)
		case r.URL.Path == "/v1/events":
			respond(w, 403, `{"code":"forbidden","title":"Not allowed here","status":403,"detail":"the API key web lacks the verb that this call takes, read: it has write"}`)
		case strings.HasPrefix(r.URL.Path, "/v1/cluster"):
			respond(w, 200, `{"id":"c","members":[{"name":"n1","id":"i","address":null,"role":"voter","healthy":true,"last_contact_ms":0,"version":null}],"raft_leader":{"name":"n1","id":"i","address":null},"term":2,"commit_index":5,"applied_index":5,"failure_tolerance":0}`)
		default:
			respond(w, 200, `{"locks":[],"next":null}`)
		}
	})
	k.Server = httptest.NewUnstartedServer(h)
	k.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	if secure {
		k.StartTLS()
	} else {
		k.Start()
	}
	t.Cleanup(k.Close)
	return k
}

// fileWith writes one for a test.
func fileWith(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (k *keyed) authority(t *testing.T) string {
	t.Helper()
	return fileWith(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate().Raw})))
}

func TestEveryCommandSendsItsKey(t *testing.T) {
	k := newKeyed(t, true)
	key, ca := fileWith(t, "key", testKey+"\n"), k.authority(t)
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"locks": {[]string{"locks"}, ExitOK}, "status": {[]string{"status"}, ExitOK}, "run": {[]string{"run", "--lock", "nightly", "--no-wait", "--", "true"}, ExitHeld},
		"watch": {[]string{"watch"}, ExitFailed}, "release": {[]string{"release", "nightly", "--lease", strings.Repeat("l", 22)}, ExitOK},
		"force": {[]string{"release", "nightly", "--force", "--token", "42", "--reason", "stuck"}, ExitOK},
	} {
		for from, given := range map[string]struct{ env, args []string }{
			"flags":     {nil, []string{"--server", k.URL, "--api-key-file", key, "--api-ca", ca}},
			"variables": {[]string{"SIDELOCK_SERVER=" + k.URL, "SIDELOCK_API_KEY_FILE=" + key, "SIDELOCK_API_CA=" + ca}, nil},
			"key":       {[]string{"SIDELOCK_SERVER=" + k.URL, "SIDELOCK_API_KEY=" + testKey, "SIDELOCK_API_CA=" + ca}, nil},
		} {
			args := append([]string{c.args[0]}, given.args...)
			out := invoke(t, given.env, append(args, c.args[1:]...)...)
			if out.code != c.code || strings.Contains(out.stderr, "unauthenticated") || strings.Contains(out.stderr, "is not known and was ignored") {
				t.Errorf("%s with %s: exit code %d, want %d: %s", name, from, out.code, c.code, out.stderr)
			}
			if strings.Contains(out.stdout+out.stderr, testKey) {
				t.Errorf("%s shows the key", name)
			}
		}
	}
	mustContain(t, invoke(t, []string{"SIDELOCK_API_KEY=" + testKey}, "watch", "--server", k.URL, "--api-ca", ca).stderr, "the API key web lacks the verb")
	if out := invoke(t, nil, "locks", "--server", strings.TrimPrefix(k.URL, "https://"), "--api-ca", ca, "--api-key-file", key); out.code != ExitOK {
		t.Errorf("host:port with --api-ca is https: %s", out.stderr)
	}
}

func TestRefusalSaysWhereAKeyIsTakenFrom(t *testing.T) {
	k := newKeyed(t, false)
	for _, env := range [][]string{nil, {"SIDELOCK_API_KEY=" + wrongKey}} {
		out := invoke(t, env, "locks", "--server", k.URL)
		if out.code != ExitFailed || strings.Contains(out.stderr, wrongKey) {
			t.Errorf("exit code %d", out.code)
		}
		mustContain(t, out.stderr, "(unauthenticated): give an API key", "--api-key-file", "$SIDELOCK_API_KEY")
	}
	secure := newKeyed(t, true)
	out := invoke(t, []string{"SIDELOCK_API_KEY=" + testKey}, "locks", "--server", secure.URL)
	mustContain(t, out.stderr, "certificate is not trusted here", "--api-ca")
}

func TestCredentialsThatCannotWorkAreWrongUsage(t *testing.T) {
	key, junk, ca := fileWith(t, "key", testKey), fileWith(t, "junk", "a b c"), newKeyed(t, true).authority(t)
	for name, c := range map[string]struct {
		env, args []string
		want      []string
	}{
		"no such file":      {nil, []string{"--api-key-file", key + ".none"}, []string{"--api-key-file: the API key cannot be read", "no such file"}},
		"no key in it":      {nil, []string{"--api-key-file", junk}, []string{"--api-key-file: " + junk + " must have one API key in it"}},
		"a broken key":      {[]string{"SIDELOCK_API_KEY=a b c"}, nil, []string{"SIDELOCK_API_KEY: the API key is empty, or has characters"}},
		"two keys":          {[]string{"SIDELOCK_API_KEY=" + testKey, "SIDELOCK_API_KEY_FILE=" + key}, nil, []string{"SIDELOCK_API_KEY are two keys"}},
		"no authority":      {nil, []string{"--api-ca", ca + ".none", "--server", "https://localhost"}, []string{"--api-ca: open"}},
		"no certificate":    {nil, []string{"--api-ca", junk, "--server", "https://localhost"}, []string{"--api-ca: the authority's file has no certificate"}},
		"plain http":        {nil, []string{"--api-ca", ca}, []string{"--api-ca: is of no use with http://localhost:5625"}},
		"a socket":          {nil, []string{"--api-ca", ca, "--server", "unix:///run/x"}, []string{"--api-ca: is of no use with unix:///run/x"}},
		"several at once":   {nil, []string{"--api-ca", junk, "--api-key-file", junk, "--server", "https://h"}, []string{"--api-ca: ", "--api-key-file: "}},
		"the key as a flag": {nil, []string{"--api-key", testKey}, []string{"--api-key: unknown flag"}},
	} {
		out := invoke(t, c.env, append([]string{"locks"}, c.args...)...)
		if out.code != ExitUsage || strings.Contains(out.stderr, testKey) {
			t.Errorf("%s: exit code %d: %s", name, out.code, out.stderr)
		}
		mustContain(t, out.stderr, c.want...)
	}
	if out := invoke(t, []string{"SIDELOCK_API_KEY=" + wrongKey}, "locks", "--server", newKeyed(t, false).URL, "--api-key-file", key); out.code != ExitOK {
		t.Errorf("a flag is stronger than a variable: %s", out.stderr)
	}
}

// TestForceTakesTheSocketUnlessAKeyIsSaidMorePlainly: a data directory may stand in the environment for serve.
func TestForceTakesTheSocketUnlessAKeyIsSaidMorePlainly(t *testing.T) {
	k := newKeyed(t, false)
	key := fileWith(t, "key", testKey)
	none := t.TempDir()
	for name, c := range map[string]struct {
		env, args []string
		socket    bool
	}{
		"a key":                              {[]string{"SIDELOCK_API_KEY=" + testKey}, nil, false},
		"a directory":                        {nil, []string{"--data-dir", none}, true},
		"a directory, and a key left over":   {[]string{"SIDELOCK_API_KEY=" + testKey}, []string{"--data-dir", none}, true},
		"both left over":                     {[]string{"SIDELOCK_API_KEY=" + testKey, "SIDELOCK_DATA_DIR=" + none}, nil, true},
		"a directory left over, and a key":   {[]string{"SIDELOCK_DATA_DIR=" + none}, []string{"--api-key-file", key}, false},
		"a socket left over, and a key file": {[]string{"SIDELOCK_ADMIN_SOCKET=" + none + "/s"}, []string{"--api-key-file", key}, false},
	} {
		out := invoke(t, append(c.env, "SIDELOCK_SERVER="+k.URL), append([]string{"release", "nightly", "--force", "--token", "42", "--reason", "stuck"}, c.args...)...)
		if socket := strings.Contains(out.stderr, "there is no admin socket"); socket != c.socket || out.code == ExitOK == c.socket {
			t.Errorf("%s: exit code %d: %s", name, out.code, out.stderr)
		}
	}
}
