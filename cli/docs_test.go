package cli

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/configuration.md")

const configurationPage = "../docs/configuration.md"

// TestEveryFlagIsDocumented holds the tables of the page to the definitions of the flags. After a change of flags run
// go test ./cli -run TestEveryFlagIsDocumented -update
func TestEveryFlagIsDocumented(t *testing.T) {
	page, err := os.ReadFile(configurationPage)
	if err != nil {
		t.Fatal(err)
	}
	parser, err := newParser(&call{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, command := range parser.Model.Children {
		table := flagTable(command, inherited(parser.Model.Node, command))
		if table == "" {
			continue
		}
		begin, end := "<!-- flags of "+command.Name+" -->\n", "<!-- end of flags -->"
		before, rest, ok := strings.Cut(text, begin)
		old, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Errorf("%s has no place for the flags of %s: %q … %q", configurationPage, command.Name, begin, end)
			continue
		}
		if old != table && !*update {
			t.Errorf("the flags of %s differ from their table; it should be:\n%s", command.Name, table)
		}
		text = before + begin + table + end + after
	}
	if *update && text != string(page) {
		if err := os.WriteFile(configurationPage, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// inherited are the flags that a command takes from another: they are on the page once.
func inherited(app, command *kong.Node) map[string]bool {
	of := map[string]bool{}
	for _, other := range app.Children {
		if command.Name == "doctor" && other.Name == "serve" {
			for _, f := range other.Flags {
				of[f.Name] = true
			}
		}
	}
	return of
}

func flagTable(command *kong.Node, but map[string]bool) string {
	var b strings.Builder
	for _, f := range command.Flags {
		if f.Name == "help" || but[f.Name] {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("| flag | variable | default | meaning |\n|---|---|---|---|\n")
		}
		standard := ""
		if f.HasDefault {
			standard = "`" + f.Default + "`"
		}
		variable := ""
		if configurable(f) {
			variable = "`" + envName(f.Name) + "`"
		}
		fmt.Fprintf(&b, "| `--%s` | %s | %s | %s |\n", f.Name, variable, standard, f.Help)
	}
	return b.String()
}
