package deploytest_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

func TestMain(m *testing.M) { os.Exit(chaos.Main(m)) }

// tool finds one of Prometheus' programs; false, and a loud line, where it is not to be had.
func tool(t *testing.T, name string) (path string, found bool) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Logf("NOT TESTED, %s NOT FOUND: on Debian, apt-get install prometheus", name)
	}
	return path, err == nil
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
