// Command sidelock is a lock, lease and leader-election sidecar.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sidelock/sidelock/cli"
	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/metrics"
	"github.com/sidelock/sidelock/raftnode"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Environ(), os.Stdout, os.Stderr, cli.App{Serve: serve}))
}

// serve runs one sidecar until ctx ends: storage, peers, then HTTP; and back in the reverse order.
func serve(ctx context.Context, cfg cli.ServeConfig, log *slog.Logger) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	meters, err := newMeters()
	if err != nil {
		return err
	}
	timing, err := raftnode.TimingByName(string(cfg.RaftTiming))
	if err != nil {
		return err
	}
	node, err := raftnode.Open(raftnode.Config{
		DataDir: cfg.DataDir, Name: cfg.Node, PeerAddr: cfg.PeerAddr, Advertise: cfg.PeerAdvertise, Join: cfg.Join,
		ClusterSize: cfg.ClusterSize, Existing: cfg.Existing, Voters: cfg.Voters, Spares: cfg.Spares, Agent: cfg.Agent,
		Ephemeral: cfg.Ephemeral, Zone: cfg.Zone, Timing: timing, Version: cli.ReadVersion().Version,
	}, raftnode.Deps{Logger: log, Recorder: meters, Fatal: func(err error) { die(log, stop, err) }})
	if err != nil {
		return err
	}
	meters.Watch(gauges{node, cfg.DataDir})
	api := httpapi.New(httpapi.Config{Node: apiNode{node}, Recorder: meters, Logger: log, AllowHosts: cfg.AllowHosts,
		MetricsHandler: meters.Handler(), Version: cli.ReadVersion().Version, Draining: node.Draining})
	servers, err := listen(cfg, api, log, stop)
	if err == nil {
		<-ctx.Done()
	}
	log.Info("stopping", "why", context.Cause(ctx))
	if why := errors.Join(err, fatal(ctx)); why != nil {
		return errors.Join(why, shutDown(node, servers))
	}
	drain(node, cfg.DrainTimeout, log)
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

// listen opens the API and the ops addresses and serves them.
func listen(cfg cli.ServeConfig, api *httpapi.API, log *slog.Logger, stop context.CancelCauseFunc) ([]*http.Server, error) {
	main := httpapi.NewServer(api.Handler(), log)
	servers := []*http.Server{main}
	open := 0
	for _, a := range cfg.APIAddrs {
		l, err := httpapi.Listen(context.Background(), "tcp", a.Addr)
		if a.Optional && absent(err) {
			continue
		}
		if err != nil {
			return servers, fmt.Errorf("open the API: %w; choose another with --api-addr", err)
		}
		open++
		log.Info("serving the API", "addr", l.Addr().String())
		run(main, l, stop)
	}
	if open == 0 {
		return servers, errors.New("open the API: this machine has none of the addresses of --api-addr")
	}
	if l, err := listenAdmin(cfg.DataDir); err != nil {
		log.Warn("administrators' calls are not available: their socket cannot be made", "err", err)
	} else {
		admin := httpapi.NewServer(api.AdminHandler(), log)
		servers = append(servers, admin)
		run(admin, l, stop)
	}
	if cfg.OpsAddr != "" {
		ops := httpapi.NewServer(api.OpsHandler(), log)
		servers = append(servers, ops)
		l, err := net.Listen("tcp", cfg.OpsAddr)
		if err != nil {
			return servers, fmt.Errorf("open the ops address: %w; choose another with --ops-addr", err)
		}
		log.Info("serving probes and metrics", "addr", l.Addr().String())
		run(ops, l, stop)
	}
	return servers, nil
}

func run(s *http.Server, l net.Listener, stop context.CancelCauseFunc) {
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			stop(died{fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)})
		}
	}()
}

// absent says whether the machine lacks the address, as one without IPv6 lacks ::1.
func absent(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

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

func newMeters() (*metrics.Metrics, error) {
	v := cli.ReadVersion()
	return metrics.New(prometheus.NewRegistry(), metrics.BuildInfo{Version: v.Version, Commit: v.Commit, GoVersion: v.Go, Raft: v.Raft},
		httpapi.Ops(), httpapi.Codes())
}

// gauges reads a node's values for a scrape.
type gauges struct {
	node *raftnode.Node
	dir  string
}

var _ metrics.Source = gauges{}

func (g gauges) Gauges() metrics.Gauges {
	st, counts := g.node.Status(), g.node.Counts()
	out := metrics.Gauges{
		Sidecars: roles(st), Certificates: map[string]float64{},
		ClusterID: st.ClusterID, HasLeader: st.Leader != nil, IsLeader: st.IsLeader, HealthyVoters: st.HealthyVoters,
		FailureTolerance: max(metrics.Unknown, st.FailureTolerance), Term: st.Term, LastIndex: st.LastIndex,
		CommitIndex: st.CommitIndex, AppliedIndex: st.AppliedIndex, DataBytes: raftnode.DiskUsage(g.dir),
		FeatureLevel: g.node.FeatureLevel(), Leases: counts.Leases, LocksHeld: counts.LocksHeld, ElectionsLed: counts.ElectionsLed, Waiters: counts.Waiters,
	}
	return out
}

var _ raftnode.Recorder = (*metrics.Metrics)(nil)
var _ httpapi.Recorder = (*metrics.Metrics)(nil)
var _ httpapi.Node = apiNode{}

// roles counts the sidecars of the group; nil if no roster of it is known.
func roles(st raftnode.Status) map[string]int {
	if len(st.Members) == 0 {
		return nil
	}
	count := map[string]int{string(raftnode.Voter): 0, string(raftnode.Spare): 0, string(raftnode.Agent): 0}
	for _, m := range st.Members {
		count[string(m.Role)]++
	}
	return count
}
