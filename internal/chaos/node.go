package chaos

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Node is one sidecar: a place for a process, which may be running, paused or dead. Its methods may be called from
// several goroutines, but only one at a time may change what the process does.
type Node struct {
	Name string
	API  string // host:port
	Peer string // host:port
	Dir  string // of its data

	Program string   // what the next Start runs; "" is the program under test
	Env     []string // further variables for it

	t      testing.TB
	behind string // where it listens for peers, if a proxy listens on Peer; else empty
	args   []string
	log    string // file of all that its processes printed

	streamWithin time.Duration // for a stream to begin; 0 is askWithin

	mu      sync.Mutex
	process *process // the last one; nil before the first
	paused  bool
}

// process is one run of the program.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how; to be read after done
}

// Start runs a process on the node's directory, with further arguments (which win over the usual ones). It does not
// wait for anything.
func (n *Node) Start(extra ...string) {
	n.t.Helper()
	if n.Running() {
		n.t.Fatalf("%s is running already", n.Name)
	}
	p, err := launch(n.program(), n.log, n.Env, slices.Concat(n.place(), n.args, extra))
	if err != nil {
		n.t.Fatalf("start %s: %v", n.Name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process, n.paused = p, false
}

// place are the arguments that say who and where a node is.
func (n *Node) place() []string {
	args := []string{"serve", "--node", n.Name, "--data-dir", n.Dir, "--api-addr", n.API}
	if n.behind != "" {
		return append(args, "--peer-addr", n.behind, "--peer-advertise", n.Peer)
	}
	return append(args, "--peer-addr", n.Peer)
}

func (n *Node) program() string {
	if n.Program == "" {
		return binary
	}
	return n.Program
}

func launch(path, log string, env, args []string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(log)}, env...)
	p.cmd.SysProcAttr = attributes()
	if err := startProcess(p.cmd); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// current is the last process; nil before the first.
func (n *Node) current() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}

// Running says whether there is a process, paused or not.
func (n *Node) Running() bool {
	p := n.current()
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Answers says whether the process runs and is not paused.
func (n *Node) Answers() bool {
	n.mu.Lock()
	paused := n.paused
	n.mu.Unlock()
	return !paused && n.Running()
}

func (n *Node) signal(s syscall.Signal) {
	n.t.Helper()
	p := n.current()
	if p == nil {
		n.t.Fatalf("%s was never started", n.Name)
	}
	if err := p.cmd.Process.Signal(s); err != nil {
		n.t.Fatalf("%s to %s: %v", s, n.Name, err)
	}
}

// Kill ends the process as kill -9 does, and waits until it is gone.
func (n *Node) Kill() {
	n.t.Helper()
	n.signal(syscall.SIGKILL)
	<-n.current().done
}

// Pause stops the process in its tracks (SIGSTOP); the kernel goes on taking connections for it.
func (n *Node) Pause() {
	n.t.Helper()
	n.mu.Lock()
	n.paused = true
	n.mu.Unlock()
	n.signal(syscall.SIGSTOP)
	if err := awaitStop(n.current().cmd.Process.Pid); err != nil {
		n.t.Fatalf("%s was to be paused: %v", n.Name, err)
	}
}

// Resume lets a paused process go on (SIGCONT).
func (n *Node) Resume() {
	n.t.Helper()
	n.signal(syscall.SIGCONT)
	n.mu.Lock()
	n.paused = false
	n.mu.Unlock()
}

// Terminate asks the process to stop in order (SIGTERM), and does not wait.
func (n *Node) Terminate() {
	n.t.Helper()
	n.signal(syscall.SIGTERM)
}

// Wait waits until the process has ended by itself and returns its exit code.
func (n *Node) Wait() int {
	n.t.Helper()
	p := n.current()
	select {
	case <-p.done:
	case <-time.After(stopWithin):
		n.t.Fatalf("%s is still running after %s", n.Name, stopWithin)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Log returns all that the node's processes have printed.
func (n *Node) Log() string {
	n.t.Helper()
	b, err := os.ReadFile(n.log)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(b)
}

// end kills what is left of the node at the end of a test.
func (n *Node) end() {
	p := n.current()
	if p == nil {
		return
	}
	// That it has ended already is no error here.
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (n *Node) showLog() {
	if n.current() != nil {
		n.t.Logf("log of %s (%s), its end:\n%s", n.Name, n.API, tail(n.Log(), shownLogLines))
	}
}

func tail(s string, lines int) string {
	all := bytes.Split(bytes.TrimRight([]byte(s), "\n"), []byte("\n"))
	var b strings.Builder
	for _, l := range all[max(0, len(all)-lines):] {
		fmt.Fprintf(&b, "\t%s\n", l)
	}
	return b.String()
}
