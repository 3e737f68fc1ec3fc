package trust

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/raftnode/peer"
)

// Secrets as openssl rand -base64 32 makes them.
const (
	oldSecret   = "q8Qz0o0nNfsVJYx1m0sUQ5c1Qv7nT3xkqf2mT8b9K1c="
	newSecret   = "Zk3Jw9uTt0cPpV2yLx7hRg5dMe1sAb8oNi4fQq6XzUE="
	otherSecret = "V7h2Bn5xQw9eRt1yUi3oPa6sDf8gHj0kLz4cXv2bNm0="

	patience = 10 * time.Second // for what should be there at once
	pollFast = 5 * time.Millisecond
)

// records is a log that tests wait on.
type records struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed by the next line
}

func newRecords() *records { return &records{more: make(chan struct{})} }

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *records) WithGroup(string) slog.Handler            { return r }

func (r *records) Handle(_ context.Context, rec slog.Record) error {
	line := rec.Level.String() + " " + rec.Message
	rec.Attrs(func(a slog.Attr) bool { line += fmt.Sprintf(" %s=%v", a.Key, a.Value.Any()); return true })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	close(r.more)
	r.more = make(chan struct{})
	return nil
}

func (r *records) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

// count tells how many lines have all of the pieces.
func (r *records) count(pieces ...string) int {
	n := 0
	for _, line := range strings.Split(r.text(), "\n") {
		if len(missing(line, pieces)) == 0 {
			n++
		}
	}
	return n
}

// await waits for a line that has all of the pieces.
func (r *records) await(t *testing.T, pieces ...string) {
	t.Helper()
	limit := time.After(patience)
	for {
		r.mu.Lock()
		more := r.more
		r.mu.Unlock()
		if r.count(pieces...) > 0 {
			return
		}
		select {
		case <-more:
		case <-limit:
			t.Fatalf("no line with %q in the log:\n%s", pieces, r.text())
		}
	}
}

func missing(text string, pieces []string) []string {
	var out []string
	for _, p := range pieces {
		if !strings.Contains(text, p) {
			out = append(out, p)
		}
	}
	return out
}

// node is a peer port on loopback that echoes.
type node struct {
	t    *testing.T
	name string
	port *peer.Port
	log  *records
}

func startNode(t *testing.T, name string, s peer.Security) *node {
	t.Helper()
	n := &node{t: t, name: name, log: newRecords()}
	id := peer.Identity{ClusterID: "c", NodeID: "id-" + name, Name: name}
	port, err := peer.Listen(peer.Config{Listen: "127.0.0.1:0", Identity: func() peer.Identity { return id },
		Log: slog.New(n.log), Security: s})
	if err != nil {
		t.Fatal(err)
	}
	n.port = port
	port.Handle(peer.KindForward, func(c net.Conn, _ peer.Hello) { io.Copy(c, c) })
	t.Cleanup(func() { port.Close() })
	return n
}

func (n *node) addr() string { return n.port.Addr().String() }

// dial connects to another node and sees that the connection works.
func (n *node) dial(to *node) (net.Conn, error) { return n.dialAt(to, to.addr()) }

func (n *node) dialAt(to *node, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	n.port.Book().Learn("id-"+to.name, peer.Entry{Address: addr})
	c, _, err := n.port.Dial(ctx, peer.KindForward, "id-"+to.name)
	if err != nil {
		return nil, err
	}
	return c, ping(c)
}

func (n *node) mustDial(to *node) net.Conn {
	n.t.Helper()
	c, err := n.dial(to)
	if err != nil {
		n.t.Fatalf("%s to %s: %v", n.name, to.name, err)
	}
	return c
}

func ping(c net.Conn) error {
	c.SetDeadline(time.Now().Add(patience))
	defer c.SetDeadline(time.Time{})
	if _, err := c.Write([]byte("ping")); err != nil {
		return err
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "ping" {
		return fmt.Errorf("%q, %w", answer, err)
	}
	return nil
}

// mustEnd waits for a connection to be closed, whatever comes before.
func mustEnd(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection is still open")
	}
}

// secretFile writes a file of secrets, the first line first.
func secretFile(t *testing.T, secrets ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "peer.secret")
	write(t, file, strings.Join(secrets, "\n")+"\n")
	return file
}

// write replaces a file's content at once.
func write(t *testing.T, file, content string) {
	t.Helper()
	must(t, os.WriteFile(file+".new", []byte(content), 0o600))
	must(t, os.Rename(file+".new", file))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// trusting opens the Trust of a secret file, with a log, and counts its changes.
func trusting(t *testing.T, open func(log *slog.Logger) (*Trust, error)) (*Trust, *records, <-chan struct{}) {
	t.Helper()
	log := newRecords()
	tr, err := open(slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	changes := make(chan struct{}, 100)
	tr.OnChange(func() { changes <- struct{}{} })
	return tr, log, changes
}

func bySecret(t *testing.T, secrets ...string) *Trust {
	t.Helper()
	file := secretFile(t, secrets...)
	tr, _, _ := trusting(t, func(log *slog.Logger) (*Trust, error) { return FromSecret(t.Context(), file, log) })
	return tr
}

func awaitChange(t *testing.T, changes <-chan struct{}) {
	t.Helper()
	select {
	case <-changes:
	case <-time.After(patience):
		t.Fatal("the new files are not in force")
	}
}

// fingerprint is what messages call a secret.
func fingerprint(t *testing.T, secret string) string {
	t.Helper()
	ca, _, err := deriveCA(secret)
	must(t, err)
	return ca.Subject.CommonName
}
