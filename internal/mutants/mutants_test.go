package mutants

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var kill = flag.Bool("mutants", false, "run the tests against every seeded bug")

// mutant is one seeded bug: in File, the one place that reads Old reads New.
type mutant struct {
	Name string
	File string // from the module's root
	Old  string
	New  string
	Pkg  string // whose tests must catch it; before it, words for go test: -tags …
	Run  string // the pattern of the tests that do
}

const root = "../.."

func (m *mutant) source(t *testing.T) (before, after string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), m.Old); n != 1 {
		t.Fatalf("%s has %d places that read %q; a seeded bug needs exactly one", m.File, n, m.Old)
	}
	return string(b), strings.Replace(string(b), m.Old, m.New, 1)
}

func TestEverySeededBugFitsTheCode(t *testing.T) {
	names := map[string]bool{}
	for _, m := range table {
		if names[m.Name] {
			t.Errorf("two seeded bugs are called %q", m.Name)
		}
		names[m.Name] = true
		m.source(t)
	}
}

func TestMutants(t *testing.T) {
	if !*kill {
		t.Log("run with -mutants")
		return
	}
	for _, m := range table {
		t.Run(strings.ReplaceAll(m.Name, " ", "-"), m.mustBeCaught)
	}
}

func (m *mutant) mustBeCaught(t *testing.T) {
	_, after := m.source(t)
	dir := t.TempDir()
	mutated := filepath.Join(dir, filepath.Base(m.File))
	if err := os.WriteFile(mutated, []byte(after), 0o600); err != nil {
		t.Fatal(err)
	}
	original, err := filepath.Abs(filepath.Join(root, m.File))
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	test := func(args ...string) (string, error) {
		cmd := exec.Command("go", append([]string{"test", "-count=1", "-timeout=2m"}, args...)...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+list) // for programs that the tests build too
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	pkg := strings.Fields(m.Pkg)
	if out, err := test(append([]string{"-run=^$"}, pkg...)...); err != nil {
		t.Fatalf("the seeded bug does not compile:\n%s", out)
	}
	out, err := test(append([]string{"-run=" + m.Run}, pkg...)...)
	switch {
	case err == nil:
		t.Fatalf("not caught by %s in %s", m.Run, m.Pkg)
	case strings.Contains(out, "no tests to run"):
		t.Fatalf("no test matches %s in %s", m.Run, m.Pkg)
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "--- FAIL") {
			t.Logf("caught by %s", strings.TrimSpace(line))
		}
	}
}
