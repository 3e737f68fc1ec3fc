package chaos_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// systemd is what a unit of Type=notify has: a socket to which the process tells how it fares.
type systemd struct {
	t    *testing.T
	conn *net.UnixConn
}

// supervise gives a node such a socket.
func supervise(t *testing.T, n *chaos.Node) *systemd {
	t.Helper()
	socket := filepath.Join(filepath.Dir(n.Dir), n.Name+".notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	n.Env = append(n.Env, "NOTIFY_SOCKET="+socket)
	return &systemd{t, conn}
}

// hears waits for the next message.
func (s *systemd) hears() string {
	s.t.Helper()
	buffer := make([]byte, 4096)
	if err := s.conn.SetReadDeadline(time.Now().Add(settlesWithin)); err != nil {
		s.t.Fatal(err)
	}
	count, err := s.conn.Read(buffer)
	if err != nil {
		s.t.Fatalf("no message to systemd: %v", err)
	}
	return string(buffer[:count])
}

// TestSystemdIsToldWhatReadyzSays: a unit that wants the sidecar is started when requests are answered, and not before; until then
// `systemctl status` says what is waited for.
func TestSystemdIsToldWhatReadyzSays(t *testing.T) {
	t.Parallel()
	g := chaos.Plan(t, 3)
	first := g.Nodes[0]
	s := supervise(t, first)
	first.Start()
	heard := s.hears()
	if !strings.HasPrefix(heard, "STATUS=") || len(heard) < len("STATUS=")+10 {
		t.Errorf("systemd heard %q first, want what is waited for", heard)
	}
	first.Get("/readyz").Want(t, 503, "not_ready")
	for _, n := range g.Others(first) {
		n.Start()
	}
	for strings.HasPrefix(heard, "STATUS=") {
		heard = s.hears()
	}
	if heard != "READY=1\nSTATUS=ready" {
		t.Fatalf("systemd heard %q, want that it is ready", heard)
	}
	first.Get("/readyz").Want(t, 200)
	held := first.Post("/v1/locks/job", "ttl", "1h").Want(t, 201).Body
	first.Terminate()
	if heard = s.hears(); heard != "STOPPING=1" {
		t.Errorf("systemd heard %q, want that it stops", heard)
	}
	first.Put("/v1/locks/job", "lease", held.Lease).Want(t, 200) // it drains, and its client is still served
	first.Delete("/v1/locks/job", "lease", held.Lease).Want(t, 200)
	wantStopped(t, first)
}
