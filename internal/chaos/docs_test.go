package chaos_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/chaos"
)

const apiPage = "../../docs/api.md"

func readPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.FromSlash(apiPage))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestTranscriptsOfTheAPIPageAreTrue runs every command of docs/api.md, with curl, in order, against a group of three, and
// compares what comes with what the page shows.
func TestTranscriptsOfTheAPIPageAreTrue(t *testing.T) {
	t.Parallel()
	steps := transcripts(readPage(t))
	if len(steps) < 30 {
		t.Errorf("only %d commands on the page: are its blocks still marked as console?", len(steps))
	}
	g := chaos.Start(t, 3)
	shell := newShell(t, g)
	for _, s := range steps {
		shell.run(s)
	}
	shell.end()
}

// TestEveryCodeIsOnTheAPIPage compares the table of errors with the codes that there are.
func TestEveryCodeIsOnTheAPIPage(t *testing.T) {
	_, after, _ := strings.Cut(readPage(t), "| status | code |")
	table, _, _ := strings.Cut(after, "\n\n")
	var listed []string
	for _, row := range strings.Split(table, "\n")[2:] {
		for _, word := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(strings.Split(row, "|")[2], -1) {
			listed = append(listed, word[1])
		}
	}
	unseen := []string{"ok", "client_gone", "unknown_session", "stale_command", "not_bootstrapped"} // no caller gets these
	for _, code := range httpapi.Codes() {
		if slices.Contains(unseen, code) == slices.Contains(listed, code) {
			t.Errorf("%s: on the page: %v", code, slices.Contains(listed, code))
		}
	}
	for _, code := range listed {
		if !slices.Contains(httpapi.Codes(), code) {
			t.Errorf("%s is on the page and does not exist", code)
		}
	}
}
