package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pausedRole is set in the process that is paused, to the sidecar's address.
const pausedRole = "SIDELOCK_TEST_PAUSED"

// pausedMain holds a lock, says so, and says when and why it was lost.
func pausedMain() {
	c, err := New(os.Getenv(pausedRole))
	if err != nil {
		fmt.Println(err)
		return
	}
	h, err := c.Hold(context.Background(), "nightly", HoldOptions{TTL: 4 * time.Second, Grace: time.Second}) // a grace that leaves room for a busy machine
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("held")
	<-h.Context().Done()
	fmt.Println(time.Now().UnixMilli())
	fmt.Println(context.Cause(h.Context()))
}

// TestEventsInTheSocketOfAStoppedProcessAreOld stops a holder, lets its sidecar say that it is alive, and die. When the
// holder goes on it reads that it is alive, fresh by all that its clock says; but that was said long ago.
func TestEventsInTheSocketOfAStoppedProcessAreOld(t *testing.T) {
	t.Parallel()
	const ttl = 4 * time.Second
	say, said := make(chan string), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.ParseForm() != nil || r.Form.Get("wait") != "" {
			http.Error(w, "the sidecar is dead", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		fmt.Fprintf(w, `{"event":"held","lease":%q,"token":7,"ttl_ms":%d,"valid_for_ms":%d}`+"\n", r.Header.Get(leaseHeader), ttl.Milliseconds(), ttl.Milliseconds())
		for line := range say {
			_ = http.NewResponseController(w).Flush()
			fmt.Fprintln(w, line)
			_ = http.NewResponseController(w).Flush()
			said <- struct{}{}
		}
	}))
	defer server.Close()
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), pausedRole+"="+server.URL)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Process.Kill(); _ = holder.Wait() }()
	alive := fmt.Sprintf(`{"event":"alive","valid_for_ms":%d}`, ttl.Milliseconds())
	tell := func() { say <- alive; <-said }
	tell()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "held" {
		t.Fatalf("the holder says %q", lines.Text())
	}
	if err := holder.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	awaitStopped(t, holder.Process.Pid)
	tell()
	lastWord := time.Now()
	close(say)
	<-time.After(2 * time.Second) // much of the TTL, so that a second one from now would be seen
	if err := holder.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	resumed := time.Now()
	var at int64
	if !lines.Scan() {
		t.Fatal("the holder says nothing")
	}
	if _, err := fmt.Sscan(lines.Text(), &at); err != nil {
		t.Fatalf("the holder says %q", lines.Text())
	}
	lines.Scan()
	lost := time.UnixMilli(at)
	t.Logf("lost %s after the last word, %s after it went on: %s", lost.Sub(lastWord), lost.Sub(resumed), lines.Text())
	if lost.After(lastWord.Add(ttl)) {
		t.Errorf("it relied on the lock for %s after the sidecar's last word, which was good for %s", lost.Sub(lastWord), ttl)
	}
	if !strings.Contains(lines.Text(), "in doubt") {
		t.Errorf("the holder says %q", lines.Text())
	}
}

// awaitStopped returns when a process is stopped, where that can be seen.
func awaitStopped(t *testing.T, pid int) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for range 5000 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(err, os.ErrNotExist) {
			return
		}
		if _, rest, ok := strings.Cut(string(stat), ") "); ok && strings.HasPrefix(rest, "T") {
			return
		}
		<-ticker.C
	}
	t.Fatal("the process does not stop")
}
