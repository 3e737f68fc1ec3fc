package doctor_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/cli/doctor"
	"github.com/sidelock/sidelock/internal/chaos"
)

func TestTwinOnACopyOfTheDirectoryIsFound(t *testing.T) {
	t.Parallel()
	n := chaos.Start(t, 1).Nodes[0]
	n.Pause()
	twin := chaos.Empty(t).Add(n.Name, "--cluster-size", "1", "--join", n.Peer)
	n.CopyTo(twin.Dir)
	n.Resume()
	d := consult(t, twin)
	d.want(t, doctor.OK, doctor.Sidecar, "none runs")
	d.want(t, doctor.Fail, doctor.Peer, n.Peer, "another process with this directory's identity", "is a copy")
	consult(t, twin, "--peer-addr", n.Peer).want(t, doctor.Fail, doctor.Port, "--peer-addr", "another process with this directory's identity", "is a copy")
}

// wantNothingStopped fails if it is advised to stop whatever has a port, and the port is that of the sidecar itself.
func wantNothingStopped(t *testing.T, d diagnosis) {
	t.Helper()
	for _, f := range d.Findings {
		if f.Check == doctor.Port && (f.Verdict == doctor.Fail || strings.Contains(f.Do, "stop that")) {
			t.Errorf("%+v", f)
		}
	}
}

func TestOwnSidecarThatSpeaksWithAnotherSecretIsNoOtherProgram(t *testing.T) {
	t.Parallel()
	n := chaos.Plan(t, 1).Nodes[0]
	n.Start("--peer-secret-file", secret(t, "secret", ourSecret))
	n.AwaitReady()
	for _, asked := range [][]string{nil, {"--peer-secret-file", secret(t, "other", otherSecret)}} {
		d := consult(t, n, asked...)
		wantNothingStopped(t, d)
		d.want(t, doctor.Warn, doctor.Port, "--peer-addr", "probably the sidecar that runs here (PID ", "speaks with another secret")
	}
}

func TestOwnSidecarThatIsPausedIsNoOtherProgram(t *testing.T) {
	t.Parallel()
	n := chaos.Empty(t).Add("n1", "--cluster-size", "1")
	socket := filepath.Join(filepath.Dir(n.Dir), "api.sock")
	n.Tell("--api-socket", socket)
	n.Start()
	n.AwaitReady()
	n.Pause()
	defer n.Resume()
	d := consult(t, n)
	wantNothingStopped(t, d)
	for _, flag := range []string{"--api-addr " + n.API, "--peer-addr " + n.Peer, "--api-socket " + socket} {
		d.want(t, doctor.Warn, doctor.Port, flag, "probably the sidecar that runs here (PID ", "does not answer")
	}
	d.want(t, doctor.Fail, doctor.Sidecar, "takes connections and does not answer")
	if strings.Contains(d.Stdout, "sidelock: get the cluster") || strings.Contains(d.Stdout, "deadline exceeded") {
		t.Errorf("it shows what is meant for programs: %s", d.Stdout)
	}
	asked := n.Run("status", "--server", n.API)
	if asked.Code != 1 || !strings.Contains(asked.Stderr, "takes connections and does not answer") || strings.Contains(asked.Stderr, "sidelock serve") {
		t.Errorf("exit code %d: %s", asked.Code, asked.Stderr)
	}
}

// TestOwnSidecarWithoutAnAdminSocketIsKnownByItsPorts: the path of the socket would be too long for one.
func TestOwnSidecarWithoutAnAdminSocketIsKnownByItsPorts(t *testing.T) {
	t.Parallel()
	n := chaos.Empty(t).Add("n1", "--cluster-size", "1")
	n.Dir = filepath.Join(n.Dir, strings.Repeat("x", 120))
	n.Start()
	n.AwaitReady()
	d := consult(t, n)
	d.want(t, doctor.Warn, doctor.Configuration, "is too long for a socket", "choose a shorter --data-dir")
	d.want(t, doctor.Warn, doctor.Sidecar, "the path of its admin socket is too long")
	d.want(t, doctor.OK, doctor.DataDir, "is in use by the sidecar (PID ")
	d.want(t, doctor.OK, doctor.Port, "--api-addr "+n.API, "the sidecar that runs here")
	d.want(t, doctor.OK, doctor.Port, "--peer-addr "+n.Peer, "the sidecar that runs here")
}

func TestWhetherThereIsAGroupIsNotKnownWhereNobodyCouldBeAsked(t *testing.T) {
	t.Parallel()
	n := chaos.Plan(t, 1).Nodes[0]
	n.Start("--peer-secret-file", secret(t, "secret", ourSecret))
	n.AwaitReady()
	fresh := chaos.Empty(t).Add("n2", "--cluster-size", "3", "--join", n.Peer)
	for _, asked := range [][]string{nil, {"--join", n.API}, {"--peer-secret-file", secret(t, "other", otherSecret)}, {"--peer-secret-file", secret(t, "short", "too short")}} {
		d := consult(t, fresh, asked...)
		d.want(t, doctor.Warn, doctor.Cluster, "whether there is a group is not known")
		if strings.Contains(d.Stdout, "there is no group yet") {
			t.Errorf("%v: nobody said so: %s", asked, d.Stdout)
		}
	}
}
