package trust

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const securityPage = "../../docs/security.md"

// TestCommandsOfTheSecurityPageMakeWhatNodesAccept runs every script of the page, in order, and lets nodes meet by what they made.
func TestCommandsOfTheSecurityPageMakeWhatNodesAccept(t *testing.T) {
	page, err := os.ReadFile(securityPage)
	must(t, err)
	dir := t.TempDir()
	parts := strings.Split(string(page), "```sh\n")
	if len(parts) != 4 {
		t.Fatalf("the page has %d scripts, not 3", len(parts)-1)
	}
	output := ""
	for _, part := range parts[1:] {
		script, _, _ := strings.Cut(part, "```")
		run := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
		run.Dir = dir
		text, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("%v:\n%s\n%s", err, script, text)
		}
		output += string(text)
	}
	if gap := missing(output, []string{"URI:sidelock://prod/web-0", "notAfter="}); len(gap) > 0 {
		t.Errorf("no word of %q in:\n%s", gap, output)
	}
	in := func(name string) string { return filepath.Join(dir, name) }

	steps := []string{"peer.secret", "step1.secret", "step2.secret", "step3.secret"}
	for i, file := range steps[1:] {
		a, log := opened(t, func(log *slog.Logger) (*Trust, error) { return FromSecret(t.Context(), in(file), log) })
		b, _ := opened(t, func(log *slog.Logger) (*Trust, error) { return FromSecret(t.Context(), in(steps[i]), log) })
		must(t, ping(startNode(t, "a", a).mustDial(startNode(t, "b", b))))
		if strings.Contains(log.text(), "WARN") { // the page's umask
			t.Errorf("%s:\n%s", file, log.text())
		}
	}
	certified := func(node string) *Trust {
		tr, log := opened(t, func(log *slog.Logger) (*Trust, error) {
			return FromCertificates(t.Context(), in("ca.crt"), in(node+".crt"), in(node+".key"), log)
		})
		if strings.Contains(log.text(), "WARN") {
			t.Errorf("%s:\n%s", node, log.text())
		}
		return tr
	}
	must(t, ping(startNode(t, "web-0", certified("web-0")).mustDial(startNode(t, "web-1", certified("web-1")))))
	if _, err := startNode(t, "web-1", certified("web-2")).dial(startNode(t, "web-0", certified("web-0"))); err == nil {
		t.Error("the name in the page's certificates is not one that is checked")
	}
}

func opened(t *testing.T, open func(*slog.Logger) (*Trust, error)) (*Trust, *records) {
	t.Helper()
	tr, log, _ := trusting(t, open)
	return tr, log
}
