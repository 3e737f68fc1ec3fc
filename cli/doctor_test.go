package cli

import (
	"encoding/json"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/cli/doctor"
)

// soundPlace are arguments that leave a doctor nothing to find, and the directory that they name.
func soundPlace(t *testing.T) (args []string, dir string) {
	t.Helper()
	dir = t.TempDir()
	args = []string{"doctor", "--data-dir", dir + "/d"}
	for _, flag := range []string{"--api-addr", "--peer-addr"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, flag, l.Addr().String())
		l.Close()
	}
	return args, dir
}

func TestDoctorPrintsALineForEachFinding(t *testing.T) {
	args, dir := soundPlace(t)
	out := invoke(t, nil, args...)
	if out.code != ExitOK || out.served {
		t.Fatalf("exit code %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
	lines := strings.Split(strings.TrimSpace(out.stdout), "\n")
	for _, line := range lines[:len(lines)-2] {
		if verdict, rest, _ := strings.Cut(line, " "); !slices.Contains([]string{"ok", "warn"}, verdict) || strings.TrimSpace(rest) == "" {
			t.Errorf("%q", line)
		}
	}
	mustContain(t, out.stdout, "ok    configuration    node box", "ok    clock            it is ", "is new: the first start makes a new node there")
	mustContain(t, lines[len(lines)-1], "0 failures, ", " in order")
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestDoctorFindsAllThatServeWouldRefuse(t *testing.T) {
	args, dir := soundPlace(t)
	config := writeFile(t, "voters: 4\ncolour: blue\n")
	out := invoke(t, []string{"SIDELOCK_ZONE=a b", "SIDELOCK_COLOR=red"}, append(args, "--config", config, "--node", "a b", "--join", "10.0.0.2:5626", "--ops-addr", "nowhere")...)
	if out.code != ExitFailed {
		t.Errorf("exit code %d", out.code)
	}
	served := invoke(t, []string{"SIDELOCK_ZONE=a b"}, append([]string{"serve"}, append(args[1:], "--config", config, "--node", "a b", "--join", "10.0.0.2:5626", "--ops-addr", "nowhere")...)...)
	if served.code != ExitUsage {
		t.Fatalf("serve: exit code %d", served.code)
	}
	faults := strings.Split(served.stderr, "\n")
	if len(faults) < 7 {
		t.Fatalf("%q", faults)
	}
	for _, fault := range faults[1 : len(faults)-2] {
		mustContain(t, out.stdout, "fail  configuration    "+strings.TrimSpace(fault))
	}
	mustContain(t, out.stdout, "unknown key \"colour\"", "warn  configuration    environment variable SIDELOCK_COLOR is not known", "are looked at when the configuration is mended",
		"ok    data-dir         "+dir)
	if strings.Contains(out.stdout, "port ") {
		t.Errorf("it looks at ports that may not be meant:\n%s", out.stdout)
	}
}

func TestDoctorTakesWhatServeTakesAndRefusesWhatNobodyKnows(t *testing.T) {
	args, dir := soundPlace(t)
	out := invoke(t, []string{"SIDELOCK_NODE=from-env", "SIDELOCK_OUTPUT=json"}, args...)
	var document struct {
		OK       bool
		Findings []doctor.Finding
	}
	if err := json.Unmarshal([]byte(out.stdout), &document); err != nil || !document.OK || len(document.Findings) < 8 {
		t.Errorf("%v: %s", err, out.stdout)
	}
	mustContain(t, out.stdout, "node from-env")
	for _, bad := range [][]string{{"--voterz", "3"}, {"stray"}, {"--output", "xml"}, {"--output="}} {
		if out := invoke(t, nil, append(slices.Clone(args), bad...)...); out.code != ExitUsage || out.stdout != "" {
			t.Errorf("%v: exit code %d: %s%s", bad, out.code, out.stdout, out.stderr)
		}
	}
	l, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out = invoke(t, nil, append(args, "--api-socket", dir+"/s")...)
	if out.code != ExitFailed {
		t.Errorf("exit code %d", out.code)
	}
	mustContain(t, out.stdout, "fail  port             --api-socket "+dir+"/s: another program listens there. What to do: choose another", "1 failure, ")
}

// The address of a socket is absolute; a data directory need not be.
func TestDoctorFindsTheAdminSocketOfARelativeDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cfg := &ServeConfig{DataDir: "d"}
	if got, want := cfg.examined().AdminSocket, here+"/d/"+AdminSocket; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
