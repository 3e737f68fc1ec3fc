//go:build unix

package cli

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// transcript is an output that a test can wait on.
type transcript struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{}
}

func newTranscript() *transcript { return &transcript{changed: make(chan struct{}, 1)} }

func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	select {
	case tr.changed <- struct{}{}:
	default:
	}
	return tr.buf.Write(p)
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.buf.String()
}

// await returns the groups of the first match.
func (tr *transcript) await(t *testing.T, pattern string) []string {
	t.Helper()
	re, late := regexp.MustCompile(pattern), time.After(soon)
	for {
		if m := re.FindStringSubmatch(tr.String()); m != nil {
			return m
		}
		select {
		case <-tr.changed:
		case <-late:
			t.Fatalf("%q has not been said; so far:\n%s", pattern, tr)
		}
	}
}

// devRun is `sidelock dev` under way, with this test binary as its sidecars.
type devRun struct {
	out, log *transcript
	signals  chan os.Signal
	code     chan int
}

func startDev(t *testing.T, mode string, args ...string) *devRun {
	t.Helper()
	d := &devRun{newTranscript(), newTranscript(), make(chan os.Signal, 2), make(chan int, 1)}
	env := []string{fakeServeVar + "=" + mode, "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir(),
		// None of these may reach the sidecars.
		"SIDELOCK_JOIN=10.0.0.1:1", "SIDELOCK_VOTERS=x", "KUBERNETES_SERVICE_HOST=10.96.0.1"}
	c := &call{env: newEnvironment(env), stdout: d.out, stderr: d.log, signals: d.signals, exit: os.Exit, faults: &faults{}}
	go func() { d.code <- run(append([]string{"dev", "--base-port", "0"}, args...), c) }()
	return d
}

func (d *devRun) exit(t *testing.T) int {
	t.Helper()
	select {
	case code := <-d.code:
		return code
	case <-time.After(soon):
		t.Fatalf("dev goes on and on:\n%s\n%s", d.out, d.log)
		return -1
	}
}

var rowPattern = `(?m)^%s +http://localhost:(\d+) +(\d+) +%s$`

func TestDevIntroducesItsNodesAndStopsThemOnCtrlC(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, "ok", "--data-dir", dir)
	d.out.await(t, "Ctrl-C stops everything")
	var pids []int
	for name, role := range map[string]string{"n1": "voter", "n2": "Raft leader", "n3": "voter"} {
		row := d.out.await(t, fmt.Sprintf(rowPattern, name, role))
		pid, _ := strconv.Atoi(row[2])
		pids = append(pids, pid)
		if name == "n1" {
			mustContain(t, d.out.String(), "curl -d ttl=60s localhost:"+row[1]+"/v1/locks/nightly\n")
		}
		if name == "n2" {
			mustContain(t, d.out.String(), "kill -9 "+row[2]+"\n")
		}
	}
	mustContain(t, d.out.String(), "A group of three on this machine, data in "+dir+" (kept)")
	d.log.await(t, `(?m)^n3 \| .*msg=serving node=n3 size=3 join="127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+"$`)
	d.signals <- os.Interrupt
	if code := d.exit(t); code != ExitOK {
		t.Errorf("exit code %d", code)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d is left", pid)
		}
	}
	if strings.Contains(d.out.String(), "ended") {
		t.Errorf("an orderly stop is no news:\n%s", d.out)
	}
}

func TestDevGoesOnWhenANodeIsKilledAndEndsWithTheLast(t *testing.T) {
	d := startDev(t, "ok")
	d.out.await(t, "Ctrl-C stops everything")
	kill := func(name string) string {
		row := d.out.await(t, fmt.Sprintf(rowPattern, name, ".*"))
		pid, _ := strconv.Atoi(row[2])
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		return row[2]
	}
	pid := kill("n3")
	d.out.await(t, `n3 \(PID `+pid+`\) ended: signal: killed; the other two go on\n`)
	d.out.await(t, `n2 is Raft leader\.`)
	kill("n1")
	d.out.await(t, `n1 .* ended: signal: killed; the other one goes on\n1 of 3 is no majority`)
	kill("n2")
	if code := d.exit(t); code != ExitFailed {
		t.Errorf("exit code %d", code)
	}
	mustContain(t, d.log.String(), "no node is left")
}

func TestASecondCtrlCKillsNodesThatDoNotStop(t *testing.T) {
	d := startDev(t, "stubborn")
	d.out.await(t, "Ctrl-C stops everything")
	pid, _ := strconv.Atoi(d.out.await(t, fmt.Sprintf(rowPattern, "n1", "voter"))[2])
	d.signals <- os.Interrupt
	d.signals <- syscall.SIGTERM // the same one, as soon, would be an echo
	d.exit(t)
	if err := syscall.Kill(pid, 0); err == nil {
		t.Errorf("process %d is left", pid)
	}
	if strings.Contains(d.log.String(), "have not stopped") {
		t.Error("dev waited all the same")
	}
}

func TestDevRemovesItsTemporaryDirectory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d := startDev(t, "ok", "--nodes", "1")
	dir := d.out.await(t, `A group of one, data in (\S+) \(removed at the end\)`)[1]
	d.out.await(t, fmt.Sprintf(rowPattern, "n1", "Raft leader"))
	d.log.await(t, `node=n1 size=1 join=""`)
	d.signals <- syscall.SIGTERM
	d.exit(t)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", dir, err)
	}
}

func TestDevGivesUpWhenANodeCannotStart(t *testing.T) {
	d := startDev(t, "broken")
	if code := d.exit(t); code != ExitFailed {
		t.Errorf("exit code %d", code)
	}
	d.log.await(t, `n2 \| sidelock serve: the disk is gone`)
	d.log.await(t, `sidelock dev: n2 \(PID \d+\) ended before the group had formed: exit status 1`)
}

func TestDevNamesEveryTakenPortAndStartsNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	out := invoke(t, nil, "dev", "--base-port", strconv.Itoa(port-1), "--nodes", "1")
	if out.code != ExitFailed || out.stdout != "" {
		t.Errorf("exit code %d, %q", out.code, out.stdout)
	}
	mustContain(t, out.stderr, fmt.Sprintf("port %d, for n1's peers: taken", port), "--base-port")
}

func TestDevPortsAreTenApart(t *testing.T) {
	var ports []nodePorts
	var err error
	for range 20 { // the kernel's own choice shows a stretch that is most likely free
		var free []nodePorts
		if free, err = devPorts(0, 1); err != nil {
			t.Fatal(err)
		}
		base := min(free[0].api, 65000)
		if ports, err = devPorts(base, 3); err != nil {
			continue
		}
		if want := []nodePorts{{base, base + 1}, {base + 10, base + 11}, {base + 20, base + 21}}; !slices.Equal(ports, want) {
			t.Errorf("%v, want %v", ports, want)
		}
		return
	}
	t.Fatal(err)
}

func TestDevLetsAnOddNumberVote(t *testing.T) {
	for nodes, want := range map[int]int{1: 3, 2: 3, 3: 3, 4: 3, 5: 5, 6: 5, 7: 7, 8: 7, 9: 7} {
		if got := devVoters(nodes); got != want {
			t.Errorf("%d nodes: %d voters, want %d", nodes, got, want)
		}
	}
}

func TestReadinessIsPolledUntilItIsTrue(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 3 {
			http.Error(w, "still joining", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := awaitReady(ctx, server.URL); err != nil || asked.Load() != 3 {
		t.Errorf("%v after %d questions", err, asked.Load())
	}
}

func TestAnUnreadyNodeIsQuoted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "still joining", http.StatusServiceUnavailable)
	}))
	defer server.Close()
	tries := 0
	err := poll(ctx, func() error {
		if tries++; tries == 2 {
			defer cancel()
		}
		_, err := ask(ctx, server.URL+"/readyz")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "still joining") {
		t.Errorf("%v", err)
	}
}

func TestTheLeaderThatEndedIsNotNews(t *testing.T) {
	answers := []string{`{"raft_leader":null,"members":[]}`, `{"raft_leader":{"name":"n1"}}`, `not JSON`,
		`{"raft_leader":{"name":"n3","id":"x","address":"127.0.0.1:1"},"members":[{"name":"n3","role":"voter"}],"term":7}`}
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, answers[min(int(asked.Add(1)), len(answers))-1])
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	view, err := awaitLeader(ctx, server.URL, "n1")
	if err != nil || view.Leader.Name != "n3" || view.role("n3") != "Raft leader" || view.role("n9") != "not in the group" {
		t.Errorf("%+v, %v", view, err)
	}
}

func TestLogLinesAreNotTornApart(t *testing.T) {
	var out bytes.Buffer
	lines := &lineWriters{w: &out}
	a, b := lines.named("a"), lines.named("b")
	for _, step := range []struct {
		w    *lineWriter
		text string
	}{{a, "one "}, {b, "x\ny"}, {a, "two\n\nthree"}, {b, "\n"}} {
		if n, err := step.w.Write([]byte(step.text)); err != nil || n != len(step.text) {
			t.Fatal(n, err)
		}
	}
	a.Close()
	b.Close()
	if want := "b | x\na | one two\na | \nb | y\na | three\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	out.Reset()
	long := strings.Repeat("z", maxLogLine+5)
	a.Write([]byte(long + "\n"))
	if want := "a | " + long[:maxLogLine] + "\na | zzzzz\n"; out.String() != want {
		t.Errorf("a line of %d bytes became %d bytes", len(long), out.Len())
	}
}
