package doctor_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sidelock/sidelock/cli/doctor"
	"github.com/sidelock/sidelock/internal/chaos"
	"github.com/sidelock/sidelock/metrics"
	"github.com/sidelock/sidelock/raftnode"
)

func TestTwoClustersWhereOneIsMeantAreFound(t *testing.T) {
	t.Parallel()
	a, b := chaos.Start(t, 1).Nodes[0], chaos.Start(t, 1).Nodes[0]
	fresh := chaos.Empty(t).Add("n9", "--cluster-size", "3", "--join", a.Peer, "--join", b.Peer)
	consult(t, fresh).want(t, doctor.Fail, doctor.Cluster, "--join leads to 2 clusters", a.Get("/v1/cluster").Want(t, 200).Body.ID, b.Get("/v1/cluster").Want(t, 200).Body.ID)
	consult(t, a, "--join", b.Peer).want(t, doctor.Fail, doctor.Cluster, "--join leads to 2 clusters", "this node")
	d := consult(t, fresh, "--node", "n1")
	d.want(t, doctor.Fail, doctor.Cluster, a.Peer, "has the name of this one, n1", "--node")
	chaosNode := chaos.Empty(t).Add("n9", "--cluster-size", "3", "--join", a.Peer)
	consult(t, chaosNode).want(t, doctor.OK, doctor.Cluster, "takes this node in when it starts")
}

func TestGroupThatCannotFormSaysWhy(t *testing.T) {
	t.Parallel()
	g := chaos.Plan(t, 3)
	n, waiting := g.Nodes[1], g.Nodes[0]
	waiting.Start()
	chaos.Until(t, 20*time.Second, waiting.Name+" to be asked", func() error {
		if c := waiting.Run("members", "--server", waiting.API).Code; c != 0 {
			return fmt.Errorf("exit code %d", c)
		}
		return nil
	})
	d := consult(t, n)
	d.want(t, doctor.OK, doctor.Peer, waiting.Peer, "waiting for a group")
	d.want(t, doctor.OK, doctor.WayBack, "n1 reaches this node")
	d.want(t, doctor.Warn, doctor.Cluster, "2 of 3 that are to found it are there")
	d.want(t, doctor.Fail, doctor.Peer, g.Nodes[2].Peer, "is not reachable")
	consult(t, n, "--cluster-size", "5", "--voters", "5").want(t, doctor.Fail, doctor.Cluster, "are 5 and 5 here, and n1 has 3 and 3")
	consult(t, n, "--cluster-state", "existing").want(t, doctor.Warn, doctor.Cluster, "waits for one that exists")
	consult(t, waiting).want(t, doctor.Fail, doctor.Sidecar, "n1 runs (in no group yet), and is not ready", "not all candidates agree")
}

// TestOtherReleaseAndOtherSettingsAreTold: of a peer that runs another release, was told other numbers, and is far away.
func TestOtherReleaseAndOtherSettingsAreTold(t *testing.T) {
	t.Parallel()
	meters, err := metrics.New(prometheus.NewRegistry(), metrics.BuildInfo{}, []string{"x"}, []string{"ok"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, dir := chaos.Empty(t).Add("n9", "--cluster-size", "1"), t.TempDir()
	old, err := raftnode.Open(raftnode.Config{DataDir: dir, Name: "old", PeerAddr: n.Peer, ClusterSize: 1, Voters: 5, Spares: 1, Version: "0.9.0"},
		raftnode.Deps{Logger: slog.New(slog.DiscardHandler), Recorder: meters, Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := old.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	chaos.Until(t, 20*time.Second, "the old one to lead", func() error {
		if st := old.Status(); !st.IsLeader {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	fresh := chaos.Empty(t).Add("n8", "--cluster-size", "3", "--join", n.Peer)
	d := consult(t, fresh)
	d.want(t, doctor.Warn, doctor.Versions, "0.9.0 on old", "on this program")
	d.want(t, doctor.Warn, doctor.Settings, "are 3 and 2 here, and 5 and 1 at old")
	d.want(t, doctor.OK, doctor.Latency, "old is ")

	n.Dir = dir
	consult(t, n).want(t, doctor.Warn, doctor.DataDir, "is in use by another process", fmt.Sprint(os.Getpid()))
	consult(t, n).want(t, doctor.OK, doctor.Port, "--peer-addr "+n.Peer, "the sidecar that runs here")
	n.Dir = filepath.Join(t.TempDir(), "new")
	consult(t, n).want(t, doctor.Fail, doctor.Port, "--peer-addr "+n.Peer, "another sidecar, old, uses it")
}

func TestSidecarThatDoesNotAnswerIsTold(t *testing.T) {
	t.Parallel()
	n := chaos.Start(t, 1).Nodes[0]
	n.Pause()
	defer n.Resume()
	d := consult(t, n)
	d.want(t, doctor.Fail, doctor.Sidecar, "does not answer")
	d.want(t, doctor.Warn, doctor.DataDir, "is in use by another process")
}
