//go:build unix

package cli

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// child is a command under way, in a process group of its own, which has its number. Only one goroutine signals it.
type child struct {
	cmd     *exec.Cmd
	group   int
	ended   chan childEnd       // gets one, when the command itself has ended; what it has left behind may live on
	stopped chan syscall.Signal // gets one each time that job control stops it
}

// startChild starts the command. It returns when the command runs, or does not.
func startChild(p program, env []string, c *call) (*child, error) {
	ch := &child{ended: make(chan childEnd, 1), stopped: make(chan syscall.Signal, 1)}
	ch.cmd = &exec.Cmd{Path: p.path, Args: p.args, Env: env, Stdout: c.stdout, Stderr: c.stderr, SysProcAttr: childAttributes()}
	if c.stdin != nil {
		ch.cmd.Stdin = c.stdin
	}
	started := make(chan error)
	go func() {
		// Linux kills a child when the *thread* that started it ends: keep it for as long as there is the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := ch.cmd.Start()
		if err == nil {
			ch.group = ch.cmd.Process.Pid
		}
		started <- err
		if err == nil {
			ch.wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, notRun(p.args[0], err)
	}
	return ch, nil
}

// wait takes what the kernel has to say of the command. os/exec does not tell that it was stopped.
func (ch *child) wait() {
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(ch.group, &status, syscall.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil: // somebody else has taken the news: it has ended, and nobody knows how
			ch.ended <- childEnd{code: ExitFailed}
			return
		case status.Stopped():
			select {
			case ch.stopped <- status.StopSignal():
			default: // that it is stopped is known already
			}
		case status.Signaled():
			ch.ended <- childEnd{code: ExitSignal + int(status.Signal()), signal: unix.SignalName(status.Signal())}
			return
		case status.Exited():
			ch.ended <- childEnd{code: status.ExitStatus()}
			return
		}
	}
}

// signal passes a signal on. What a terminal sends goes to the whole group, as it would from there; all else to the
// command alone, since those that it has started need not expect it. One that is gone is no error.
func (ch *child) signal(s os.Signal) {
	if s == syscall.SIGINT || s == syscall.SIGQUIT {
		ch.signalGroup(s.(syscall.Signal))
		return
	}
	_ = ch.cmd.Process.Signal(s)
}

func (ch *child) signalGroup(s syscall.Signal) { _ = syscall.Kill(-ch.group, s) }

// terminate asks the whole group to end; whoever is stopped must run to hear it.
func (ch *child) terminate() {
	ch.signalGroup(syscall.SIGTERM)
	ch.signalGroup(syscall.SIGCONT)
}

// kill ends the whole group.
func (ch *child) kill() { ch.signalGroup(syscall.SIGKILL) }

// groupGone says whether no process of the group is left. It is true only after ended.
func (ch *child) groupGone() bool {
	return errors.Is(syscall.Kill(-ch.group, 0), syscall.ESRCH) || onlyZombies(ch.group)
}
