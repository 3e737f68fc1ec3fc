package chaos_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/sidelock/sidelock/client"
	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/chaos"
)

// TestVanishedMachineKeepsItsHoldToItsDeadlineThroughTLS: TLS hides neither that nothing is acknowledged any more, nor that this is no close.
func TestVanishedMachineKeepsItsHoldToItsDeadlineThroughTLS(t *testing.T) {
	t.Parallel()
	w := startWalled(t, "keys:\n"+keyEntry("job", oldKey))
	const ttl = 4 * time.Second
	c, err := tls.Dial("tcp", w.API, w.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.NetConn().Close() })
	if _, err := fmt.Fprintf(c, "POST /v1/locks/job/hold?ttl=%s&owner=vanished HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", ttl, oldKey); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	var heard chaos.Frame
	for lines := bufio.NewScanner(resp.Body); heard.Event != "alive" && lines.Scan(); {
		heard = chaos.Frame{At: time.Now()}
		if err := json.Unmarshal(lines.Bytes(), &heard); err != nil {
			t.Fatal(err)
		}
	}
	blackhole(t, c.NetConn())
	vanished := time.Now()
	next, err := w.client(client.WithAPIKey(oldKey)).Hold(t.Context(), "job", client.HoldOptions{TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	granted := time.Now()
	if early := heard.Deadline().Sub(granted); early > underWay {
		t.Errorf("granted to another %s before the last deadline that the vanished client heard of", early)
	}
	if took, most := granted.Sub(vanished), ttl/3+httpapi.SilentPeer+5*time.Second+ttl+lateBy; took > most {
		t.Errorf("a vanished machine is noticed after %s, its lock was free after %s", httpapi.SilentPeer, took)
	}
	past, err := w.client(client.WithAPIKey(oldKey)).History(t.Context(), client.KindLock, "job")
	if err != nil || len(past.Notable) != 1 || past.Notable[0].Type != "expired" {
		t.Errorf("a vanished client's hold must live out its TTL: %+v %v", past, err)
	}
	if err := next.Release(t.Context()); err != nil {
		t.Error(err)
	}
}
