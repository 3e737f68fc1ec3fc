package recipes_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// page is what one page of the documentation has for these tests.
type page struct {
	path   string
	files  map[string]string // by name
	blocks []block
	others []string // how other blocks begin
}

// block is one terminal.
type block struct {
	title string // the heading above it
	at    string // page and line
	steps []step
}

// step is a command and what the page shows to come out until the next one.
type step struct {
	at      string // page and line
	command string
	status  string   // of the answer to a curl; "" says nothing
	want    []string // lines; JSON that the page breaks up is one
}

var (
	fileBlock   = regexp.MustCompile("^```[a-z]+ ([a-z-]+\\.[a-z]+)$")
	statusAtEnd = regexp.MustCompile(`\b\d{3}$`)
)

const terminalBlock = "```console live"

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readPage(t *testing.T, path string) page {
	t.Helper()
	p, err := parsePage(path, readText(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func parsePage(path, text string) (page, error) {
	p := page{path: path, files: map[string]string{}}
	title, inside, file := "", "", ""
	for i, line := range strings.Split(text, "\n") {
		at := fmt.Sprintf("%s:%d", path, i+1)
		switch {
		case inside != "" && line == "```":
			inside = ""
		case inside == "file":
			p.files[file] += line + "\n"
		case inside == "terminal":
			if err := p.blocks[len(p.blocks)-1].add(at, line); err != nil {
				return p, err
			}
		case line == terminalBlock:
			inside = "terminal"
			p.blocks = append(p.blocks, block{title: title, at: at})
		case fileBlock.MatchString(line):
			inside, file = "file", fileBlock.FindStringSubmatch(line)[1]
			if _, twice := p.files[file]; twice {
				return p, fmt.Errorf("%s: a second file %s", at, file)
			}
		case strings.HasPrefix(line, "```"):
			inside = "other"
			p.others = append(p.others, line)
		case inside == "" && strings.HasPrefix(line, "#"):
			title = strings.TrimLeft(line, "# ")
		}
	}
	return p, nil
}

// add takes in one more line.
func (b *block) add(at, line string) error {
	if command, ok := strings.CutPrefix(line, "$ "); ok {
		command, comment, _ := strings.Cut(command, "   # ")
		b.steps = append(b.steps, step{at: at, command: strings.TrimSpace(command), status: statusAtEnd.FindString(comment)})
		return nil
	}
	if len(b.steps) == 0 {
		return fmt.Errorf("%s: output without a command", at)
	}
	now := &b.steps[len(b.steps)-1]
	if n := len(now.want); n > 0 && openJSON(now.want[n-1]) {
		now.want[n-1] += strings.TrimSpace(line)
		return nil
	}
	if line != "" {
		now.want = append(now.want, line)
	}
	return nil
}

// openJSON tells whether a line begins an object or a list and does not end it.
func openJSON(line string) bool {
	if !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, "[") && !strings.HasPrefix(line, "data: {") {
		return false
	}
	depth := 0
	for part, text := range alternate(line) {
		if !text {
			depth += strings.Count(part, "{") + strings.Count(part, "[") - strings.Count(part, "}") - strings.Count(part, "]")
		}
	}
	return depth > 0
}

// alternate goes through the parts of a line of JSON: what is in quotation marks, which are part of it, and what is not.
func alternate(line string) func(yield func(part string, text bool) bool) {
	return func(yield func(string, bool) bool) {
		quoted := regexp.MustCompile(`"(\\.|[^"\\])*"`)
		at := 0
		for _, span := range quoted.FindAllStringIndex(line, -1) {
			if !yield(line[at:span[0]], false) || !yield(line[span[0]:span[1]], true) {
				return
			}
			at = span[1]
		}
		yield(line[at:], false)
	}
}

// extract writes the page's files into a directory.
func (p page) extract(t *testing.T, dir string) {
	t.Helper()
	for name, text := range p.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}
