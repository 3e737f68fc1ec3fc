package recipes_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// job is a command of a script, which shows its process ID and, if it is stubborn, does not end when it is asked to.
const (
	job         = `sh -c 'echo $$ >pid; echo working; exec sleep 600'`
	stubbornJob = `sh -c 'trap "" TERM; echo $$ >pid; echo working; while :; do sleep 0.1; done'`
)

// alive tells whether the terminal's job runs. What has ended and whose end nobody has looked at yet does not.
func (x *terminal) alive() bool {
	x.t.Helper()
	pid, err := os.ReadFile(filepath.Join(x.dir, "pid"))
	if err != nil {
		x.t.Fatal(err)
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(pid)), "stat"))
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH):
		return false
	case err != nil:
		x.t.Fatal(err)
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// do runs a command that shows these lines.
func (x *terminal) do(command string, want ...string) {
	x.t.Helper()
	x.run(step{at: "here", command: command, want: want})
}

// TestNothingRunsOnWhenAnotherHasTheLock: the sidecar of every script hangs, so that nobody can tell it anything.
func TestNothingRunsOnWhenAnotherHasTheLock(t *testing.T) {
	t.Parallel()
	p := readPage(t, recipesPage)
	g := chaos.Start(t, 3)
	scripts := []struct {
		command string
		on      *terminal
		granted <-chan chaos.Answer // to another
	}{
		{command: `./hold.sh held ttl=15s -- ` + job},
		{command: `./hold.sh held-stubbornly ttl=15s -- ` + stubbornJob},
		{command: `./with-lock.sh locked 0 ttl=15s -- ` + job},
		{command: `./with-lock.sh locked-stubbornly 0 ttl=15s -- ` + stubbornJob},
	}
	for i := range scripts {
		s := &scripts[i]
		s.on = open(t, g, p)
		s.on.do(s.command+" &", "working")
		s.granted = later(g.Nodes[1], "/v1/locks/"+strings.Fields(s.command)[1])
	}
	bash, python := open(t, g, p), open(t, g, p)
	bash.do(`./elect.sh in-bash sh -c 'echo "web-0 works"' 2>/dev/null &`, "leading", "web-0 works")
	bash.do(`SIDELOCK=http://localhost:5635 ./elect.sh in-bash sh -c 'echo "web-1 works"' &`, anyLines, "standby")
	python.do(`./elect.py in-python web-0 2>/dev/null &`, "leading, token …")
	python.do(`SIDELOCK=http://localhost:5635 ./elect.py in-python web-1 2>/dev/null &`)
	python.run(step{at: "here", command: "curl -s localhost:5635/v1/elections/in-python | jq '.candidates | length'", status: "200", want: []string{"1"}})

	g.Nodes[0].Pause()
	for _, s := range scripts {
		if a := <-s.granted; a.Status != 201 {
			t.Errorf("another, in line for it while this runs: %s: %s", s.command, a)
		} else if s.on.alive() {
			t.Errorf("still runs when another has it: %s", s.command)
		}
	}
	python.await("not leading any more", "leading, token …")
	bash.await(anyLines, "leading", "web-1 works", "web-1 works", "web-1 works")
	g.Nodes[0].Resume()
	for line := ""; line != "lost"; {
		if line = bash.next(); line == "web-0 works" {
			t.Error("web-0 works while web-1 leads")
		}
	}
}

// await waits for lines of what runs behind.
func (x *terminal) await(want ...string) {
	x.t.Helper()
	x.expect(step{at: "here"}, want, false)
}

// next waits for the next line, of whatever runs.
func (x *terminal) next() string {
	x.t.Helper()
	timer := time.NewTimer(commandWithin)
	defer timer.Stop()
	select {
	case line, more := <-x.lines:
		if !more {
			x.t.Fatal("the terminal has ended")
		}
		return line
	case <-timer.C:
		x.t.Fatalf("no line in %s", commandWithin)
		return ""
	}
}

// later has another stand in line for a lock.
func later(n *chaos.Node, path string) <-chan chaos.Answer {
	answer := make(chan chaos.Answer, 1)
	go func() { answer <- n.Post(path, "wait", "50s", "owner", "another") }()
	return answer
}

// TestHoldScriptGoesOnThroughARestartOfItsSidecar: it comes back with the same lease, and the command does not notice.
func TestHoldScriptGoesOnThroughARestartOfItsSidecar(t *testing.T) {
	t.Parallel()
	const ttl = 15 * time.Second
	g := chaos.Start(t, 3)
	x := open(t, g, readPage(t, recipesPage))
	x.do(fmt.Sprintf("./hold.sh restarted ttl=%s -- %s 2>/dev/null &", ttl, job), "working")
	before := g.Nodes[1].Get("/v1/locks/restarted").Want(t, 200).Body.Holders
	killed := time.Now()
	g.Nodes[0].Kill()
	g.Nodes[0].Start()
	chaos.Until(t, 30*time.Second, "the first lease to have ended, had it not been renewed", func() error {
		after := g.Nodes[1].Get("/v1/locks/restarted").Want(t, 200).Body.Holders
		if len(after) != 1 || after[0].Token != before[0].Token || !x.alive() {
			t.Fatalf("%s after the kill: held by %v, as before by %v; the command runs: %v", time.Since(killed), after, before, x.alive())
		}
		if time.Since(killed) < ttl+2*time.Second {
			return errors.New("not yet")
		}
		return nil
	})
	x.do("kill %1")
	x.do("wait")
	if x.alive() {
		t.Error("the command outlives the script")
	}
	if a := g.Nodes[1].Get("/v1/locks/restarted").Want(t, 200); a.Body.State != "free" {
		t.Errorf("not released: %s", a)
	}
}

// TestCommandOfAKilledHoldScriptEnds: a script that is killed can stop nothing any more.
func TestCommandOfAKilledHoldScriptEnds(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 1)
	x := open(t, g, readPage(t, recipesPage))
	x.do("./hold.sh killed -- "+job+" &", "working")
	granted := later(g.Nodes[0], "/v1/locks/killed")
	x.do("kill -9 $!")
	if a := <-granted; a.Status != 201 {
		t.Fatalf("%s", a)
	}
	chaos.Until(t, 10*time.Second, "the command to end", func() error {
		if x.alive() {
			return errors.New("still there")
		}
		return nil
	})
}
