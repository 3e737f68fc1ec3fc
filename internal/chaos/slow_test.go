package chaos_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/chaos"
)

// slowReader connects and takes next to nothing of what comes: its machine has hardly any room for it.
func slowReader(t *testing.T, n *chaos.Node) net.Conn {
	t.Helper()
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1) })
		return errors.Join(err, failed)
	}}
	c, err := d.Dial("tcp", n.API)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// post writes requests to a bare connection, the last with a form.
func post(t *testing.T, c net.Conn, before, path, form string) {
	t.Helper()
	if _, err := fmt.Fprintf(c, "%sPOST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		before, path, len(form), form); err != nil {
		t.Fatal(err)
	}
}

// crowd takes more room than a connection has, of which the reader takes nothing: it comes before the stream on the same connection.
const crowd = "GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n"

// TestSlowReaderOfAHoldIsCutOffAndNothingIsReleased: that a client takes nothing is no close of its own. Its lease lives out its TTL from
// the last renewal, which was while its connection still seemed sound.
func TestSlowReaderOfAHoldIsCutOffAndNothingIsReleased(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	const ttl = time.Second
	n, other := g.Nodes[0], g.Nodes[1]
	c := slowReader(t, n)
	post(t, c, crowd, "/v1/locks/job/hold", "ttl=1s&owner=slow")
	chaos.Until(t, 10*time.Second, "the slow reader to hold", func() error {
		if a := other.Get("/v1/locks/job"); a.Body.State != "held" {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	began := time.Now()
	waiting := other.Hold("/v1/locks/job", "ttl", "60s", "owner", "next").Begun(t)
	next := waiting.Await(httpapi.SilentPeer+30*time.Second, "held")
	if kept := next.At.Sub(began); kept < httpapi.SilentPeer-time.Second {
		t.Errorf("a client that read nothing was cut off after %s already", kept)
	}
	past := other.Get("/v1/locks/job/history").Want(t, 200).Body.Notable
	if len(past) != 1 || past[0].Event != "expired" || past[0].LastRenewed < ttl.Milliseconds() || past[0].Held < httpapi.SilentPeer.Milliseconds()-1000 {
		t.Errorf("a slow reader's hold must live out its TTL: %+v", past)
	}
}

// TestSlowReaderOfEventsIsCutOff: what it did not take is not kept for it, and others see everything.
func TestSlowReaderOfEventsIsCutOff(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 1, "--log-level", "debug")
	n := g.Nodes[0]
	const names, large = 800, 4000 // whose state is more than a connection takes
	var work sync.WaitGroup
	for worker := range 8 {
		work.Go(func() {
			for i := worker; i < names; i += 8 {
				n.Post(fmt.Sprintf("/v1/locks/large-%d", i), "ttl", "1h", "metadata.x", strings.Repeat("x", large)).Want(t, 201)
			}
		})
	}
	work.Wait()
	slow := slowReader(t, n)
	if _, err := io.WriteString(slow, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	brisk := n.Events().Begun(t)
	state, before := brisk.AwaitAll(20*time.Second, "state")
	seen := len(state.Locks)
	for state.More {
		state = brisk.Await(20*time.Second, "state")
		seen += len(state.Locks)
	}
	if seen != names || len(before) > 0 {
		t.Errorf("the state of %d locks has %d", names, seen)
	}
	wantLog(t, n, "an event stream was not taken")
	n.Post("/v1/locks/last", "ttl", "1h").Want(t, 201)
	if f := brisk.Await(10*time.Second, "granted"); f.Name != "last" {
		t.Errorf("a brisk reader saw %s", f)
	}
	// What was sent before can still be read; then the connection is over, in the middle of the stream.
	_ = slow.SetReadDeadline(time.Now().Add(20 * time.Second))
	all, err := io.ReadAll(slow)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the slow reader's connection is still open")
	}
	if strings.Contains(string(all), `"name":"last"`) || strings.HasSuffix(string(all), "\r\n0\r\n\r\n") {
		t.Errorf("the slow reader was sent the whole stream: %d bytes", len(all))
	}
	t.Logf("the slow reader was sent %d bytes: %v", len(all), err)
}

// TestHalfOpenConnectionKeepsItsHold: between a client and its sidecar nothing passes any more, and neither has closed.
func TestHalfOpenConnectionKeepsItsHold(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	const ttl = time.Second
	n, other := g.Nodes[0], g.Nodes[1]
	wire := chaos.StartWire(t, n.API)
	hold := n.At(wire.Addr).Hold("/v1/locks/job", "ttl", ttl.String(), "owner", "client").Begun(t)
	held := hold.Await(10*time.Second, "held")
	waiting := other.Hold("/v1/locks/job", "ttl", "60s", "owner", "next").Begun(t)
	waiting.Await(10*time.Second, "queued")
	wire.Cut()
	for end := time.Now().Add(4 * ttl); time.Now().Before(end); {
		f, err := waiting.Next(time.Until(end))
		if err == nil && f.Event != "queued" || err != nil && err != chaos.ErrQuiet {
			t.Fatalf("the client, which nobody can reach, lost its hold: %s %v", f, err)
		}
	}
	told := lastDeadline(append([]chaos.Frame{held}, hold.Drain()...))
	if !told.Before(time.Now()) {
		t.Fatalf("the client heard something over a cut wire, its deadline is in %s", time.Until(told))
	}
	wire.Heal()
	first, err := hold.Next(10 * time.Second)
	if err != nil || first.Event != "alive" {
		t.Fatalf("the first that came over the healed wire: %s %v", first, err)
	}
	wantHolder(t, other, "job", "client", held.Token)
	// Its own close comes late, and counts.
	wire.Cut()
	hold.Close()
	term, closed := groupTerm(g), time.Now()
	wire.Heal()
	wantSoon(t, g, term, closed, waiting.Await(10*time.Second, "held").At, "the grant after the close had come through")
}
