//go:build !unix

package cli

import (
	"os"
	"os/exec"
	"syscall"
)

// child is a command under way. Here there are no process groups: what it starts itself is out of reach.
type child struct {
	cmd     *exec.Cmd
	group   int // the command's process number
	ended   chan childEnd
	stopped chan syscall.Signal
}

func startChild(p program, env []string, c *call) (*child, error) {
	ch := &child{ended: make(chan childEnd, 1)}
	ch.cmd = &exec.Cmd{Path: p.path, Args: p.args, Env: env, Stdout: c.stdout, Stderr: c.stderr, SysProcAttr: childAttributes()}
	if c.stdin != nil {
		ch.cmd.Stdin = c.stdin
	}
	if err := ch.cmd.Start(); err != nil {
		return nil, notRun(p.args[0], err)
	}
	ch.group = ch.cmd.Process.Pid
	go func() {
		_ = ch.cmd.Wait() // the state says it all
		code := ch.cmd.ProcessState.ExitCode()
		if code < 0 {
			code = ExitFailed
		}
		ch.ended <- childEnd{code: code}
	}()
	return ch, nil
}

func (ch *child) signal(s os.Signal) { _ = ch.cmd.Process.Signal(s) }

// terminate has no gentler way than kill here.
func (ch *child) terminate() { ch.kill() }

func (ch *child) kill() { _ = ch.cmd.Process.Kill() }

func (ch *child) groupGone() bool { return true }
