package recipes_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

const (
	commandWithin = 60 * time.Second // for a command and all that the page shows of it
	lookWithin    = 15 * time.Second // for a question to be answered as the page says
	hangUpWithin  = 10 * time.Second // for what is left of a terminal to end
)

// interpreter is what gives a terminal's commands to bash: two lines for each. The first is empty, or the file for what the command
// prints, beside which its errors go. $? is the last command's, as on a terminal.
const interpreter = `
again() { return "$1"; }
last=0
while IFS= read -r -u 3 answer && IFS= read -r -u 3 command; do
  if [ -n "$answer" ]; then
    again "$last"
    eval "$command" 3<&- </dev/null >"$answer" 2>"$answer.status"
  else
    again "$last"
    eval "$command" 3<&- </dev/null
  fi
  last=$?
  printf '\n%s\n' "$DONE"
done`

const done = "== done =="

// terminal is a bash on which a page's commands are run, in a directory with the page's files.
type terminal struct {
	t        *testing.T
	group    *chaos.Group
	dir      string // with the page's files
	home     string // with what is none of the page's business
	bound    *bindings
	also     *strings.Replacer // what else of a command is not what the page says; nil is nothing
	commands io.WriteCloser
	lines    chan string // all that comes out, of bash and of what it runs; closed when nothing can come any more
	kept     []string    // of them, those that have come and have not been looked at
	loose    bool        // any lines may come
}

// open starts a terminal; more is further environment. It ends with the test.
func open(t *testing.T, g *chaos.Group, p page, more ...string) *terminal {
	t.Helper()
	x := &terminal{t: t, group: g, dir: t.TempDir(), home: t.TempDir(), bound: newBindings(), lines: make(chan string, 4096)}
	p.extract(t, x.dir)
	var rc strings.Builder
	for i, n := range g.Nodes {
		fmt.Fprintf(&rc, "connect-to = \"localhost:%d:%s\"\n", port(i), n.API)
	}
	if err := os.WriteFile(filepath.Join(x.home, ".curlrc"), []byte(rc.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	in, commands, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, printed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	x.commands = commands
	bash := exec.Command(program(t, "bash"), "-c", interpreter)
	bash.Dir = x.dir
	bash.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + x.home, "CURL_HOME=" + x.home, "TMPDIR=" + x.home, "DONE=" + done,
		"SIDELOCK=http://" + g.Nodes[0].API}, more...)
	bash.ExtraFiles = []*os.File{in}
	bash.Stdout, bash.Stderr = printed, printed
	bash.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := bash.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	printed.Close()
	go func() {
		defer close(x.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			x.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { x.hangUp(bash) })
	return x
}

// port is the page's port of the group's node number i.
func port(i int) int { return 5625 + 10*i }

// program finds a program that the page's commands need.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("the recipes need %s: install it (.ci/run says how): %v", name, err)
	}
	return path
}

// hangUp ends what still runs: in order, so that scripts can stop what they have started, and then at all events.
func (x *terminal) hangUp(bash *exec.Cmd) {
	x.commands.Close()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		// That they have ended already is no error here.
		_ = syscall.Kill(-bash.Process.Pid, signal)
		if signal == syscall.SIGTERM && x.silent(hangUpWithin) {
			break
		}
	}
	if err := bash.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		x.t.Error(err)
	}
}

// silent waits until nothing can come any more: all that could write has ended.
func (x *terminal) silent(within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		select {
		case _, more := <-x.lines:
			if !more {
				return true
			}
		case <-timer.C:
			return false
		}
	}
}

// runAll runs a block to its end, where nothing may be left running.
func (x *terminal) runAll(b block) {
	x.t.Helper()
	for _, s := range b.steps {
		x.run(s)
	}
	x.run(step{at: "the end of " + b.at, command: "wait"})
}

// A curl in front has its status compared. One that only looks, at what others may still be about to do, is asked again until the
// answer is that of the page.
var (
	isCurl = regexp.MustCompile(`^curl\b`)
	isLook = regexp.MustCompile(`^curl (-s )?'?localhost:\S+( \||$)`)
)

// run runs one command and compares what comes with what the page shows.
func (x *terminal) run(s step) {
	x.t.Helper()
	command := x.real(s.command)
	want := s.want
	switch behind := strings.HasSuffix(command, "&"); {
	case !isCurl.MatchString(command):
		x.give(command, "")
		x.expect(s, want, true)
		return
	case isLook.MatchString(command):
		chaos.Until(x.t, lookWithin, s.at+": "+command, func() error {
			rest, err := x.ask(s, command)
			if err == nil && len(rest) > 0 {
				err = fmt.Errorf("the page has still %q", rest)
			}
			return err
		})
		return
	case behind: // it ends later, so that there is no status to compare
		x.give(strings.Replace(command, "curl ", "curl -sS ", 1), "")
		x.awaitDone(s)
	default:
		var err error
		if want, err = x.ask(s, command); err != nil {
			x.t.Fatalf("%s: %s\n%v", s.at, command, err)
		}
	}
	x.expect(s, want, false) // from what runs behind
}

// real makes a command of the page one that can be run here.
func (x *terminal) real(command string) string {
	command = strings.ReplaceAll(x.bound.real(command), "/var/lib/sidelock", x.group.Nodes[0].Dir)
	for i, n := range x.group.Nodes {
		command = strings.ReplaceAll(command, fmt.Sprintf("SIDELOCK=http://localhost:%d", port(i)), "SIDELOCK=http://"+n.API)
	}
	if x.also != nil {
		command = x.also.Replace(command)
	}
	return command
}

func (x *terminal) give(command, answer string) {
	x.t.Helper()
	if _, err := fmt.Fprintf(x.commands, "%s\n%s\n", answer, command); err != nil {
		x.t.Fatalf("%s: the terminal is gone: %v", command, err)
	}
}

// ask runs a curl that gives one answer, and returns what the page shows beyond it.
func (x *terminal) ask(s step, command string) (rest []string, err error) {
	x.t.Helper()
	answer := filepath.Join(x.home, "answer")
	x.give(strings.Replace(command, "curl ", `curl -sS -w '%{stderr}%{http_code}' `, 1), answer)
	x.awaitDone(s)
	code, err := os.ReadFile(answer + ".status")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(answer)
	if err != nil {
		return nil, err
	}
	if string(code) != s.status {
		return nil, fmt.Errorf("status %s, the page says %q: %s", code, s.status, text)
	}
	trial, rest := x.bound.clone(), s.want
	for came := range strings.Lines(string(text)) {
		came = strings.TrimSpace(came)
		if len(rest) == 0 {
			return nil, fmt.Errorf("came:  %s\nthe page has nothing more", came)
		}
		if err := trial.match(rest[0], came); err != nil {
			return nil, fmt.Errorf("came:  %s\n%w", came, err)
		}
		rest = rest[1:]
	}
	x.bound = trial
	return rest, nil
}

// awaitDone waits for the command to end, and keeps what comes meanwhile from what runs behind.
func (x *terminal) awaitDone(s step) {
	x.t.Helper()
	timer := time.NewTimer(commandWithin)
	defer timer.Stop()
	for {
		select {
		case line, more := <-x.lines:
			switch {
			case !more:
				x.t.Fatalf("%s: %s\nthe terminal has ended", s.at, s.command)
			case line == done:
				return
			}
			x.kept = append(x.kept, line)
		case <-timer.C:
			x.t.Fatalf("%s: %s\nstill running after %s", s.at, s.command, commandWithin)
		}
	}
}

// noise is what may come any number of times: signs of life, and what bash says of what was killed.
var noise = regexp.MustCompile(`"event":"(alive|queued|standby)"|^event: (alive|queued|standby)$|^id: \d+\.\d+$|bash: line \d+: +\d+ Killed `)

const anyLines = "…" // on the page: any lines, until the next one comes, be it another command's

// expect waits for lines, in this order, and if told so for the end of the command.
func (x *terminal) expect(s step, want []string, end bool) {
	x.t.Helper()
	timer := time.NewTimer(commandWithin)
	defer timer.Stop()
	for {
		if len(want) > 0 && want[0] == anyLines {
			x.loose, want = true, want[1:]
			continue
		}
		if len(want) == 0 && !end {
			return
		}
		line, more := "", true
		if len(x.kept) > 0 {
			line, x.kept = x.kept[0], x.kept[1:]
		} else {
			select {
			case line, more = <-x.lines:
			case <-timer.C:
				x.t.Fatalf("%s: %s\nafter %s these have not come: %q", s.at, s.command, commandWithin, want)
			}
		}
		err := errors.New("the page has nothing more")
		switch {
		case !more:
			x.t.Fatalf("%s: %s\nthe terminal has ended", s.at, s.command)
		case line == done && end:
			end = false
			continue
		case line == "":
			continue
		case len(want) > 0:
			err = x.bound.match(want[0], line)
		}
		if err == nil {
			want, x.loose = want[1:], false
		} else if !x.loose && !noise.MatchString(line) {
			x.t.Fatalf("%s: %s\ncame:  %s\n%v", s.at, s.command, line, err)
		}
	}
}
