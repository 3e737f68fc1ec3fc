package chaos_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/client"
	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/apitest"
	"github.com/sidelock/sidelock/internal/chaos"
	"github.com/sidelock/sidelock/internal/openapicheck"
	"github.com/sidelock/sidelock/internal/testca"
)

// reloadedWithin is how soon a changed file is in force.
const reloadedWithin = 15 * time.Second

// walled is a group of one behind TLS and keys.
type walled struct {
	*chaos.Node
	t                             *testing.T
	ca                            *testca.CA
	cert, key, keys, mine, socket string // files
}

func startWalled(t *testing.T, keysFile string) *walled {
	t.Helper()
	dir := shortTempDir(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	w := &walled{t: t, ca: testca.New(t), cert: in("cert"), key: in("key"), keys: in("keys"), mine: in("mine"), socket: in("s")}
	w.newCertificate()
	w.write(w.keys, keysFile)
	w.Node = chaos.Plan(t, 1, "--api-tls-cert", w.cert, "--api-tls-key", w.key, "--api-keys-file", w.keys, "--api-socket", w.socket, "--log-level", "debug").Nodes[0]
	w.Start()
	w.awaitReady()
	return w
}

// shortTempDir leaves room for a socket.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "walls-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (w *walled) awaitReady() {
	w.t.Helper()
	chaos.Until(w.t, 30*time.Second, "the sidecar to be ready", func() error {
		_, err := w.client(client.WithRetryFor(0)).Get(w.t.Context(), "/readyz", nil)
		return err
	})
}

func (w *walled) write(path, content string) {
	w.t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		w.t.Fatal(err)
	}
}

func (w *walled) newCertificate() {
	w.t.Helper()
	cert, key := w.ca.Server(w.t)
	w.write(w.cert, string(cert))
	w.write(w.key, string(key))
}

func (w *walled) client(options ...client.Option) *client.Client {
	w.t.Helper()
	c, err := client.New("https://"+w.API, append([]client.Option{client.WithTLSConfig(w.config())}, options...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.CloseIdleConnections)
	return c
}

// config is how its clients speak TLS. The addresses of these tests are in no certificate.
func (w *walled) config() *tls.Config {
	return &tls.Config{RootCAs: w.ca.Pool(), ServerName: "localhost"}
}

// serial is that of the certificate shown.
func (w *walled) serial() string {
	w.t.Helper()
	conn, err := tls.Dial("tcp", w.API, w.config())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func keyEntry(name, key string) string {
	return fmt.Sprintf("  - {name: %s, key: %s, verbs: [read, write], prefixes: [job]}\n", name, key)
}

const (
	oldKey = "old-key-5c1d8e0f3a7b4926d1c8e5f2a9b3"
	newKey = "new-key-0a9b8c7d6e5f4a3b2c1d0e9f8a7b"
)

// TestHoldOutlivesTheKeyAndTheCertificateThatItBeganWith: keys and certificates are replaced under running programs, and nothing is lost by it.
func TestHoldOutlivesTheKeyAndTheCertificateThatItBeganWith(t *testing.T) {
	t.Parallel()
	w := startWalled(t, "keys:\n"+keyEntry("job", oldKey))
	w.write(w.mine, oldKey)
	ours := w.client(client.WithAPIKeyFile(w.mine))
	hold, err := ours.Hold(t.Context(), "job", client.HoldOptions{TTL: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	stale := w.client(client.WithAPIKey(oldKey), client.WithRetryFor(0))

	w.write(w.keys, "keys:\n"+keyEntry("job", oldKey)+keyEntry("job-2", newKey))
	chaos.Until(t, reloadedWithin, "the new key to be good", func() error {
		_, err := w.client(client.WithAPIKey(newKey), client.WithRetryFor(0)).GetLock(t.Context(), "job")
		return err
	})
	before := w.serial()
	w.newCertificate()
	w.write(w.mine, newKey)
	w.write(w.keys, "keys:\n"+keyEntry("job-2", newKey))
	chaos.Until(t, reloadedWithin, "the old key to be refused", func() error {
		if _, err := stale.GetLock(t.Context(), "job"); !errors.Is(err, client.ErrForbidden) {
			return fmt.Errorf("it is answered %v", err)
		}
		return nil
	})
	chaos.Until(t, reloadedWithin, "the new certificate to be shown", func() error {
		if w.serial() == before {
			return errors.New("the old one is")
		}
		return nil
	})
	if hold.Valid() == 0 {
		t.Fatalf("the hold is lost: %v", context.Cause(hold.Context()))
	}
	// A whole TTL after the stream with the old key has ended it is still held, under the new one.
	select {
	case <-hold.Context().Done():
		t.Fatalf("the hold is lost: %v", context.Cause(hold.Context()))
	case <-time.After(6 * time.Second):
	}
	state, err := ours.GetLock(t.Context(), "job")
	if err != nil || len(state.Holders) != 1 || state.Holders[0].Token != hold.Token() {
		t.Errorf("%+v %v", state, err)
	}
	past, err := ours.History(t.Context(), client.KindLock, "job")
	if err != nil || len(past.Notable) != 0 {
		t.Errorf("%+v %v", past, err)
	}

	w.write(w.keys, "keys:\n"+keyEntry("job-2", newKey)+"  - broken\n")
	chaos.Until(t, reloadedWithin, "the broken file to be named", func() error {
		if text := w.Log(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "line 3: a key must be a mapping") {
			return errors.New("the log says nothing of it")
		}
		return nil
	})
	if _, err := ours.GetLock(t.Context(), "job"); err != nil {
		t.Errorf("after a broken file: %v", err)
	}
	if err := hold.Release(t.Context()); err != nil {
		t.Error(err)
	}
	for _, secret := range []string{oldKey, newKey, hold.Lease()} {
		if strings.Contains(w.Log(), secret) {
			t.Error("the log has a secret")
		}
	}
}

// TestKeysAreReadAgainByASidecarThatDrains: it still serves, for as long as an hour.
func TestKeysAreReadAgainByASidecarThatDrains(t *testing.T) {
	t.Parallel()
	w := startWalled(t, "keys:\n"+keyEntry("job", oldKey)+keyEntry("job-2", newKey))
	ours, other := w.client(client.WithAPIKey(oldKey)), w.client(client.WithAPIKey(newKey), client.WithRetryFor(0))
	hold, err := ours.Hold(t.Context(), "job", client.HoldOptions{TTL: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	w.Terminate()
	chaos.Until(t, reloadedWithin, "the sidecar to drain", func() error {
		if !strings.Contains(w.Log(), "serving what clients hold here") {
			return errors.New("it does not say so")
		}
		return nil
	})
	w.write(w.keys, "keys:\n"+keyEntry("job", oldKey))
	chaos.Until(t, reloadedWithin, "the key that was removed to be refused", func() error {
		if _, err := other.GetLock(t.Context(), "job"); !errors.Is(err, client.ErrForbidden) {
			return fmt.Errorf("it is answered %v", err)
		}
		return nil
	})
	if err := hold.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestApplicationThatDiesIsNoticedAtOnceThroughTLS: the kernel closes its connection, and TLS says nothing.
func TestApplicationThatDiesIsNoticedAtOnceThroughTLS(t *testing.T) {
	t.Parallel()
	w := startWalled(t, "keys:\n"+keyEntry("job", oldKey))
	sockets := make(chan net.Conn, 1)
	dying, err := client.New("https://"+w.API, client.WithAPIKey(oldKey), client.WithTransport(&http.Transport{
		TLSClientConfig: w.config(),
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			select {
			case sockets <- c:
				return c, nil
			default: // who has died does not come back
				return nil, errors.Join(errors.New("dead"), c.Close())
			}
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	first, err := dying.Hold(t.Context(), "job", client.HoldOptions{TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	socket, inLine, next := <-sockets, make(chan struct{}, 10), make(chan *client.Hold, 1)
	sockets <- socket // full
	go func() {
		hold, err := w.client(client.WithAPIKey(oldKey)).Hold(t.Context(), "job", client.HoldOptions{OnQueued: func(int) { inLine <- struct{}{} }})
		if err != nil {
			t.Error(err)
		}
		next <- hold
	}()
	<-inLine
	died := time.Now()
	if err := socket.Close(); err != nil {
		t.Fatal(err)
	}
	if second := <-next; second != nil {
		if took := time.Since(died); took > 2*time.Second || second.Token() <= first.Token() {
			t.Errorf("granted to the next after %s, with token %d after %d", took, second.Token(), first.Token())
		}
		if err := second.Release(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestWhoMayCallWhatIsAnsweredExactlyByARealProcess sends the table of the API's own tests.
func TestWhoMayCallWhatIsAnsweredExactlyByARealProcess(t *testing.T) {
	t.Parallel()
	w := startWalled(t, apitest.KeysFile)
	check, err := openapicheck.New(httpapi.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	apitest.KeyInput(t, func() (net.Conn, error) {
		return tls.Dial("tcp", w.API, w.config())
	}, check)
	for _, key := range apitest.Secrets() {
		if strings.Contains(w.Log(), key) {
			t.Error("the log has a key")
		}
	}
	if a := w.Admin("GET", "/v1/cluster"); a.Status != 200 {
		t.Errorf("the administrators' socket wants a key: %s", a)
	}
}

// TestSocketOfTheAPI is for the sidecar's user and group; what a dead process left is replaced, and a live one's is not.
func TestSocketOfTheAPI(t *testing.T) {
	t.Parallel()
	w := startWalled(t, "keys:\n"+keyEntry("job", oldKey))
	ask := func() error {
		c, err := client.New("unix://"+w.socket, client.WithAPIKey(oldKey), client.WithRetryFor(0))
		if err != nil {
			return err
		}
		defer c.CloseIdleConnections()
		_, err = c.GetLock(t.Context(), "job")
		return err
	}
	if err := ask(); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(w.socket)
	if err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	w.Kill()
	if _, err := os.Stat(w.socket); err != nil {
		t.Fatalf("a killed process took its socket along: %v", err)
	}
	w.Start()
	w.awaitReady()
	if err := ask(); err != nil {
		t.Errorf("after a restart: %v", err)
	}

	other := chaos.Plan(t, 1, "--api-socket", w.socket).Nodes[0]
	other.Start()
	if code := other.Wait(); code != 1 || !strings.Contains(other.Log(), "somebody listens on "+w.socket) || !strings.Contains(other.Log(), "--api-socket") {
		t.Errorf("a second process on the socket ended with %d", code)
	}
	if err := ask(); err != nil {
		t.Errorf("after another has tried: %v", err)
	}
	file := filepath.Join(filepath.Dir(w.socket), "precious")
	w.write(file, "data")
	third := chaos.Plan(t, 1, "--api-socket", file).Nodes[0]
	third.Start()
	if code := third.Wait(); code != 1 || !strings.Contains(third.Log(), "no socket: it is left alone") {
		t.Errorf("a file in place of the socket: ended with %d", code)
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "data" {
		t.Errorf("the file has %q: %v", content, err)
	}
	w.Terminate()
	if code := w.Wait(); code != 0 {
		t.Errorf("ended with %d", code)
	}
	if _, err := os.Lstat(w.socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestSidecarDoesNotStartWithABrokenWall(t *testing.T) {
	t.Parallel()
	dir, ca := t.TempDir(), testca.New(t)
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key := ca.Server(t)
	_, otherKey := ca.Server(t)
	for want, args := range map[string][]string{
		"line 1: there is no list of keys": {"--api-keys-file", write("empty.yaml", "{}")},
		"line 2: `key` must be 32 to 256":  {"--api-keys-file", write("short.yaml", "keys:\n  - {name: a, key: topsecret, verbs: [read], prefixes: [a]}")},
		"private key does not match":       {"--api-tls-cert", write("cert", string(cert)), "--api-tls-key", write("key", string(otherKey))},
		"failed to find any PEM data":      {"--api-tls-cert", write("junk", "junk"), "--api-tls-key", write("key2", string(key))},
	} {
		n := chaos.Plan(t, 1, args...).Nodes[0]
		n.Start()
		if code := n.Wait(); code != 1 || !strings.Contains(n.Log(), want) || !strings.Contains(n.Log(), args[0]) || strings.Contains(n.Log(), "topsecret") {
			t.Errorf("%s: ended with %d: %s", want, code, n.Log())
		}
		if _, err := os.Stat(n.Dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was opened before: %v", want, err)
		}
	}
}
