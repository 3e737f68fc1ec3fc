package chaos

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const program = "github.com/sidelock/sidelock"

// binary is the program under test, built by Main in built.
var binary, built string

// Binary is where the program under test is.
func Binary() string { return binary }

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
	built = dir
	if binary, err = build("sidelock"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go startProcesses()
	return run()
}

// build makes the program with further arguments to go build, and returns where it is. Without the race detector: it slows the processes
// down so much that timing would be the detector's.
func build(name string, more ...string) (string, error) {
	path := filepath.Join(built, name)
	ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
	defer cancel()
	// In the program's own module: a test of another one has only what it imports itself.
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", program).Output()
	if err != nil {
		return "", fmt.Errorf("find the module %s: %w", program, err)
	}
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build"}, more...), "-o", path, program)...)
	cmd.Dir = strings.TrimSpace(string(dir))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s %v: %w\n%s", program, more, err, out)
	}
	return path, nil
}

var next = sync.OnceValues(func() (string, error) { return build("sidelock-next", "-tags", "sidelock_next") })

// NextRelease is the program as a release would be that understands one feature level more, and has one operation more. It is built when
// the first test asks for it.
func NextRelease(t testing.TB) string {
	t.Helper()
	path, err := next()
	if err != nil {
		t.Fatal(err)
	}
	return path
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
