// Command manual writes the manual page and the shells' completions of sidelock into a directory. They are made of the same description of
// the command line that the program parses with, so they cannot differ from it.
//
// The libraries that do this for kong are no longer kept, or put themselves into the program; these are words in templates.
package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
	"github.com/sidelock/sidelock/cli"
)

//go:embed *.tmpl
var templates embed.FS

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: manual DIRECTORY VERSION")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

// page is what the templates see.
type page struct {
	*kong.Application
	Version string
}

func write(dir, version string) error {
	model, err := cli.Model()
	if err != nil {
		return err
	}
	t, err := template.New("").Funcs(template.FuncMap{"roff": roff, "quote": quote, "names": names, "flags": flags, "upper": strings.ToUpper}).ParseFS(templates, "*.tmpl")
	if err != nil {
		return err
	}
	for _, name := range []string{"sidelock.1", "sidelock.bash", "sidelock.zsh", "sidelock.fish"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := t.ExecuteTemplate(f, name+".tmpl", page{model, version}); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// roff escapes what troff would take for its own.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// quote puts a text between single quotes, as all three shells read it where it has none of these itself.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "’") + "'" }

// names are the commands.
func names(nodes []*kong.Node) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Name)
	}
	return strings.Join(all, " ")
}

// flags are those of a command, as they are typed.
func flags(n *kong.Node) string {
	var all []string
	for _, f := range n.Flags {
		all = append(all, "--"+f.Name)
	}
	return strings.Join(append(all, "--help"), " ")
}
