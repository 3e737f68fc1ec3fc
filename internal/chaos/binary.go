package chaos

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

const program = "github.com/sidelock/sidelock"

// binary is the program under test, built by Main.
var binary string

// Main builds the program, runs the tests of a package and returns the exit code.
func Main(m *testing.M) int { return Around(m.Run) }

// Around is Main for tests that need something before they begin: it builds the program, and run does the rest.
func Around(run func() int) int {
	dir, err := os.MkdirTemp("", "sidelock-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "sidelock")
	ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
	defer cancel()
	// Without the race detector: it slows the processes down so much that timing would be the detector's.
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, program).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build %s: %v\n%s", program, err, out)
		return 1
	}
	go startProcesses()
	return run()
}

// starts are processes to be started, each answered with how that went.
var starts = make(chan startRequest)

type startRequest struct {
	cmd  *exec.Cmd
	done chan<- error
}

// startProcesses starts every process on one thread that lives as long as the tests do: Linux kills a child that asked
// for it (attributes) when the thread that started it ends.
func startProcesses() {
	runtime.LockOSThread()
	for r := range starts {
		r.done <- r.cmd.Start()
	}
}

func startProcess(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	starts <- startRequest{cmd, done}
	return <-done
}
