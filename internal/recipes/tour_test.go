package recipes_test

import (
	"bufio"
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
	tourPage      = "docs/tour.md"
	devBlock      = "```console dev"
	devWithin     = 60 * time.Second // for `sidelock dev` to say all, and to end
	devLeader     = "n3"             // on the page
	devLastLine   = "Ctrl-C stops everything."
	devNodesOnTop = 3
)

// TestTourIsTrue runs `sidelock dev` and then all terminals of the tour as one. The page's sidecar that is the Raft leader is the one that
// is it here.
func TestTourIsTrue(t *testing.T) {
	t.Parallel()
	p := readPage(t, tourPage)
	if len(p.blocks) < 10 {
		t.Fatalf("only %d terminals on %s", len(p.blocks), tourPage)
	}
	g, leader := startDev(t, p)
	x := open(t, g, p, "SIDELOCK_SERVER=http://"+g.Nodes[0].API, "PATH="+filepath.Dir(chaos.Binary())+string(os.PathListSeparator)+os.Getenv("PATH"))
	x.also = strings.NewReplacer(
		"--server localhost:5635", "--server http://"+g.Nodes[1].API,
		"kill -9 "+devPID(t, devOnPage(t, p)), "kill -9 "+leader.pid)
	for i, b := range p.blocks {
		if i == len(p.blocks)-1 { // what it began and does not end, once it is not looked at any more
			x.loose = true
		}
		for _, s := range b.steps {
			for i, line := range s.want {
				s.want[i] = strings.Replace(line, "not healthy: "+devLeader+" ", "not healthy: "+leader.name+" ", 1)
			}
			x.run(s)
		}
	}
}

// devNode is a line of what dev prints.
type devNode struct{ name, api, pid, role string }

var devLine = regexp.MustCompile(`(?m)^(n\d) +http://(\S+) +(\d+) +(voter|Raft leader)$`)

func devNodes(t *testing.T, printed string) (others []devNode, leader devNode) {
	t.Helper()
	for _, m := range devLine.FindAllStringSubmatch(printed, -1) {
		if n := (devNode{m[1], m[2], m[3], m[4]}); n.role == "Raft leader" {
			leader = n
		} else {
			others = append(others, n)
		}
	}
	if len(others) != devNodesOnTop-1 || leader.pid == "" {
		t.Fatalf("not two voters and a Raft leader:\n%s", printed)
	}
	return others, leader
}

// devPID is the Raft leader's.
func devPID(t *testing.T, printed string) string {
	t.Helper()
	_, leader := devNodes(t, printed)
	return leader.pid
}

// devOnPage is what the page says that dev prints.
func devOnPage(t *testing.T, p page) string {
	t.Helper()
	_, after, found := strings.Cut(readText(t, p.path), devBlock+"\n$ sidelock dev\n")
	printed, _, _ := strings.Cut(after, "```")
	if _, leader := devNodes(t, printed); !found || leader.name != devLeader {
		t.Fatalf("%s: what dev prints is not there, or the Raft leader is not %s", p.path, devLeader)
	}
	return printed
}

// startDev runs `sidelock dev` on free ports, compares what it prints with the page, and returns its sidecars, the Raft leader last.
func startDev(t *testing.T, p page) (*chaos.Group, devNode) {
	t.Helper()
	dev := exec.Command(chaos.Binary(), "dev", "--base-port", "0", "--log-level", "error")
	dev.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	dev.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := dev.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 4096)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	t.Cleanup(func() { endDev(t, dev, lines) })
	printed := ""
	timer := time.NewTimer(devWithin)
	defer timer.Stop()
	for !strings.Contains(printed, devLastLine) {
		select {
		case line, more := <-lines:
			if !more {
				t.Fatalf("dev has ended:\n%s", printed)
			}
			printed += line + "\n"
		case <-timer.C:
			t.Fatalf("dev has not said all after %s:\n%s", devWithin, printed)
		}
	}
	if onPage := devOnPage(t, p); devShape(onPage) != devShape(printed) {
		t.Errorf("dev prints\n%s\nthe page has\n%s", printed, onPage)
	}
	others, leader := devNodes(t, printed)
	g := &chaos.Group{}
	for _, n := range append(others, leader) {
		g.Nodes = append(g.Nodes, &chaos.Node{Name: n.name, API: n.api})
	}
	return g, leader
}

func endDev(t *testing.T, dev *exec.Cmd, lines <-chan string) {
	if err := dev.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	kill := time.AfterFunc(devWithin, func() { _ = syscall.Kill(-dev.Process.Pid, syscall.SIGKILL) })
	defer kill.Stop()
	for range lines {
	}
	if err := dev.Wait(); err != nil {
		t.Errorf("dev: %v", err)
	}
}

// devShape is what must be equal: not numbers, directories, widths and who is the Raft leader.
func devShape(printed string) string {
	for _, r := range []struct{ from, to string }{{`\S*sidelock-dev-\d+`, "DIR"}, {`\d+`, "0"}, {`Raft leader$`, "voter"}, {` +`, " "}} {
		printed = regexp.MustCompile("(?m)"+r.from).ReplaceAllString(printed, r.to)
	}
	return printed
}
