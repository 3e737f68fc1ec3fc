package chaos

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Ran is what a command came to.
type Ran struct {
	Code           int
	Stdout, Stderr string
}

// Command runs the program under test at the node's machine, with the settings that the node is started with, whether or not it runs: for
// commands that take what `serve` takes.
func (n *Node) Command(name string, more ...string) Ran {
	n.t.Helper()
	return n.run(slices.Concat([]string{name}, n.place()[1:], n.args, more))
}

// Run runs the program under test at the node's machine.
func (n *Node) Run(args ...string) Ran {
	n.t.Helper()
	return n.run(args)
}

func (n *Node) run(args []string) Ran {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), formWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, n.program(), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(n.log)}
	cmd.SysProcAttr = attributes()
	err := startProcess(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		n.t.Fatalf("run %v: %v", args, err)
	}
	return Ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// Beside runs another program beside the group, until the test ends, and returns the file that it prints to.
func (g *Group) Beside(path string, args ...string) (log string) {
	g.t.Helper()
	log = filepath.Join(g.root, filepath.Base(path)+".log")
	p, err := launch(path, log, nil, args)
	if err != nil {
		g.t.Fatalf("start %s: %v", path, err)
	}
	g.t.Cleanup(func() {
		// That it has ended already is no error here.
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	return log
}
