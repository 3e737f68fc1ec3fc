package check

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// program is sidelock, built once.
var program string

func TestMain(m *testing.M) { os.Exit(withProgram(m)) }

func withProgram(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sidelock-deploy-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "sidelock")
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build sidelock: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

var (
	flagIn  = regexp.MustCompile(`--(?:\[no-\])?([a-z][a-z-]+)`)
	drainIn = regexp.MustCompile(`(?s)--drain-timeout=.*?Default (\w+)\.`)
)

// theFacts asks the program for its flags, and its source for how long it takes to end: it has no other place to say so.
func theFacts(t *testing.T) facts {
	t.Helper()
	help, err := exec.Command(program, "serve", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	f := facts{flags: map[string]bool{}}
	for _, m := range flagIn.FindAllSubmatch(help, -1) {
		f.flags[string(m[1])] = true
	}
	if len(f.flags) < 20 {
		t.Fatalf("`sidelock serve --help` has only %d flags", len(f.flags))
	}
	m := drainIn.FindSubmatch(help)
	if m == nil {
		t.Fatal("`sidelock serve --help` does not say what --drain-timeout is by default")
	}
	if f.drain, err = time.ParseDuration(string(m[1])); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../main.go")
	if err != nil {
		t.Fatal(err)
	}
	f.leave = constant(t, source, "leaveTimeout")
	f.close = constant(t, source, "requestTimeout") + constant(t, source, "closeTimeout")
	return f
}

// constant is a duration in seconds of the program's source.
func constant(t *testing.T, source []byte, name string) time.Duration {
	t.Helper()
	m := regexp.MustCompile(name + `\s+= (\d+) \* time\.Second`).FindSubmatch(source)
	if m == nil {
		t.Fatalf("main.go does not say what %s is", name)
	}
	seconds, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds) * time.Second
}
