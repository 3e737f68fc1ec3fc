package chaos_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// application is what holds locks in real life: processes, started by a shell, that print what a stream says.
type application struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan chaos.Frame
}

// startApplication runs a shell command, all of whose processes are a group of their own. It prints one frame a line.
func startApplication(t *testing.T, command string) *application {
	t.Helper()
	a := &application{t: t, cmd: exec.Command("sh", "-c", command), lines: make(chan chaos.Frame, 1000)}
	a.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		a.read(out)
	}()
	t.Cleanup(func() {
		a.signal(syscall.SIGKILL)
		<-read
		_ = a.cmd.Wait() // it was killed
	})
	return a
}

func (a *application) read(out io.Reader) {
	defer close(a.lines)
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		f := chaos.Frame{At: time.Now(), Raw: scanner.Text()}
		if err := json.Unmarshal(scanner.Bytes(), &f); err != nil {
			a.t.Errorf("the application printed %q: %v", f.Raw, err)
		}
		a.lines <- f
	}
}

// signal reaches every process of the application. That they have ended is no error.
func (a *application) signal(s syscall.Signal) { _ = syscall.Kill(-a.cmd.Process.Pid, s) }

func (a *application) await(event string) chaos.Frame {
	a.t.Helper()
	for timeout := time.After(15 * time.Second); ; {
		select {
		case f, ok := <-a.lines:
			if !ok {
				a.t.Fatalf("the application ended before it printed %s", event)
			}
			if f.Event == event {
				return f
			}
		case <-timeout:
			a.t.Fatalf("the application printed no %s", event)
		}
	}
}

// curl is the command that holds a name through a node.
func curl(n *chaos.Node, path string, pairs ...string) string {
	words := []string{"curl", "-sN", "-X", "POST"}
	for i := 0; i+1 < len(pairs); i += 2 {
		words = append(words, "-d", pairs[i]+"="+pairs[i+1])
	}
	return strings.Join(append(words, "http://"+n.API+path+"/hold"), " ")
}

// wantSoon checks that something came of something else at once. Where the Raft leader changed in between, there is no saying.
func wantSoon(t *testing.T, g *chaos.Group, term uint64, from, at time.Time, what string) {
	t.Helper()
	const soon = time.Second
	took := at.Sub(from)
	switch {
	case took <= soon:
	case groupTerm(g) == term:
		t.Errorf("%s took %s, more than %s", what, took, soon)
	default:
		t.Logf("%s took %s, with a change of Raft leader in between", what, took)
	}
}

// groupTerm is the highest term that a running node knows of.
func groupTerm(g *chaos.Group) (highest uint64) {
	for _, n := range g.Nodes {
		if n.Answers() {
			highest = max(highest, n.Get("/v1/cluster").Body.Term)
		}
	}
	return highest
}

// TestKilledHoldersLockGoesToTheNextWaiterAtOnce kills real processes that hold with a TTL of a minute. Who waits in line, at another
// sidecar, holds within a second.
func TestKilledHoldersLockGoesToTheNextWaiterAtOnce(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	path := "/v1/locks/job"
	for i, n := range g.Nodes {
		other, third := g.Nodes[(i+1)%3], g.Nodes[(i+2)%3]
		for _, how := range []struct{ what, command string }{
			{"curl", "exec " + curl(n, path, "ttl", "60s", "owner", "curl")},
			// All that belongs to a script dies with it, as in a container.
			{"a script fed by curl", curl(n, path, "ttl", "60s", "owner", "script") + " | while read -r line; do echo \"$line\"; done"},
		} {
			app := startApplication(t, how.command)
			held := app.await("held")
			waiting := other.Hold(path, "ttl", "60s", "owner", "next").Begun(t)
			waiting.Await(10*time.Second, "queued")
			plain := make(chan chaos.Answer, 1)
			go func() { plain <- third.Post(path, "ttl", "60s", "owner", "last", "wait", "50s") }()
			awaitQueue(t, n, "job", "next", "last")

			term, killed := groupTerm(g), time.Now()
			app.signal(syscall.SIGKILL)
			next := waiting.Await(20*time.Second, "held")
			wantSoon(t, g, term, killed, next.At, "the next waiter's grant after "+how.what+" was killed")
			term, closed := groupTerm(g), time.Now()
			waiting.Close()
			last := <-plain
			last.Want(t, 201)
			wantSoon(t, g, term, closed, last.Got, "a waiting request's grant after a stream was closed")
			wantRising(t, held.Token, next.Token, last.Body.Token)
			n.Delete(path, "lease", last.Body.Lease).Want(t, 200)
		}
	}
	past := g.Nodes[0].Get(path+"/history").Want(t, 200).Body
	ends := map[string]int{}
	for _, p := range past.Notable {
		if p.Event == "disconnected" {
			ends[p.Owner]++
		}
	}
	if ends["curl"] != 3 || ends["script"] != 3 || ends["next"] != 6 || len(past.Notable) != 12 {
		t.Errorf("what the history tells of the ends: %v, want each as disconnected: %+v", ends, past.Notable)
	}
}

// TestScriptThatDiesAloneLosesItsHoldAtTheNextFrame kills the reader of what curl prints, and not curl: that ends when it has
// something to print.
func TestScriptThatDiesAloneLosesItsHoldAtTheNextFrame(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	const ttl, every = 9 * time.Second, 3 * time.Second // the longest silence is a third of the TTL
	path := "/v1/locks/job"
	// The script tells its own process ID in place of an owner.
	app := startApplication(t, curl(g.Nodes[0], path, "ttl", ttl.String(), "owner", "script")+
		" | sh -c 'read -r line; echo \"$line\"; echo \"{\\\"event\\\":\\\"pid\\\",\\\"position\\\":$$}\"; while read -r line; do echo \"$line\"; done'")
	app.await("held")
	script := app.await("pid").Position
	waiting := g.Nodes[1].Hold(path, "ttl", "60s").Begun(t)
	waiting.Await(10*time.Second, "queued")
	app.await("alive")
	term, killed := groupTerm(g), time.Now()
	if err := syscall.Kill(script, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	next := waiting.Await(ttl*3, "held")
	wantSoon(t, g, term, killed.Add(every), next.At, "the grant after the frame that a dead script did not read")
}

// TestStoppedApplicationKeepsItsHold stops a process that holds, for several times the TTL: it is not dead.
func TestStoppedApplicationKeepsItsHold(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	const ttl = time.Second
	n, other := g.Nodes[0], g.Nodes[1]
	app := startApplication(t, "exec "+curl(n, "/v1/locks/job", "ttl", ttl.String(), "owner", "curl"))
	held := app.await("held")
	waiting := other.Hold("/v1/locks/job", "ttl", "60s").Begun(t)
	app.signal(syscall.SIGSTOP)
	for end := time.Now().Add(5 * ttl); time.Now().Before(end); {
		f, err := waiting.Next(time.Until(end))
		if err == nil && f.Event != "queued" || err != nil && err != chaos.ErrQuiet {
			t.Fatalf("a stopped holder lost its place: %s %v", f, err)
		}
	}
	wantHolder(t, other, "job", "curl", held.Token)
	app.signal(syscall.SIGCONT)
	woke := time.Now()
	for f := app.await("alive"); f.At.Before(woke.Add(ttl)); f = app.await("alive") {
	}
	wantHolder(t, n, "job", "curl", held.Token)
	// And it is let go like any other.
	app.signal(syscall.SIGSTOP)
	term, killed := groupTerm(g), time.Now()
	app.signal(syscall.SIGKILL)
	wantSoon(t, g, term, killed, waiting.Await(10*time.Second, "held").At, "the grant after a stopped holder was killed")
}
