package chaos_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// step is one command of a transcript and what the page shows after it.
type step struct {
	place   string // page and line
	command string
	want    string
	status  string // in the comment behind the command; "" says nothing
}

// transcripts finds the console blocks of a page.
func transcripts(page, text string) (steps []step) {
	inside := false
	for i, l := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(l, "```"):
			inside = l == "```console"
		case inside && strings.HasPrefix(l, "$ "):
			command, comment, _ := strings.Cut(l[2:], " #")
			steps = append(steps, step{place: fmt.Sprintf("%s:%d", page, i+1), command: strings.TrimSpace(command), status: regexp.MustCompile(`\d{3}$`).FindString(comment)})
		case inside:
			steps[len(steps)-1].want += l + "\n"
		}
	}
	return steps
}

// shell runs the commands of a page with a real curl. The page's ports lead to the group's; the page's tokens and lease
// IDs stand for those that really came, from their first appearance on.
type shell struct {
	t      *testing.T
	home   string
	bound  *bindings
	behind []*job // started with &, not waited for
}

type job struct {
	cmd         *exec.Cmd
	out, status bytes.Buffer
	cancel      context.CancelFunc
}

const commandTimeout = 60 * time.Second

func newShell(t *testing.T, g *chaos.Group) *shell {
	t.Helper()
	rc := "silent\nshow-error\nwrite-out = \"%{stderr}%{http_code}\"\n"
	for i, n := range g.Nodes {
		rc += fmt.Sprintf("connect-to = \"localhost:%d:%s\"\n", 5625+10*i, n.API)
	}
	s := &shell{t: t, home: t.TempDir(), bound: newBindings()}
	if err := os.WriteFile(filepath.Join(s.home, ".curlrc"), []byte(rc), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shell) start(command string) *job {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	j := &job{cmd: exec.CommandContext(ctx, "sh", "-c", "exec "+command), cancel: cancel}
	j.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "CURL_HOME=" + s.home, "HOME=" + s.home}
	j.cmd.Stdout, j.cmd.Stderr = &j.out, &j.status
	if err := j.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(cancel)
	return j
}

func (s *shell) run(p step) {
	s.t.Helper()
	if p.command == "wait" {
		if len(s.behind) != 1 {
			s.t.Fatalf("%s: %d commands run behind", p.place, len(s.behind))
		}
		j := s.behind[0]
		s.behind = nil
		s.check(p, s.finish(p, j))
		return
	}
	command := s.bound.real(p.command)
	if behind, ok := strings.CutSuffix(command, "&"); ok {
		s.behind = append(s.behind, s.start(behind))
		return
	}
	compare := func() error { return s.compare(p, s.finish(p, s.start(command))) }
	if len(s.behind) > 0 && !strings.Contains(command, " -") {
		// A look at what a command behind has done, some time or other.
		chaos.Until(s.t, 10*time.Second, fmt.Sprintf("%s: %s", p.place, command), compare)
		return
	}
	if err := compare(); err != nil {
		s.t.Fatalf("%s: %s\n%v", p.place, command, err)
	}
}

func (s *shell) finish(p step, j *job) *job {
	s.t.Helper()
	defer j.cancel()
	if err := j.cmd.Wait(); err != nil {
		s.t.Fatalf("%s: %v: %v: %s", p.place, j.cmd, err, j.status.String())
	}
	return j
}

func (s *shell) check(p step, j *job) {
	s.t.Helper()
	if err := s.compare(p, j); err != nil {
		s.t.Fatalf("%s: %s\n%v", p.place, p.command, err)
	}
}

func (s *shell) compare(p step, j *job) error {
	if got := strings.TrimSpace(j.status.String()); p.status == "" || got != p.status {
		return fmt.Errorf("status %s, the page says %q: %s", got, p.status, j.out.String())
	}
	want, got := p.want, strings.ReplaceAll(j.out.String(), "\r\n", "\n")
	if strings.HasPrefix(want, "HTTP/") {
		wantHead, wantBody, _ := strings.Cut(want, "\n\n")
		gotHead, gotBody, _ := strings.Cut(got, "\n\n")
		if err := matchHead(strings.Split(wantHead, "\n"), strings.Split(gotHead, "\n")); err != nil {
			return fmt.Errorf("%w\n%s", err, gotHead)
		}
		want, got = wantBody, gotBody
	}
	trial := s.bound.clone()
	if err := trial.match(want, got); err != nil {
		return fmt.Errorf("%w\ncame:  %s", err, got)
	}
	s.bound = trial
	return nil
}

// matchHead compares headers line by line; … stands for any lines.
func matchHead(want, got []string) error {
	for i, w := range want {
		if w == "…" {
			if i+1 == len(want) {
				return nil
			}
			for len(got) > 0 && !sameHeader(want[i+1], got[0]) {
				got = got[1:]
			}
			continue
		}
		if len(got) == 0 || !sameHeader(w, got[0]) {
			return fmt.Errorf("no header %q", w)
		}
		got = got[1:]
	}
	if len(got) > 0 {
		return fmt.Errorf("header %q is not on the page", got[0])
	}
	return nil
}

var number = regexp.MustCompile(`\d+`)

func sameHeader(want, got string) bool {
	if name, _, _ := strings.Cut(want, ":"); name == "Sidelock-Index" || name == "Sidelock-Staleness-Ms" {
		return number.ReplaceAllString(want, "0") == number.ReplaceAllString(got, "0")
	}
	return want == got
}

func (s *shell) end() {
	s.t.Helper()
	if len(s.behind) > 0 {
		s.t.Errorf("the page never waits for what it runs behind")
	}
}
