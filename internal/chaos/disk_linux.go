package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// InjectDisk does something to the system calls of the running process, from now on, on all its threads: strace's words, such as
// "inject=fdatasync:error=EIO". It ends with the test, or with the returned function.
func (n *Node) InjectDisk(what string) (stop func()) {
	n.t.Helper()
	log := n.log + ".strace"
	said, err := os.Create(log)
	if err != nil {
		n.t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(strace(n.t), "-f", "-p", fmt.Sprint(n.current().cmd.Process.Pid), "-o", os.DevNull, "-e", what)
	cmd.Stderr = said
	cmd.SysProcAttr = attributes()
	if err := startProcess(cmd); err != nil {
		n.t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		// Killed, it lets go of the process at once; asked to stop, it may wait for a call that it holds up itself.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	n.t.Cleanup(stop)
	Until(n.t, leaderWithin, "strace to take hold of "+n.Name, func() error {
		b, err := os.ReadFile(log)
		if err == nil && !strings.Contains(string(b), "attached") {
			err = fmt.Errorf("%q", b)
		}
		return err
	})
	return stop
}

// Exiting tells whether the process has begun to end for good: the kernel may have to wait for a thread of it, but nothing of the program
// runs any more.
func (n *Node) Exiting() bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", n.current().cmd.Process.Pid))
	return err != nil || len(line) == 0
}

// strace finds the program; .ci/run installs it.
func strace(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		t.Fatalf("%v: this test does things to system calls, for which it needs strace (Debian: the package of that name), and the right to trace its own processes", err)
	}
	return path
}

// LimitFiles makes every write of the running process fail that would take a file beyond size, which is how a full disk looks from
// inside.
func (n *Node) LimitFiles(size uint64) {
	n.t.Helper()
	if err := unix.Prlimit(n.current().cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: size}, nil); err != nil {
		n.t.Fatal(err)
	}
}

// WaitFor is Wait for a process that takes its time.
func (n *Node) WaitFor(within time.Duration) int {
	n.t.Helper()
	select {
	case <-n.current().done:
	case <-time.After(within):
		n.t.Fatalf("%s is still running after %s", n.Name, within)
	}
	return n.current().cmd.ProcessState.ExitCode()
}

// Traced runs the program to its end under strace, which does something to its system calls, and returns the calls that it traced, one a
// line, and what the program printed. A program that was killed on the way is no error.
func Traced(t testing.TB, rules []string, args ...string) (calls []string, printed string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "calls")
	options := []string{"-f", "-qq", "-o", log}
	for _, r := range rules {
		options = append(options, "-e", r)
	}
	cmd := exec.Command(strace(t), append(append(options, binary), args...)...)
	// One thread does nearly all, so that what is counted for a thread is counted for the program.
	cmd.Env = []string{"GOMAXPROCS=1", "PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(log)}
	cmd.SysProcAttr = attributes()
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n"), string(out)
}

// Program runs the program to its end and returns what it printed, and its exit code.
func Program(t testing.TB, args ...string) (printed string, code int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	cmd.SysProcAttr = attributes()
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
