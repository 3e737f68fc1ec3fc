package cli

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// devNode is one sidecar of `sidelock dev`.
type devNode struct {
	name     string
	ports    nodePorts
	pid      int // 0 before start
	cmd      *exec.Cmd
	err      error // how the process ended; to be read after it came over devGroup.ended
	reported bool  // whether it came; belongs to devGroup.run
}

// start runs the process; when it has ended, and all it logged is written, the node is sent to ended.
func (n *devNode) start(executable string, args, env []string, log io.WriteCloser, ended chan<- *devNode) error {
	n.cmd = exec.Command(executable, args...)
	n.cmd.Env = env
	n.cmd.Stdout, n.cmd.Stderr = log, log
	n.cmd.SysProcAttr = childAttributes()
	// A stray grandchild must not keep a dead node from being reported.
	n.cmd.WaitDelay = time.Second
	if err := n.cmd.Start(); err != nil {
		return err
	}
	n.pid = n.cmd.Process.Pid
	go func() {
		n.err = n.cmd.Wait()
		log.Close()
		ended <- n
	}()
	return nil
}

// ask lets the process stop in order. One that is gone already is no error: it reports itself.
func (n *devNode) ask() { _ = n.cmd.Process.Signal(syscall.SIGTERM) }

func (n *devNode) kill() { _ = n.cmd.Process.Kill() }

// how the process ended, for people.
func (n *devNode) how() string {
	if n.err != nil {
		return n.err.Error()
	}
	return "exit status 0"
}

// lineWriters let several processes write to one stream, line by line, each line with its writer's name.
type lineWriters struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriters) named(name string) *lineWriter {
	return &lineWriter{to: l, prefix: name + " | "}
}

func (l *lineWriters) write(line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.w.Write(line)
	return err
}

// lineWriter is for one goroutine at a time, as os/exec uses it.
type lineWriter struct {
	to      *lineWriters
	prefix  string
	pending []byte
}

var _ io.WriteCloser = (*lineWriter)(nil)

// Write passes on every line that is complete; one longer than maxLogLine is broken.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.pending = append(w.pending, p...)
	for {
		end := bytes.IndexByte(w.pending, '\n')
		next := end + 1
		if end > maxLogLine || end < 0 && len(w.pending) > maxLogLine {
			end, next = maxLogLine, maxLogLine
		}
		if end < 0 {
			return len(p), nil
		}
		line := w.pending[:end]
		w.pending = w.pending[next:]
		if err := w.to.write(fmt.Appendf(nil, "%s%s\n", w.prefix, line)); err != nil {
			return 0, err
		}
	}
}

// Close passes on what has no newline.
func (w *lineWriter) Close() error {
	if len(w.pending) == 0 {
		return nil
	}
	_, err := w.Write([]byte("\n"))
	return err
}
