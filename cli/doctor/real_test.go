package doctor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/cli/doctor"
	"github.com/sidelock/sidelock/internal/chaos"
)

// diagnosis is what `sidelock doctor` says.
type diagnosis struct {
	chaos.Ran
	OK       bool
	Findings []doctor.Finding
}

// consult has a doctor look at a node, with the settings that the node is started with, and more.
func consult(t *testing.T, n *chaos.Node, more ...string) diagnosis {
	t.Helper()
	d := diagnosis{Ran: n.Command("doctor", append(more, "--output", "json")...)}
	if err := json.Unmarshal([]byte(d.Stdout), &d); err != nil {
		t.Fatalf("exit code %d, %v: %s\n%s", d.Code, err, d.Stdout, d.Stderr)
	}
	if d.OK != (d.Code == 0) || d.OK == slices.ContainsFunc(d.Findings, func(f doctor.Finding) bool { return f.Verdict == doctor.Fail }) {
		t.Errorf("exit code %d, ok is %v: %+v", d.Code, d.OK, d.Findings)
	}
	return d
}

// want fails unless a finding of the check has the verdict and says all that.
func (d diagnosis) want(t *testing.T, v doctor.Verdict, c doctor.Check, says ...string) {
	t.Helper()
	for _, f := range d.Findings {
		text := f.Subject + ": " + f.Found + ". " + f.Do
		if f.Check == c && f.Verdict == v && !slices.ContainsFunc(says, func(s string) bool { return !strings.Contains(text, s) }) {
			return
		}
	}
	t.Errorf("no %s of %s that says %q:\n%s", v, c, says, d.Stdout)
}

// wantAllWell fails if anything is wrong, but the pace of a disk that many tests use at once.
func (d diagnosis) wantAllWell(t *testing.T) {
	t.Helper()
	for _, f := range d.Findings {
		if f.Verdict != doctor.OK && f.Check != doctor.Fsync && f.Check != doctor.Disk {
			t.Errorf("%+v", f)
		}
	}
}

// picture is all that can be seen of the files below a directory, times included.
func picture(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, info.Mode(), info.Size(), info.ModTime())
		if e.Type().IsRegular() {
			content, err := os.ReadFile(path)
			fmt.Fprintf(&b, "%x\n", content)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// secret makes a file of a peer secret.
func secret(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const (
	ourSecret   = "kBq2VxR7mZs9TfLw3YhNc8DpJg5Aua4E"
	otherSecret = "Zr8WnXy4PqHt6MbVk2JdFs9GcLe3Ua7B"
)

func TestHealthyGroupIsInOrderAndNotDisturbed(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3, "--peer-secret-file", secret(t, "secret", ourSecret), "--ops-addr", "127.0.0.1:0")
	n, stopped := g.Others(g.Leader())[0], g.Others(g.Leader())[1]
	held := n.Post("/v1/locks/nightly", "ttl", "5m").Want(t, 201).Body
	logs := map[*chaos.Node]int{}
	for _, n := range g.Nodes {
		logs[n] = len(n.Log())
	}
	term := n.Get("/v1/cluster").Want(t, 200).Body.Term
	for _, n := range g.Nodes {
		d := consult(t, n)
		d.wantAllWell(t)
		d.want(t, doctor.OK, doctor.Sidecar, n.Name+" runs (voter) and is ready")
		d.want(t, doctor.OK, doctor.Port, "--peer-addr "+n.Peer, "the sidecar that runs here")
		d.want(t, doctor.OK, doctor.Quorum, "of 3 voters 1 may be lost")
		for _, other := range g.Others(n) {
			d.want(t, doctor.OK, doctor.Peer, other.Peer, other.Name)
			d.want(t, doctor.OK, doctor.WayBack, other.Name+" to "+n.Peer)
		}
	}
	for _, n := range g.Nodes {
		if said := n.Log()[logs[n]:]; strings.Contains(said, "level=WARN") || strings.Contains(said, "level=ERROR") {
			t.Errorf("%s was disturbed: %s", n.Name, said)
		}
	}
	if now := n.Get("/v1/cluster").Want(t, 200).Body; now.Term != term || len(now.Members) != 3 {
		t.Errorf("the group is another: %+v", now)
	}
	n.Put("/v1/locks/nightly", "lease", held.Lease).Want(t, 200)

	stopped.Terminate()
	if code := stopped.Wait(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	before := picture(t, stopped.Dir)
	d := consult(t, stopped)
	d.wantAllWell(t)
	d.want(t, doctor.OK, doctor.Sidecar, "none runs")
	d.want(t, doctor.OK, doctor.DataDir, "was opened 1 time, and is sound")
	d.want(t, doctor.OK, doctor.WayBack, n.Name+" reaches this node")
	d.want(t, doctor.OK, doctor.Quorum, "the group has a Raft leader")
	if after := picture(t, stopped.Dir); after != before {
		t.Errorf("the data directory was\n%.3000s\nand is\n%.3000s", before, after)
	}
	stopped.Start()
	g.AwaitReady()
	if now := n.Get("/v1/cluster").Want(t, 200).Body; now.Tolerance != 1 || len(now.Members) != 3 {
		t.Errorf("it did not come back as it was: %+v", now)
	}
}

func TestSecretOfAnotherGroupIsRefusedByName(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3, "--peer-secret-file", secret(t, "secret", ourSecret))
	n := g.Others(g.Leader())[0]
	n.Kill()
	d := consult(t, n, "--peer-secret-file", secret(t, "other", otherSecret))
	for _, other := range g.Others(n) {
		d.want(t, doctor.Fail, doctor.Peer, other.Peer, "secret")
	}
	d = consult(t, n, "--peer-secret-file", secret(t, "short", "too short"))
	d.want(t, doctor.Fail, doctor.PeerTrust, "at least 32")
	d.want(t, doctor.Warn, doctor.Peer, "2 peers were not visited")
	d = consult(t, n, "--peer-secret-file", "")
	if !regexp.MustCompile(`--peer-secret-file: is empty`).MatchString(d.Stdout) || d.Code != 1 {
		t.Errorf("exit code %d: %s", d.Code, d.Stdout)
	}
}

func TestPeerThatCannotDialBackIsFound(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	n := g.Others(g.Leader())[0]
	others := g.Others(n)
	n.Terminate()
	n.Wait()
	nowhere := "127.0.0.1:9" // discard: nobody listens
	d := consult(t, n, "--peer-advertise", nowhere)
	for _, other := range others {
		d.want(t, doctor.OK, doctor.Peer, other.Peer)
		d.want(t, doctor.Fail, doctor.WayBack, other.Name+" cannot reach this node", nowhere, "--peer-advertise")
	}
	d = consult(t, n, "--peer-advertise", others[0].Peer)
	d.want(t, doctor.Fail, doctor.WayBack, "what "+others[1].Name+" reaches there is another node, "+others[0].Name)
	others[0].Kill()
	chaos.Until(t, 10*time.Second, others[1].Name+" to miss the others", func() error {
		if r := others[1].Roles(); len(r.Ill) != 2 || r.Tolerance >= 0 {
			return fmt.Errorf("it knows %s", r)
		}
		return nil
	})
	d = consult(t, n)
	d.want(t, doctor.Fail, doctor.Peer, others[0].Peer, "is not reachable", "start the sidecar there")
	d.want(t, doctor.Fail, doctor.Quorum, "nobody who answers knows of a Raft leader")
	d = consult(t, others[1])
	d.want(t, doctor.Fail, doctor.Peer, others[0].Peer)
	d.want(t, doctor.Fail, doctor.Quorum, "no Raft leader and no majority", others[0].Name, n.Name, "sidelock recover")
}

func TestDamagedDirectoryIsFoundAndLeftAlone(t *testing.T) {
	t.Parallel()
	n := chaos.Start(t, 1).Nodes[0]
	n.Post("/v1/locks/nightly", "ttl", "5m").Want(t, 201)
	d := consult(t, n, "--cluster-size", "3", "--join", n.Peer)
	d.want(t, doctor.OK, doctor.DataDir, "in use by the sidecar")
	n.Terminate()
	n.Wait()
	d = consult(t, n, "--cluster-size", "3", "--join", n.Peer)
	d.want(t, doctor.Fail, doctor.DataDir, "belongs to a group of one, and --cluster-size is 3", "start it with --cluster-size 1 and let the others join it (--cluster-state existing)")
	file := filepath.Join(n.Dir, "raft.db")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content[:len(content)/16], 0o600); err != nil {
		t.Fatal(err)
	}
	before := picture(t, n.Dir)
	d = consult(t, n)
	d.want(t, doctor.Fail, doctor.DataDir, file, "damaged or cut off", "Way out")
	if picture(t, n.Dir) != before {
		t.Error("the damaged directory was changed")
	}
	if err := errors.Join(os.WriteFile(file, content, 0o600), os.Chmod(n.Dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	consult(t, n).want(t, doctor.Warn, doctor.DataDir, "chmod 700")
}
