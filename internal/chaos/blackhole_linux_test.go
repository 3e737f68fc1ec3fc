package chaos_test

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/chaos"
)

// blackhole has the kernel drop all that comes for a connection, before TCP sees it: nothing is acknowledged, as with a machine that has
// vanished.
func blackhole(t *testing.T, c net.Conn) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const passNothing = unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{{Code: passNothing, K: 0}}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &filter[0]})
	})
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// TestVanishedMachineKeepsItsHoldToItsDeadline: a client whose machine does not answer any more may be alive behind a broken network, and
// act until the last deadline that it heard of.
func TestVanishedMachineKeepsItsHoldToItsDeadline(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	const ttl = 4 * time.Second
	n, other := g.Nodes[0], g.Nodes[1]
	c, err := net.Dial("tcp", n.API)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	post(t, c, "", "/v1/locks/job/hold", "ttl="+ttl.String()+"&owner=vanished")
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
	blackhole(t, c)
	vanished := time.Now()
	waiting := other.Hold("/v1/locks/job", "ttl", "60s", "owner", "next").Begun(t)
	next := waiting.Await(httpapi.SilentPeer+ttl+30*time.Second, "held")
	if early := heard.Deadline().Sub(next.At); early > underWay {
		t.Errorf("granted to another %s before the last deadline that the vanished client heard of", early)
	}
	// The next frame is lost, that is noticed in time, and the TTL begins with the last renewal.
	if took, most := next.At.Sub(vanished), ttl/3+httpapi.SilentPeer+5*time.Second+ttl+lateBy; took > most {
		t.Errorf("a vanished machine is noticed after %s, its lock was free after %s", httpapi.SilentPeer, took)
	}
	past := other.Get("/v1/locks/job/history").Want(t, 200).Body.Notable
	if len(past) != 1 || past[0].Event != "expired" || past[0].LastRenewed < ttl.Milliseconds() {
		t.Errorf("a vanished client's hold must live out its TTL: %+v", past)
	}
}
