package cli

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sidelock/sidelock/cli/doctor"
	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/raftnode/form"
	"github.com/sidelock/sidelock/raftnode/store"
	"go.yaml.in/yaml/v3"
)

const troubleshootingPage = "../docs/troubleshooting.md"

// section is one section of the page.
func section(t *testing.T, title string) string {
	t.Helper()
	page, err := os.ReadFile(troubleshootingPage)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "\n## "+title+"\n")
	if !found {
		t.Fatalf("%s has no section %q", troubleshootingPage, title)
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// wantRows fails for each word that has no row of its own, or shares one, in a section's tables: in the first column, as code.
func wantRows(t *testing.T, title string, words ...string) {
	t.Helper()
	rows := map[string]int{}
	for line := range strings.Lines(section(t, title)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || slices.ContainsFunc(cells[1:len(cells)-1], func(c string) bool { return strings.TrimSpace(c) == "" }) {
			continue // no table, or a cell says nothing
		}
		for _, word := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			rows[word[1]]++
		}
	}
	for _, word := range words {
		if rows[word] != 1 {
			t.Errorf("%s, %q: %d rows for %s", troubleshootingPage, title, rows[word], word)
		}
	}
	if len(words) == 0 {
		t.Errorf("%q: nothing to look for", title)
	}
}

func TestEveryCodeOfTheAPIHasItsRow(t *testing.T) {
	var codes []string
	for _, code := range httpapi.Codes() {
		if code != "ok" {
			codes = append(codes, code)
		}
	}
	wantRows(t, "Error codes of the API", codes...)
}

func TestEveryCheckHasItsRow(t *testing.T) {
	var checks []string
	for _, c := range doctor.Checks() {
		checks = append(checks, string(c))
	}
	wantRows(t, "What doctor finds", checks...)
}

// TestEveryAlertHasItsRowAndLinksToIt: and the page tells of no alert that there is not.
func TestEveryAlertHasItsRowAndLinksToIt(t *testing.T) {
	raw, err := os.ReadFile("../deploy/prometheus/sidelock.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(raw, &rules); err != nil {
		t.Fatal(err)
	}
	text := section(t, "Alerts")
	var alerts []string
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			alerts = append(alerts, r.Alert)
			page, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "#")
			if row := `| <a id="` + anchor + "\"></a>`" + r.Alert + "` |"; !strings.HasSuffix(page, "/docs/troubleshooting.md") || !strings.Contains(text, row) {
				t.Errorf("%s links to %s, which is not its row", r.Alert, r.Annotations["runbook_url"])
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s does not say what is wrong, or what to do: %v", r.Alert, r.Annotations)
			}
		}
	}
	alerts = slices.Compact(alerts)
	wantRows(t, "Alerts", alerts...)
	for _, told := range regexp.MustCompile(`(?m)^\| .*`+"`(Sidelock[A-Za-z]+)` \\|").FindAllStringSubmatch(text, -1) {
		if !slices.Contains(alerts, told[1]) {
			t.Errorf("%s is no alert of the rules", told[1])
		}
	}
}

func TestEveryExitCodeHasItsRow(t *testing.T) {
	text := section(t, "Exit codes")
	for _, code := range []int{ExitOK, ExitFailed, ExitUsage, ExitHeld, ExitLost, ExitNotExecutable, ExitNotFound, ExitSignal} {
		if !regexp.MustCompile(`(?m)^\| [^|]*\b` + strconv.Itoa(code) + `\b[^|]*\|`).MatchString(text) {
			t.Errorf("exit code %d has no row", code)
		}
	}
}

// sources parses the files of a directory that are no tests.
func sources(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

func TestEveryCodeOfAPeersRefusalHasItsRow(t *testing.T) {
	var codes []string
	for _, file := range sources(t, "../raftnode/peer") {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			of, named := spec.Type.(*ast.Ident)
			if value, literal := spec.Values[0].(*ast.BasicLit); named && of.Name == "Code" && literal {
				codes = append(codes, unquoted(t, value))
			}
			return true
		})
	}
	if len(codes) < 13 {
		t.Errorf("only %d codes were found: %v", len(codes), codes)
	}
	wantRows(t, "Why a peer is refused", codes...)
}

func unquoted(t *testing.T, literal *ast.BasicLit) string {
	t.Helper()
	text, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestEveryWordWithWhichASidecarStopsHasItsRow: those that are written where it stops are found in the source, others are listed here.
func TestEveryWordWithWhichASidecarStopsHasItsRow(t *testing.T) {
	text := section(t, "Why a sidecar stops")
	found := 0
	for _, dir := range []string{"..", "../raftnode", "../raftnode/store"} {
		for _, file := range sources(t, dir) {
			ast.Inspect(file, func(n ast.Node) bool {
				for _, format := range lastWords(t, n) {
					found++
					if phrase := firstPhrase(format); !strings.Contains(text, phrase) {
						t.Errorf("%q, of %q, is not on %s", phrase, format, troubleshootingPage)
					}
				}
				return true
			})
		}
	}
	if found < 12 {
		t.Errorf("only %d messages were found in the source", found)
	}
	for phrase, err := range map[string]error{
		"this node's data cannot be trusted. Way out:": &store.CorruptError{File: "f"},
		"could not be written":                         &store.DiskError{File: "f", Err: syscall.ENOSPC},
		"a write that failed is never tried again":     &store.DiskError{File: "f", Err: syscall.ENOSPC},
		"could not be read":                            &store.DiskError{File: "f", Read: true, Err: syscall.EIO},
		"has not come back for 30s: the disk hangs":    &store.StallError{File: "f", What: "a write", After: store.StallLimit.String()},
		"this node promised to found a group of":       &form.ConflictError{},
		"its data directory has forgotten the promise": &form.ForgottenError{},
		"run the release of sidelock that wrote it":    &store.FormatError{File: "f"},
		"a recovery of this directory":                 &store.UnfinishedError{},
		"data directory is in use":                     store.ErrInUse,
	} {
		if !strings.Contains(err.Error(), phrase) {
			t.Errorf("%q is no word of %T: %v", phrase, err, err)
		}
		if !strings.Contains(text+section(t, "Why one does not start"), phrase) {
			t.Errorf("%q, of %T, is not on %s", phrase, err, troubleshootingPage)
		}
	}
}

// lastWords are the formats of errors with which n ends the process.
func lastWords(t *testing.T, n ast.Node) (formats []string) {
	var ends []ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		if s, ok := n.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Fatal" || s.Sel.Name == "giveUp" || s.Sel.Name == "report") {
			ends = n.Args
		}
	case *ast.CompositeLit:
		if of, ok := n.Type.(*ast.Ident); ok && of.Name == "died" {
			ends = n.Elts
		}
	case *ast.FuncDecl:
		if n.Name.Name == "obsolete" { // its error ends the process, too
			ast.Inspect(n.Body, func(inner ast.Node) bool {
				if call, ok := inner.(*ast.CallExpr); ok {
					ends = append(ends, call)
				}
				return true
			})
		}
	}
	for _, e := range ends {
		call, ok := e.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			continue
		}
		s, ok := call.Fun.(*ast.SelectorExpr)
		if literal, isText := call.Args[0].(*ast.BasicLit); ok && s.Sel.Name == "Errorf" && isText {
			formats = append(formats, unquoted(t, literal))
		}
	}
	return formats
}

// firstPhrase is the first part of a format that is long enough to be found again.
func firstPhrase(format string) string {
	for _, part := range regexp.MustCompile(`%[a-z]`).Split(format, -1) {
		if part = strings.Trim(part, " :,;"); len(part) >= 8 {
			return part
		}
	}
	return format
}
