package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
	"github.com/sidelock/sidelock/raftnode/store"
)

var survivorOfThree = raftnode.Survivor{
	Dir: "/var/lib/sidelock", ID: "n_me", ClusterID: "cluster-a", Replaced: []string{"cluster-z"}, Term: 7, Index: 914, Token: 48,
	Written: time.Date(2026, 1, 5, 3, 12, 5, 0, time.UTC),
	Members: []raftnode.Member{{ID: "n_me", Role: raftnode.Voter}, {ID: "n_b", Name: "web-1", Address: "10.0.0.2:5626", Role: raftnode.Voter}, {ID: "n_c", Role: raftnode.Spare}},
	Counts:  lease.Counts{Leases: 3, LocksHeld: 1, ElectionsLed: 2},
}

// recovery is a recovery under test, and what came of it.
type recovery struct {
	outcome
	dir   string
	asked bool  // the survivor was shown
	went  bool  // on
	err   error // of ask
}

// recoverWith runs the command at a terminal, or not, at which a person types.
func recoverWith(t *testing.T, terminal bool, typed string, args ...string) *recovery {
	t.Helper()
	var stdout, stderr bytes.Buffer
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := io.WriteString(out, typed); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	r := &recovery{}
	c := &call{
		app: App{Recover: func(dir, release string, ask func(raftnode.Survivor) error) (raftnode.Recovered, error) {
			r.dir, r.asked = dir, true
			if r.err = ask(survivorOfThree); r.err != nil {
				return raftnode.Recovered{}, r.err
			}
			r.went = true
			return raftnode.Recovered{ClusterID: "cluster-b", Replaced: "cluster-a", Token: 4711}, nil
		}},
		env:   newEnvironment([]string{"HOME=/h"}),
		host:  host{terminal: func(w io.Writer) bool { return terminal && w == in }, zone: time.UTC},
		stdin: in, stdout: &stdout, stderr: &stderr, signals: make(chan os.Signal), exit: func(int) {}, faults: &faults{},
	}
	r.code = run(append([]string{"recover"}, args...), c)
	r.stdout, r.stderr = stdout.String(), stderr.String()
	return r
}

func TestRecoverShowsWhatSurvivorsAreComparedByAndWhatIsLost(t *testing.T) {
	r := recoverWith(t, true, "cluster-a\n", "--data-dir", "/d")
	if r.code != ExitOK || !r.went || r.dir != "/d" {
		t.Fatalf("%+v", r)
	}
	mustContain(t, r.stdout, "/var/lib/sidelock", "term 7, index 914, written 2026-01-05 03:12:05", "cluster         cluster-a", "which has replaced cluster-z",
		"3 leases, 1 held lock, 2 led elections, 0 waiters; last fencing token 48", "this one  voter  -", "web-1     voter  10.0.0.2:5626  n_b", "-         spare  -",
		"highest term", "WARNING:", "never be started on their old data again",
		"cluster cluster-b, in place of cluster-a. Every fencing token from now on is above 4711.", "Next: start its sidecar")
}

func TestRecoverGoesOnOnlyAfterTheRightWord(t *testing.T) {
	for typed, goes := range map[string]bool{"yes\n": true, " cluster-a \n": true, "cluster-a": true, "y\n": false, "YES\n": false, "\n": false, "cluster-b\n": false, "no\nyes\n": false} {
		r := recoverWith(t, true, typed)
		if r.went != goes || r.dir != "/h/.local/state/sidelock" {
			t.Errorf("%q: %+v", typed, r)
		}
		if !goes && (r.code != ExitFailed || !strings.Contains(r.stderr, "nothing was changed") || strings.Contains(r.stdout, "Recovered")) {
			t.Errorf("%q: exit code %d: %s", typed, r.code, r.stderr)
		}
	}
}

func TestRecoverWithNobodyToAskNeedsYes(t *testing.T) {
	for what, r := range map[string]*recovery{"no terminal": recoverWith(t, false, "yes\n"), "nobody types": recoverWith(t, true, "")} {
		if r.went || r.code != ExitUsage || !strings.Contains(r.stderr, "--yes") || !strings.Contains(r.stdout, "term 7, index 914") {
			t.Errorf("%s: exit code %d: %s", what, r.code, r.stderr)
		}
	}
	if r := recoverWith(t, false, "", "--yes"); !r.went || r.code != ExitOK || strings.Contains(r.stdout, "Type") {
		t.Errorf("--yes: %+v", r)
	}
}

func TestRecoverShowChangesNothing(t *testing.T) {
	r := recoverWith(t, true, "yes\n", "--show")
	if r.went || r.code != ExitOK || !strings.Contains(r.stdout, "term 7, index 914") || strings.Contains(r.stdout, "WARNING") {
		t.Errorf("%+v", r)
	}
	if r = recoverWith(t, true, "yes\n", "--show", "--yes"); r.asked || r.code != ExitUsage {
		t.Errorf("--show --yes: %+v", r)
	}
}

func TestCompactSaysWhatItGained(t *testing.T) {
	for want, done := range map[string]store.Compacted{
		"the log in /d took 128 MiB, and takes 900 KiB now":                        {Before: 128 << 20, After: 900 << 10},
		"the log in /d takes 32 KiB, and would not take less: nothing was changed": {Before: 32 << 10, After: 32 << 10},
	} {
		var stdout, stderr bytes.Buffer
		c := &call{env: newEnvironment(nil), host: host{terminal: func(io.Writer) bool { return false }}, stdout: &stdout, stderr: &stderr, faults: &faults{},
			app: App{Compact: func(dir, release string) (store.Compacted, error) { return done, nil }}}
		if code := run([]string{"compact", "--data-dir", "/d"}, c); code != ExitOK {
			t.Errorf("exit code %d: %s", code, stderr.String())
		}
		wantText(t, stdout.String(), want)
		c.app.Compact = func(string, string) (store.Compacted, error) { return done, errors.New("the disk is full") }
		if code := run([]string{"compact", "--data-dir", "/d"}, c); code != ExitFailed || !strings.Contains(stderr.String(), "sidelock compact: the disk is full") {
			t.Errorf("exit code %d: %s", code, stderr.String())
		}
	}
}
