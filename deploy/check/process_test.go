package check

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// within is how long a group of processes may take to form, on a machine that has other things to do; endsWithin is the least time that one
// of them is given to stop.
const (
	within     = 60 * time.Second
	endsWithin = 30 * time.Second
)

// process is one sidelock that was started.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *transcript
	done chan struct{} // closed when it has ended
}

// launch starts the program with nothing in its environment but what is given.
func launch(t *testing.T, args, env []string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), log: &transcript{}, done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // its code is in ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.done
		if t.Failed() {
			t.Logf("%v:\n%s", args, p.log)
		}
	})
	return p
}

// servesOps waits for the address at which probes and metrics are served.
func (p *process) servesOps() string {
	p.t.Helper()
	var addr string
	p.until("it serves probes", func() bool {
		if m := opsIn.FindStringSubmatch(p.log.String()); m != nil {
			addr = m[1]
		}
		return addr != ""
	})
	return addr
}

var opsIn = regexp.MustCompile(`serving probes and metrics"?,?.*?addr(?:=|":")([0-9.:\[\]]+)`)

// until waits for something that the process does, and fails when it ends instead.
func (p *process) until(what string, is func() bool) {
	p.t.Helper()
	over := time.After(within)
	for !is() {
		select {
		case <-p.done:
			p.t.Fatalf("it ended with %v before %s", p.cmd.ProcessState, what)
		case <-over:
			p.t.Fatalf("not within %s: %s", within, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop sends SIGTERM and wants an orderly end.
func (p *process) stop(in time.Duration) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.ends(in, 0)
}

// ends waits for the end of the process, and wants its exit code.
func (p *process) ends(in time.Duration, code int) {
	p.t.Helper()
	select {
	case <-p.done:
		if got := p.cmd.ProcessState.ExitCode(); got != code {
			p.t.Errorf("it ended with %d, want %d", got, code)
		}
	case <-time.After(in):
		p.t.Fatalf("it has not ended within %s", in)
	}
}

var asker = &http.Client{Timeout: 5 * time.Second}

// get is the status of a GET, 0 if nobody answers.
func get(addr, path string) int {
	answer, err := asker.Get("http://" + addr + path)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// transcript is what a process prints, to be read while it goes on.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// freeAddress is an address on loopback that nobody listens on: the kernel chooses the port, on an IP address that nobody else uses.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// write makes a file with its folders.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantNoWarningOfSettings: a variable or relation that serve warns of is a slip in a file of deploy/.
func (p *process) wantNoWarningOfSettings() {
	p.t.Helper()
	for _, bad := range []string{"is not known and was ignored", "survives no failure"} {
		if strings.Contains(p.log.String(), bad) {
			p.t.Errorf("it warns: %s", p.log)
		}
	}
}
