package check

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages are those that tell how to use the files of deploy/.
var pages = []string{"../../docs/kubernetes.md", "../../docs/operations.md"}

var (
	testName = regexp.MustCompile("`(Test[A-Z]\\w+)`")
	testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	setting  = regexp.MustCompile(`SIDELOCK_[A-Z_]*[A-Z]`)
	fileLink = regexp.MustCompile(`\]\((\.\./deploy/[^)#]+)\)`)
)

// TestPagesSayWhatIsThere: tests that a page names exist, and so do files and settings.
func TestPagesSayWhatIsThere(t *testing.T) {
	tests, f := map[string]bool{}, theFacts(t)
	for _, dir := range []string{"../../internal/chaos", "."} {
		files, err := filepath.Glob(dir + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			for _, m := range testFunc.FindAllStringSubmatch(read(t, file), -1) {
				tests[m[1]] = true
			}
		}
	}
	for _, page := range pages {
		text := read(t, page)
		for _, m := range testName.FindAllStringSubmatch(text, -1) {
			if !tests[m[1]] {
				t.Errorf("%s: there is no %s", page, m[1])
			}
		}
		for _, m := range fileLink.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join("../../docs", m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
		for _, name := range setting.FindAllString(text, -1) {
			if flag := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "SIDELOCK_"), "_", "-")); !f.flags[flag] {
				t.Errorf("%s: %s is no setting of serve", page, name)
			}
		}
	}
}
