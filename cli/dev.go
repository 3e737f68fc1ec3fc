package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// devCommand is `sidelock dev`: a group on one machine, made of real processes, to play with.
type devCommand struct {
	Nodes    text `placeholder:"N" default:"3" help:"How many sidecars."`
	DataDir  text `placeholder:"DIR" help:"Where they keep their data, to go on with it next time; if not given a temporary directory, removed at the end."`
	BasePort text `placeholder:"PORT" default:"5625" help:"The first node's API port; its peer port is one above, the next node's ports ten above. 0: free ports."`
	LogLevel text `placeholder:"LEVEL" default:"warn" help:"The least level that the sidecars log: debug, info, warn or error."`
}

// Run starts the group, says how to use it, and stays until Ctrl-C or until no node is left.
func (d *devCommand) Run(c *call) error {
	r := reader{c.faults}
	g := devGroup{
		dataDir:  r.string("data-dir", &d.DataDir),
		logLevel: r.oneOf("log-level", &d.LogLevel, "warn", "debug", "info", "error"),
		stdout:   c.stdout, stderr: c.stderr, ended: make(chan *devNode, maxDevNodes),
	}
	count := r.integer("nodes", &d.Nodes, 1, maxDevNodes)
	base := r.integer("base-port", &d.BasePort, 0, 65535)
	if last := base + (count-1)*devPortStep + 1; last > 65535 {
		r.faults.add("base-port", &d.BasePort.setting, "%d is too high: the last of %d nodes would need port %d", base, count, last)
	}
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	c.warn()
	ports, err := devPorts(base, count)
	if err != nil {
		return err
	}
	for i, p := range ports {
		g.nodes = append(g.nodes, &devNode{name: "n" + strconv.Itoa(i+1), ports: p})
	}
	forced := make(chan struct{})
	ctx, release := untilSignal(context.Background(), c.signals, func() { close(forced) })
	defer release()
	return g.run(ctx, forced, c.env)
}

// devGroup is the running group. Its fields belong to the goroutine of run; the nodes' processes report on ended.
type devGroup struct {
	nodes          []*devNode
	dataDir        string
	temporary      bool
	logLevel       string
	stdout, stderr io.Writer
	ended          chan *devNode // has room for every node, so that a report never waits
}

func (g *devGroup) run(ctx context.Context, forced <-chan struct{}, env environment) (err error) {
	// Linux kills a child when the *thread* that started it ends: stay on one for as long as there are children.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := g.makeDataDir(); err != nil {
		return err
	}
	if g.temporary {
		defer os.RemoveAll(g.dataDir)
	}
	defer g.stop(forced) // runs first: the directory is still in use
	if err := g.start(env); err != nil {
		return err
	}
	view, err := g.form(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	g.introduce(view)
	return g.watch(ctx)
}

func (g *devGroup) makeDataDir() error {
	if g.dataDir != "" {
		return os.MkdirAll(g.dataDir, 0o700)
	}
	dir, err := os.MkdirTemp("", "sidelock-dev-")
	if err != nil {
		return fmt.Errorf("no temporary directory (say --data-dir): %w", err)
	}
	g.dataDir, g.temporary = dir, true
	return nil
}

func (g *devGroup) start(env environment) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("where is this program? %w", err)
	}
	out := &lineWriters{w: g.stderr}
	for i, n := range g.nodes {
		if err := n.start(executable, g.serveArgs(i), childEnv(env), out.named(n.name), g.ended); err != nil {
			return fmt.Errorf("starting %s: %w", n.name, err)
		}
	}
	return nil
}

// serveArgs is the command line of node i. Everything is said by flags, so that nothing of dev's surroundings leaks in.
func (g *devGroup) serveArgs(i int) []string {
	n := g.nodes[i]
	args := []string{
		"serve", "--node", n.name, "--data-dir", filepath.Join(g.dataDir, n.name),
		"--api-addr", n.ports.apiAddr(), "--peer-addr", n.ports.peerAddr(),
		"--cluster-size", strconv.Itoa(len(g.nodes)), "--voters", strconv.Itoa(devVoters(len(g.nodes))),
		"--drain-timeout", devDrain.String(), "--log-level", g.logLevel, "--log-format", LogText,
	}
	if len(g.nodes) > 1 {
		for _, peer := range g.nodes {
			args = append(args, "--join", peer.ports.peerAddr())
		}
	}
	return args
}

// devVoters lets as many nodes vote as make sense, so that killing them shows what the group survives.
func devVoters(nodes int) int { return min(max(nodes-1+nodes%2, 3), maxVoters) }

// childEnv is env without what would configure a sidecar.
func childEnv(env environment) []string {
	var out []string
	for name, value := range env {
		if !strings.HasPrefix(name, envPrefix) {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// form waits until every node is ready and one of them is known to lead.
func (g *devGroup) form(ctx context.Context) (clusterView, error) {
	ctx, cancel := context.WithTimeout(ctx, devReadyWithin)
	defer cancel()
	type result struct {
		view clusterView
		err  error
	}
	results := make(chan result, 1)
	go func() {
		view, err := g.await(ctx)
		results <- result{view, err}
	}()
	select {
	case n := <-g.ended:
		cancel()
		<-results
		n.reported = true
		return clusterView{}, fmt.Errorf("%s (PID %d) ended before the group had formed: %s; its log is above", n.name, n.pid, n.how())
	case r := <-results:
		return r.view, r.err
	}
}

// await polls the nodes; it is run's helper on another goroutine and touches only what never changes after start.
func (g *devGroup) await(ctx context.Context) (clusterView, error) {
	for _, n := range g.nodes {
		if err := awaitReady(ctx, n.ports.url()); err != nil {
			return clusterView{}, fmt.Errorf("%s (PID %d) is not ready after %s: %w", n.name, n.pid, devReadyWithin, err)
		}
	}
	return awaitLeader(ctx, g.nodes[0].ports.url(), "")
}

// watch reports nodes that end, until ctx does or none is left.
func (g *devGroup) watch(ctx context.Context) error {
	asking, cancel := context.WithCancel(ctx)
	news := make(chan clusterView)
	var asks int
	defer func() {
		cancel()
		for ; asks > 0; asks-- {
			<-news
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case n := <-g.ended:
			n.reported = true
			alive := g.alive()
			g.reportEnd(n, len(alive))
			if len(alive) == 0 {
				return errors.New("no node is left")
			}
			if g.majority(len(alive)) {
				asks++
				go func() {
					ctx, cancel := context.WithTimeout(asking, devLeaderWithin)
					defer cancel()
					view, _ := awaitLeader(ctx, alive[0].ports.url(), n.name) // no answer, no news
					news <- view
				}()
			}
		case view := <-news:
			asks--
			if view.Leader != nil {
				fmt.Fprintf(g.stdout, "%s is Raft leader.\n", view.Leader.Name)
			}
		}
	}
}

func (g *devGroup) alive() []*devNode {
	var alive []*devNode
	for _, n := range g.nodes {
		if n.pid != 0 && !n.reported {
			alive = append(alive, n)
		}
	}
	return alive
}

// majority says whether so many nodes can go on; with spares it is cautious.
func (g *devGroup) majority(alive int) bool {
	return alive > min(len(g.nodes), devVoters(len(g.nodes)))/2
}

// stop ends all nodes: asked once, in order; killed if they take too long or forced is closed.
func (g *devGroup) stop(forced <-chan struct{}) {
	for _, n := range g.alive() {
		n.ask()
	}
	late := time.NewTimer(devStopWithin)
	defer late.Stop()
	for len(g.alive()) > 0 {
		select {
		case n := <-g.ended:
			n.reported = true
			continue
		case <-forced:
			forced = nil
		case <-late.C:
			fmt.Fprintf(g.stderr, "sidelock dev: the nodes have not stopped after %s and are killed\n", devStopWithin)
		}
		for _, n := range g.alive() {
			n.kill()
		}
	}
}
