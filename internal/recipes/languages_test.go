package recipes_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

const languagesPage = "docs/languages.md"

// languages are those of the page, by heading, each with how its program is run.
var languages = []struct{ name, build, command string }{
	{"bash", "", "./keep.sh"},
	{"Python", "", "./keep.py"},
	{"JavaScript", "", "node keep.mjs"},
	{"Go", "go build keep.go", "./keep"},
	{"Java", "", "java keep.java"},
}

// runtimes may be missing on the machine that runs the tests, which then says so; everything else may not.
var runtimes = map[string]struct {
	version []string // asks for it
	least   int
}{
	"JavaScript": {[]string{"node", "--version"}, 20},
	"Java":       {[]string{"java", "-version"}, 17},
}

// TestProgramsOfEveryLanguageDoWhatThePageShows runs the terminals of the page.
func TestProgramsOfEveryLanguageDoWhatThePageShows(t *testing.T) {
	t.Parallel()
	p := readPage(t, languagesPage)
	if want := 1 + len(languages); len(p.blocks) != want {
		t.Fatalf("%d terminals on %s, not %d: one for curl and one for each language", len(p.blocks), languagesPage, want)
	}
	g := chaos.Start(t, 3)
	for _, b := range p.blocks {
		t.Run(b.title, func(t *testing.T) {
			t.Parallel()
			if here(t, b.title) {
				open(t, g, p, goEnvironment(t)...).runAll(b)
			}
		})
	}
}

// TestProgramsOfEveryLanguageStopInTimeWhenTheirSidecarHangs: nobody can tell them anything, and they have stopped when another has
// what they had. When the sidecar goes on they stand in line again.
func TestProgramsOfEveryLanguageStopInTimeWhenTheirSidecarHangs(t *testing.T) {
	t.Parallel()
	p := readPage(t, languagesPage)
	g := chaos.Start(t, 3)
	type run struct {
		language        string
		locks, election *terminal
		granted         <-chan chaos.Answer // the lock, to another
	}
	var runs []run
	for _, l := range languages {
		if !here(t, l.name) {
			continue
		}
		env := goEnvironment(t)
		r := run{language: l.name, locks: open(t, g, p, env...), election: open(t, g, p, env...)}
		for _, x := range []*terminal{r.locks, r.election} {
			if l.build != "" {
				x.do(l.build)
			}
		}
		const ttl, quiet = "TTL=9 ", " 2>/dev/null &" // what it says of calls that are not answered
		r.locks.do(ttl+l.command+" locks/"+l.name+quiet, "working, token 1763846400000041")
		r.election.do(ttl+l.command+" elections/"+l.name+quiet, "working, token 1763846400000041")
		r.election.do("SIDELOCK=http://localhost:5635 " + ttl + l.command + " elections/" + l.name + quiet)
		r.election.run(step{at: "here", command: "curl -s localhost:5635/v1/elections/" + l.name + " | jq '.candidates | length'", status: "200", want: []string{"1"}})
		runs = append(runs, r)
	}
	for i := range runs { // once all are at work: to begin takes some of them long
		name, granted := runs[i].language, make(chan chaos.Answer, 1)
		runs[i].granted = granted
		go func() {
			granted <- g.Nodes[1].Post("/v1/locks/"+name, "wait", "50s", "ttl", "1s", "owner", "another")
		}()
		chaos.Until(t, lookWithin, "another to wait", func() error {
			if a := g.Nodes[1].Get("/v1/locks/" + name); len(a.Body.Queue) != 1 {
				return fmt.Errorf("%s", a)
			}
			return nil
		})
	}

	t.Cleanup(g.Nodes[0].Resume) // before the terminals end, whose programs release
	g.Nodes[0].Pause()
	for _, r := range runs {
		if a := <-r.granted; a.Status != 201 {
			t.Fatalf("%s: %s", r.language, a)
		}
		if !r.locks.hasSaid("stopped") {
			t.Errorf("%s: still at work when another has the lock", r.language)
		}
	}
	for _, r := range runs { // the lines of both candidates, in the order in which they were printed
		r.election.expect(step{at: r.language}, []string{"stopped", "working, token 1763846400000042"}, false)
	}
	g.Nodes[0].Resume()
	for _, r := range runs {
		r.locks.expect(step{at: r.language}, []string{"working, token 1763846400000043"}, false)
	}
}

// hasSaid tells whether a line has come already, and takes it.
func (x *terminal) hasSaid(want string) bool {
	for {
		select {
		case line := <-x.lines:
			if line == want {
				return true
			}
		default:
			return false
		}
	}
}

// here tells whether a language of the page can be run on this machine. If not it says so loudly; .ci/run says it too.
func here(t *testing.T, language string) bool {
	t.Helper()
	r, optional := runtimes[language]
	if !optional {
		return true
	}
	out, err := exec.Command(r.version[0], r.version[1:]...).CombinedOutput()
	found := regexp.MustCompile(`\d+`).Find(out)
	if version, _ := strconv.Atoi(string(found)); err == nil && version >= r.least {
		return true
	}
	out, _, _ = bytes.Cut(out, []byte("\n"))
	fmt.Fprintf(os.Stderr, "\n!! %s: NOT TESTED\n!! the program of %s needs %s %d or newer (%v, %s)\n\n", t.Name(), languagesPage, r.version[0], r.least, err, out)
	return false
}

// goEnvironment lets a terminal build with what is built already: its home is a new one.
func goEnvironment(t *testing.T) []string {
	t.Helper()
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"GOCACHE=" + strings.TrimSpace(string(cache)), "GOTOOLCHAIN=local", "GO111MODULE=on", "GOWORK=off"}
}
