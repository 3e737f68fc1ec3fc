package recipes_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

const (
	recipesPage = "docs/recipes.md"
	apiPage     = "docs/api.md"
	fencingPage = "docs/fencing.md"
)

// TestRecipesDoWhatThePageShows runs every terminal of the recipes, on one group: each has names of its own.
func TestRecipesDoWhatThePageShows(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"curl", "jq", "python3", "setpriv", "setsid", "timeout"} {
		program(t, name)
	}
	runPage(t, readPage(t, recipesPage), 10)
}

// TestHoldOfTheReadmeIsTrue runs what the README shows of a hold. (The rest is run by internal/chaos.)
func TestHoldOfTheReadmeIsTrue(t *testing.T) {
	t.Parallel()
	runPage(t, readPage(t, "README.md"), 1)
}

// TestLateWriteIsRefusedByAnHTTPService runs what the page on fencing shows. (PostgreSQL is among the recipes.)
func TestLateWriteIsRefusedByAnHTTPService(t *testing.T) {
	t.Parallel()
	program(t, "python3")
	runPage(t, readPage(t, fencingPage), 1)
}

// TestStreamsOfTheAPIPageAreTrue runs what the page on the API shows of streams, and of the socket for administrators.
func TestStreamsOfTheAPIPageAreTrue(t *testing.T) {
	t.Parallel()
	runPage(t, readPage(t, apiPage), 9)
}

func runPage(t *testing.T, p page, atLeast int) {
	if len(p.blocks) < atLeast {
		t.Fatalf("%s: only %d terminals: are the blocks still marked with %s?", p.path, len(p.blocks), terminalBlock)
	}
	g := chaos.Start(t, 3)
	for _, b := range p.blocks {
		t.Run(b.title, func(t *testing.T) {
			t.Parallel()
			var more []string
			if b.needs(p, "psql") {
				more = startPostgres(t)
			}
			open(t, g, p, more...).runAll(b)
		})
	}
}

// needs tells whether a terminal runs a program, itself or in one of the page's files.
func (b block) needs(p page, program string) bool {
	for name, text := range p.files {
		if b.uses(name) && strings.Contains(text, program) {
			return true
		}
	}
	return b.uses(program)
}

// TestNothingOnThePagesIsLeftOut: a block that is neither a file that is used nor a terminal would not be run. (The other
// terminals of the page on the API are run by internal/chaos, and its file of keys is read by httpapi/keys.)
func TestNothingOnThePagesIsLeftOut(t *testing.T) {
	for path, elsewhere := range map[string][]string{recipesPage: nil, languagesPage: nil, tourPage: {devBlock}, fencingPage: nil, apiPage: {"```console", "```yaml"}} {
		p := readPage(t, path)
		for _, block := range p.others {
			if !slices.Contains(elsewhere, block) {
				t.Errorf("%s: nothing runs a block that begins with %q", path, block)
			}
		}
		for name := range p.files {
			if !slices.ContainsFunc(p.blocks, func(b block) bool { return b.uses(name) }) {
				t.Errorf("%s: nothing uses %s", path, name)
			}
		}
	}
}

// uses tells whether a command names a program or a file.
func (b block) uses(name string) bool {
	return slices.ContainsFunc(b.steps, func(s step) bool { return strings.Contains(s.command, name) })
}

// TestScriptsAskTheUsualPort looks at what the other tests cannot see, for they give each script its sidecar's address.
func TestScriptsAskTheUsualPort(t *testing.T) {
	usual := regexp.MustCompile(`SIDELOCK"?\)?(:-|, | \?\? )"?http://localhost:5625[}"]`)
	for _, page := range []string{recipesPage, languagesPage} {
		for name, text := range readPage(t, page).files {
			if strings.Contains(text, "SIDELOCK") && !usual.MatchString(text) {
				t.Errorf("%s: http://localhost:5625 is not what it asks where SIDELOCK is not set", name)
			}
		}
	}
}

// TestFenceOfTheReadmeIsTheRecipes: the one that is tested here.
func TestFenceOfTheReadmeIsTheRecipes(t *testing.T) {
	_, after, _ := strings.Cut(readText(t, "README.md"), "```sql\n")
	readme, _, _ := strings.Cut(after, "```")
	if recipe := readPage(t, recipesPage).files["fence.sql"]; readme == "" || readme != recipe {
		t.Errorf("the README has\n%s\nand the recipes have\n%s", readme, recipe)
	}
}
