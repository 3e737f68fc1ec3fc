package cli

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"time"
)

// RaftTiming names a set of Raft timeouts: see raft.md for their values.
type RaftTiming string

// The Raft timings.
const (
	TimingFast RaftTiming = "fast" // one machine, or one rack with quick disks
	TimingLAN  RaftTiming = "lan"  // the default
	TimingWAN  RaftTiming = "wan"  // between sites; raises the minimum TTL to 5 s
)

// ServeConfig is the configuration of one sidecar, checked as a whole: every field is in range and the fields agree
// with each other. It says nothing about the machine: ports may be taken, directories unwritable.
type ServeConfig struct {
	Node    string // a label for people; not the identity, which is in the data directory
	DataDir string // not empty; need not exist

	APIAddrs    []ListenAddr // at least one
	InsecureAPI bool         // an API address that is not loopback is meant
	AllowHosts  []string     // further names that a Host header may have
	OpsAddr     string       // IP:port, or empty: off

	PeerAddr      string   // IP:port to listen on
	PeerAdvertise string   // host:port that peers dial; port 0 stands for the one that the kernel chose for PeerAddr
	Join          []string // host:port of possible peers, this node perhaps among them; empty: alone
	ClusterSize   int      // members that must be there before a new group forms; 1: alone, or first of many
	Voters        int      // members that are to vote: odd; a group of fewer has as many voters as members
	InsecurePeers bool     // a peer address that is not loopback is meant, without TLS
	RaftTiming    RaftTiming

	DrainTimeout time.Duration // how long a stop waits for clients; may be 0

	LogLevel  slog.Level
	LogFormat string // LogText or LogJSON

	// Warnings are for the log: what was ignored, what is lawful and yet surprising. Main has logged them.
	Warnings []string
}

// serveCommand is `sidelock serve`.
type serveCommand struct {
	Config text `placeholder:"FILE" help:"YAML file with any of these settings, under the flags' names."`

	Node    text `placeholder:"NAME" help:"This node's label, which may change; the host name if not given."`
	DataDir text `placeholder:"DIR" help:"Where identity, log and snapshots are kept; $STATE_DIRECTORY if not given, else sidelock in the XDG state directory."`

	APIAddr     list   `name:"api-addr" placeholder:"HOST:PORT" default:"127.0.0.1:5625,[::1]:5625" help:"Where the API listens; repeatable. That the machine lacks one of the default addresses is no error."`
	InsecureAPI toggle `name:"insecure-api" help:"Allow an API address that is not loopback, without TLS and keys: whoever reaches it may take and release every lock."`
	AllowHost   list   `placeholder:"NAME" help:"A further name that a request's Host header may have, exactly; repeatable. localhost and IP addresses always pass."`
	OpsAddr     text   `placeholder:"HOST:PORT" help:"Where probes and metrics alone are served, read-only, to anybody; off if not given."`

	PeerAddr      text   `placeholder:"HOST:PORT" default:"127.0.0.1:5626" help:"Where the other sidecars of the group reach this one."`
	PeerAdvertise text   `placeholder:"HOST[:PORT]" help:"What the others dial instead, if that differs; if not given the host of --peer-addr, or the outgoing interface's address where that is every interface."`
	ClusterSize   text   `placeholder:"N" help:"How many sidecars must be there before a new group forms; 1 if not given."`
	Join          list   `placeholder:"HOST:PORT" help:"A sidecar to form a group with, perhaps this one itself; repeatable."`
	Voters        text   `placeholder:"N" default:"3" help:"How many members vote: an odd number."`
	InsecurePeers toggle `help:"Allow a peer address that is not loopback, without TLS: whoever reaches it is trusted."`
	RaftTiming    text   `placeholder:"SET" default:"lan" help:"How soon a lost Raft leader is replaced: fast, lan or wan."`

	DrainTimeout text `placeholder:"TIME" default:"25s" help:"How long a stop waits for clients to release what they hold; what remains lives out its TTL."`

	LogLevel  text `placeholder:"LEVEL" default:"info" help:"The least level logged: debug, info, warn or error."`
	LogFormat text `placeholder:"FORMAT" default:"text" help:"How lines are logged: text or json."`
}

// Run checks the configuration as a whole and serves until a signal.
func (s *serveCommand) Run(c *call) error {
	cfg := s.check(c)
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	log := NewLogger(c.stderr, cfg.LogLevel, cfg.LogFormat)
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	ctx, release := untilSignal(context.Background(), c.signals, func() {
		log.Warn("a second signal: ending at once, without draining")
		c.exit(ExitFailed)
	})
	defer release()
	return c.app.Serve(ctx, cfg, log)
}

// defaultDataDir is systemd's state directory, else the XDG one; empty if the environment names neither.
func defaultDataDir(env environment) string {
	if dirs := env["STATE_DIRECTORY"]; dirs != "" {
		first, _, _ := strings.Cut(dirs, ":") // systemd lists several, if the unit asks for several
		return first
	}
	if dir := env["XDG_STATE_HOME"]; filepath.IsAbs(dir) { // the specification says to ignore relative ones
		return filepath.Join(dir, "sidelock")
	}
	if home := env["HOME"]; filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "sidelock")
	}
	return ""
}
