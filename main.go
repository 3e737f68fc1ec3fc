// Command sidelock is a lock, lease and leader-election sidecar.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sidelock/sidelock/cli"
	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/metrics"
	"github.com/sidelock/sidelock/raftnode"
	"github.com/sidelock/sidelock/raftnode/peer"
	"github.com/sidelock/sidelock/raftnode/store"
	"github.com/sidelock/sidelock/raftnode/trust"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Environ(), os.Stdout, os.Stderr, cli.App{Serve: serve, Recover: raftnode.Recover, Compact: store.Compact}))
}

// serve runs one sidecar until ctx ends: storage, peers, then HTTP; and back in the reverse order.
func serve(ctx context.Context, cfg cli.ServeConfig, log *slog.Logger) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx)) // a sidecar that drains still serves, with the keys of the day
	defer end()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	meters, err := newMeters(cfg.MetricsNames)
	if err != nil {
		return err
	}
	timing, err := raftnode.TimingByName(string(cfg.RaftTiming))
	if err != nil {
		return err
	}
	security, expiries, err := peerSecurity(life, cfg, log)
	if err != nil {
		return err
	}
	walls, err := openWalls(life, cfg, log)
	if err != nil {
		return err
	}
	node, err := raftnode.Open(raftnode.Config{
		DataDir: cfg.DataDir, Name: cfg.Node, PeerAddr: cfg.PeerAddr, Advertise: cfg.PeerAdvertise, Join: cfg.Join,
		ClusterSize: cfg.ClusterSize, Existing: cfg.Existing, Voters: cfg.Voters, Spares: cfg.Spares, Agent: cfg.Agent,
		Ephemeral: cfg.Ephemeral, Zone: cfg.Zone, Timing: timing, Version: cli.ReadVersion().Version,
	}, raftnode.Deps{Logger: log, Recorder: meters, Security: security, Fatal: func(err error) { die(log, stop, err) }})
	if err != nil {
		return err
	}
	api := httpapi.New(httpapi.Config{Node: apiNode{node}, Recorder: meters, Logger: log, AllowHosts: cfg.AllowHosts,
		MetricsHandler: meters.Handler(), Keys: walls.keys, Version: cli.ReadVersion().Version, Draining: node.Draining})
	meters.Watch(gauges{node, api, cfg.DataDir, cfg.MetricsNames, func() []trust.Expiry { return append(expiries(), walls.Expiries()...) }})
	servers, err := listen(cfg, api, walls, stop)
	if err == nil {
		newSupervisor(log).follow(ctx, node.Status)
		<-ctx.Done()
		log.Info("stopping", "why", context.Cause(ctx))
	}
	if why := errors.Join(err, fatal(ctx)); why != nil {
		return errors.Join(why, shutDown(node, servers))
	}
	drain(node, cfg.DrainTimeout, log)
	if cfg.Ephemeral {
		leave(node, log)
	}
	return shutDown(node, servers)
}

// died is why the process must end although nobody asked it to.
type died struct{ error }

// die ends the process after a failure that it must not survive. It begins an orderly stop, and does not trust it: whatever hangs on a
// failed disk is left behind.
func die(log *slog.Logger, stop context.CancelCauseFunc, err error) {
	log.Error("this node must stop", "err", err)
	stop(died{err})
	time.AfterFunc(fatalGrace, func() { os.Exit(cli.ExitFailed) })
}

const fatalGrace = 2 * time.Second

func fatal(ctx context.Context) error {
	var d died
	if errors.As(context.Cause(ctx), &d) {
		return d.error
	}
	return nil
}

// peerSecurity is how peers are told from strangers, and which certificates there are in it to watch.
func peerSecurity(ctx context.Context, cfg cli.ServeConfig, log *slog.Logger) (peer.Security, func() []trust.Expiry, error) {
	var t *trust.Trust
	var err error
	switch {
	case cfg.PeerSecretFile != "":
		t, err = trust.FromSecret(ctx, cfg.PeerSecretFile, log)
	case cfg.TLSCert != "":
		t, err = trust.FromCertificates(ctx, cfg.TLSCA, cfg.TLSCert, cfg.TLSKey, log)
	default:
		return peer.Plain{}, func() []trust.Expiry { return nil }, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return t, t.Expiries, nil
}

// leave takes a node whose disk does not outlive it out of the group, so that nobody waits for it.
func leave(node *raftnode.Node, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	log.Info("leaving the group", "at_most", leaveTimeout)
	if err := node.Leave(ctx); err != nil {
		log.Warn("could not leave the group in order", "err", err)
	}
}

const leaveTimeout = 15 * time.Second // for a spare to take this node's place

// drain serves what clients hold through this sidecar until they have let go of it, or patience is over. What they still hold
// then is not released.
func drain(node *raftnode.Node, patience time.Duration, log *slog.Logger) {
	node.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	log.Info("serving what clients hold here until they let go of it", "at_most", patience)
	if left := node.AwaitIdle(ctx); left > 0 {
		log.Info("clients still hold locks or wait for them; what is held lives out its TTL", "places", left)
	}
}

// shutDown ends what waits in line, lets requests under way finish, hands Raft leadership over, and closes.
func shutDown(node *raftnode.Node, servers []*http.Server) error {
	node.EndWaits()
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(ctx) != nil {
			s.Close() // out of patience: callers that still wait see the connection close
		}
	}
	ctx, cancel = context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return node.Close(ctx)
}

const (
	requestTimeout = 2 * time.Second // for requests under way
	closeTimeout   = 5 * time.Second
)

func newMeters(names []string) (*metrics.Metrics, error) {
	v := cli.ReadVersion()
	return metrics.New(prometheus.NewRegistry(), metrics.BuildInfo{Version: v.Version, Commit: v.Commit, GoVersion: v.Go, Raft: v.Raft},
		httpapi.Ops(), httpapi.Codes(), names)
}

var _ raftnode.Recorder = (*metrics.Metrics)(nil)
var _ httpapi.Recorder = (*metrics.Metrics)(nil)
var _ httpapi.Node = apiNode{}
