package check

import (
	"fmt"
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

// TestImageIsWhatTheFilesTakeItFor: its user is theirs, its program where the job copies it from and the page runs it, and what it sets by itself does not
// matter to them.
func TestImageIsWhatTheFilesTakeItFor(t *testing.T) {
	dockerfile := read(t, "../../Dockerfile")
	w := variantOf(t, "statefulset").workloads()[0]
	c := w.sidecar().SecurityContext
	for _, line := range []string{fmt.Sprintf("USER %d:%d", *c.RunAsUser, *c.RunAsGroup), `ENTRYPOINT ["/sidelock"]`} {
		if !strings.Contains(dockerfile, "\n"+line+"\n") {
			t.Errorf("the Dockerfile does not say %s", line)
		}
	}
	for file, text := range map[string]string{
		kubernetes + "/cronjob/job.yaml": "COPY --from=" + w.sidecar().Image + " /sidelock ",
		theJob:                           fmt.Sprintf(`user   = "%d:%d"`, *c.RunAsUser, *c.RunAsGroup),
		"../../docs/kubernetes.md":       "-- /sidelock status",
	} {
		if !strings.Contains(read(t, file), text) {
			t.Errorf("%s does not say %s", file, text)
		}
	}
	for _, m := range regexp.MustCompile(`SIDELOCK_(\w+)=`).FindAllStringSubmatch(dockerfile, -1) {
		if w.setting(strings.ToLower(strings.ReplaceAll(m[1], "_", "-"))) == "" {
			t.Errorf("the image sets SIDELOCK_%s, and the sidecar's container leaves it at that", m[1])
		}
	}
}
