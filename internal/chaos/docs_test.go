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

const apiPage = "docs/api.md"

// pages are those whose transcripts are run, and how many commands each has at least.
var pages = map[string]int{apiPage: 30, "README.md": 8}

func readPage(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTranscriptsInTheDocsAreTrue runs every command that a page shows, with curl, in order, against a group of three, and
// compares what comes with what the page says.
func TestTranscriptsInTheDocsAreTrue(t *testing.T) {
	t.Parallel()
	for page, atLeast := range pages {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			steps := transcripts(page, readPage(t, page))
			if len(steps) < atLeast {
				t.Errorf("only %d commands on the page: are its blocks still marked as console?", len(steps))
			}
			shell := newShell(t, chaos.Start(t, 3))
			for _, s := range steps {
				shell.run(s)
			}
			shell.end()
		})
	}
}

// TestEveryCodeIsOnTheAPIPage compares the table of errors with the codes that there are.
func TestEveryCodeIsOnTheAPIPage(t *testing.T) {
	_, after, _ := strings.Cut(readPage(t, apiPage), "| status | code |")
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
