package client

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	aKey       = "key-of-a-test-5c1d8e0f3a7b4926d1c8"
	anotherKey = "another-key-0a9b8c7d6e5f4a3b2c1d0e"
)

// gate answers only who has the key.
type gate struct {
	mu    sync.Mutex
	key   string
	asked []string // with what
}

func (g *gate) want(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.key = key
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	got := r.Header.Get("Authorization")
	g.asked = append(g.asked, r.Method+" "+r.URL.Path+" "+got)
	known := got == "Bearer "+g.key
	g.mu.Unlock()
	switch {
	case !known:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"code":"unauthenticated","title":"API key is missing or not known","status":401,"detail":"give an API key"}`)
	case strings.HasSuffix(r.URL.Path, "/hold"):
		w.Header().Set("Content-Type", "application/x-ndjson")
		fmt.Fprintf(w, `{"event":"held","lease":%q,"token":7,"ttl_ms":15000,"valid_for_ms":14000}`+"\n", r.Header.Get(leaseHeader))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	default:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, aLock)
	}
}

func authority(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

func TestKeyGoesWithEachCall(t *testing.T) {
	t.Parallel()
	g := &gate{key: aKey}
	s := httptest.NewServer(g)
	defer s.Close()
	c, err := New(s.URL, WithAPIKey(aKey))
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdleConnections()
	if _, err := c.GetLock(t.Context(), "nightly"); err != nil {
		t.Error(err)
	}
	hold, err := c.Hold(t.Context(), "nightly", HoldOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := hold.Release(t.Context()); err != nil {
		t.Error(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.asked) != 3 {
		t.Errorf("asked %v", g.asked)
	}
	for _, one := range g.asked {
		if !strings.HasSuffix(one, "Bearer "+aKey) {
			t.Errorf("without the key: %s", one)
		}
	}
}

func TestKeyFileIsReadAgainForEachCall(t *testing.T) {
	t.Parallel()
	g := &gate{key: aKey}
	s := httptest.NewServer(g)
	defer s.Close()
	path := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(aKey + "\n")
	c, err := New(s.URL, WithAPIKeyFile(path))
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdleConnections()
	if _, err := c.GetLock(t.Context(), "nightly"); err != nil {
		t.Error(err)
	}
	g.want(anotherKey)
	if _, err := c.GetLock(t.Context(), "nightly"); !errors.Is(err, ErrForbidden) {
		t.Errorf("the key is not good any more: %v", err)
	}
	write("  " + anotherKey)
	if _, err := c.GetLock(t.Context(), "nightly"); err != nil {
		t.Error(err)
	}
	for _, broken := range []string{"", "\n", aKey + "\n" + anotherKey, strings.Repeat("k", 2000)} {
		write(broken)
		if _, err := c.GetLock(t.Context(), "nightly"); err == nil || !strings.Contains(err.Error(), "must have one API key in it") || strings.Contains(err.Error(), aKey) {
			t.Errorf("%.20q: %v", broken, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetLock(t.Context(), "nightly"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
}

func TestOptionsThatCannotWorkAreFaultsOfNew(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	for want, options := range map[string][]Option{
		"has characters that no API key has":             {WithAPIKey(aKey + "\r\nHost: evil")},
		"is empty":                                       {WithAPIKey("")},
		"the API key cannot be read":                     {WithAPIKeyFile(missing)},
		"has no certificate in PEM":                      {WithCA([]byte("hello"))},
		"certificates are for that":                      {WithTLSConfig(&tls.Config{})},
		"WithTransport and TLS options exclude each oth": {WithTransport(http.DefaultTransport), WithTLSConfig(&tls.Config{})},
	} {
		base := "http://localhost:1"
		if strings.HasPrefix(want, "WithTransport") {
			base = "https://localhost:1"
		}
		c, err := New(base, options...)
		if err == nil || c != nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), aKey) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

func TestSidecarIsTrustedByItsAuthority(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(&gate{key: aKey})
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	for name, options := range map[string][]Option{
		"the authority":          {WithCA(authority(s))},
		"a configuration":        {WithTLSConfig(&tls.Config{RootCAs: pool})},
		"both":                   {WithCA(authority(s)), WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS13})},
		"both, the other way":    {WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS13}), WithCA(authority(s))},
		"whoever, who says that": {WithTLSConfig(&tls.Config{InsecureSkipVerify: true})},
	} {
		c, err := New(s.URL, append(options, WithAPIKey(aKey))...)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := c.GetLock(t.Context(), "nightly"); err != nil || l.Name != "nightly" {
			t.Errorf("%s: %v", name, err)
		}
		c.CloseIdleConnections()
	}
}

// TestConnectionThatWaitingDoesNotMendIsSaidAtOnce, with what to do.
func TestConnectionThatWaitingDoesNotMendIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	secure, plain := httptest.NewUnstartedServer(&gate{key: aKey}), httptest.NewServer(&gate{key: aKey})
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	secure.StartTLS()
	defer secure.Close()
	defer plain.Close()
	for base, want := range map[string]string{
		secure.URL: "certificate is not trusted here",
		strings.Replace(plain.URL, "http:", "https:", 1): "does not speak TLS",
	} {
		c, err := New(base, WithRetryFor(time.Hour), WithAPIKey(aKey))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.GetLock(t.Context(), "nightly")
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(fmt.Sprint(err), want) || strings.Contains(fmt.Sprint(err), aKey) {
			t.Errorf("%s: %v", base, err)
		}
		if _, err := c.Hold(t.Context(), "nightly", HoldOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", base, err)
		}
	}
}

// TestKeyIsNotSentOnToWhereOthersPoint: a redirect is no sidecar's.
func TestKeyIsNotSentOnToWhereOthersPoint(t *testing.T) {
	t.Parallel()
	other := &gate{key: aKey}
	elsewhere := httptest.NewServer(other)
	defer elsewhere.Close()
	s := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	c, err := New(s.URL, WithAPIKey(aKey))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetLock(t.Context(), "nightly"); !errors.Is(err, ErrNotSidelock) {
		t.Error(err)
	}
	if len(other.asked) > 0 {
		t.Errorf("asked %v", other.asked)
	}
}

func TestRefusalForLackOfAKeyIsFinalAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	g := &gate{key: aKey}
	s := httptest.NewServer(g)
	defer s.Close()
	c, err := New(s.URL, WithRetryFor(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdleConnections()
	_, err = c.Hold(t.Context(), "nightly", HoldOptions{})
	const want = "sidelock: hold lock nightly: API key is missing or not known (unauthenticated): give an API key"
	if !errors.Is(err, ErrForbidden) || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
	if _, err = c.TryLock(t.Context(), "nightly", LockOptions{}); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
	if len(g.asked) != 2 {
		t.Errorf("asked %v", g.asked)
	}
}
