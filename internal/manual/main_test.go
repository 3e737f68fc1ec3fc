package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/cli"
)

// TestManualAndCompletionsHaveEveryCommandAndFlag that the program has.
func TestManualAndCompletionsHaveEveryCommandAndFlag(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir, "v1.2.3"); err != nil {
		t.Fatal(err)
	}
	model, err := cli.Model()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sidelock.1", "sidelock.bash", "sidelock.zsh", "sidelock.fish"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(content), `\-`, "-")
		for _, command := range model.Children {
			if !strings.Contains(text, command.Name) {
				t.Errorf("%s has no command %s", name, command.Name)
			}
			for _, f := range command.Flags {
				if !strings.Contains(text, "--"+f.Name) && !strings.Contains(text, "-l "+f.Name) {
					t.Errorf("%s has no flag --%s of %s", name, f.Name, command.Name)
				}
			}
		}
	}
}

// TestBashCompletes what bash is asked for.
func TestBashCompletes(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir, "v1.2.3"); err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]string{
		"sidelock st":                       "status",
		"sidelock status --re":              "--ready",
		"sidelock elections --output --pr":  "--prefix",
		"sidelock run --lock a -- printenv": "printenv",
	} {
		script := `source "$1"; COMP_WORDS=($2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _sidelock; printf '%s\n' "${COMPREPLY[@]}"`
		out, err := exec.Command("bash", "-c", script, "bash", filepath.Join(dir, "sidelock.bash"), typed).CombinedOutput()
		if first, _, _ := strings.Cut(string(out), "\n"); err != nil || first != want {
			t.Errorf("%q: %q (%v), want %q", typed, out, err, want)
		}
	}
}
