//go:build unix

package cli

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// process is `sidelock …` under way, as a process of its own.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, log *transcript
	exited   chan struct{}
	fifo     string
	alive    *os.File      // its reading end, open before anybody writes: so no end is missed
	dead     chan struct{} // closed when nothing of the command that it runs is alive, if that was started by sh
	deadAt   time.Time     // then
}

// start runs the program against a fake sidecar.
func start(t *testing.T, s *fakeSidecar, args ...string) *process {
	t.Helper()
	return startWith(t, &exec.Cmd{}, s, args...)
}

func startWith(t *testing.T, cmd *exec.Cmd, s *fakeSidecar, args ...string) *process {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, out: newTranscript(), log: newTranscript(), exited: make(chan struct{}), dead: make(chan struct{}), fifo: t.TempDir() + "/alive"}
	if cmd.Path == "" {
		cmd.Path, cmd.Args = executable, []string{"sidelock"}
	} else {
		cmd.Args = append(cmd.Args, executable) // it will run that
	}
	cmd.Args = append(cmd.Args, args...)
	cmd.Env = append(cmd.Environ(), asProgramVar+"=yes", "SIDELOCK_SERVER="+s.URL, "ALIVE="+p.fifo, "TZ=UTC")
	if err := syscall.Mkfifo(p.fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if p.alive, err = os.OpenFile(p.fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.alive.Close() })
	if cmd.Stdout == nil {
		cmd.Stdout = p.out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.log
	}
	cmd.WaitDelay = soon
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.exited
		for _, m := range pidLine.FindAllStringSubmatch(p.out.String(), -1) { // what a test that failed has left
			if group, err := strconv.Atoi(m[1]); err == nil {
				_ = syscall.Kill(-group, syscall.SIGKILL)
			}
		}
	})
	return p
}

var pidLine = regexp.MustCompile(`pid (\d+)\n`)

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(soon):
		p.t.Fatalf("it goes on and on:\n%s\n%s", p.out, p.log)
		return -1
	}
}

// sh is a command: a shell that says its number and then does something. It and all that it starts have a pipe open.
func sh(script string) []string {
	return []string{"--", "sh", "-c", `exec 3<>"$ALIVE"; echo pid $$; ` + script}
}

// watch waits until the command has begun, and from then on for the death of all that it has started.
func (p *process) watch() {
	p.t.Helper()
	p.pid()
	go func() {
		if _, err := io.Copy(io.Discard, p.alive); err != nil {
			return // the test is over
		}
		p.deadAt = time.Now()
		close(p.dead)
	}()
}

// quiet waits until nothing of the command is alive.
func (p *process) quiet() {
	p.t.Helper()
	select {
	case <-p.dead:
	case <-time.After(soon):
		p.t.Fatalf("something of the command lives on:\n%s\n%s", p.out, p.log)
	}
}

// loud fails if nothing of the command is alive.
func (p *process) loud() {
	p.t.Helper()
	select {
	case <-p.dead:
		p.t.Errorf("the command has ended already:\n%s\n%s", p.out, p.log)
	default:
	}
}

// pid is the number that the command has printed, of its process and its group.
func (p *process) pid() int {
	p.t.Helper()
	pid, err := strconv.Atoi(p.out.await(p.t, pidLine.String())[1])
	if err != nil {
		p.t.Fatal(err)
	}
	return pid
}

// groupLives says whether anything of a process group is alive.
func groupLives(group int) bool {
	return !errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) && !onlyZombies(group)
}

// writeProgram writes a file with that mode.
func writeProgram(t *testing.T, mode os.FileMode, content string) string {
	t.Helper()
	path := t.TempDir() + "/program"
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}
