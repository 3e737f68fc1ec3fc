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
// with each other. Of the machine it says only that the secrets, keys and certificates can be read: ports may be
// taken, directories unwritable.
type ServeConfig struct {
	Node    string // a label for people; not the identity, which is in the data directory
	DataDir string // not empty; need not exist

	APIAddrs    []ListenAddr // at least one
	APISocket   string       // path of a Unix socket for the API beside them, or empty: none
	APITLSCert  string       // files of a certificate chain and its key in PEM; both or neither
	APITLSKey   string
	APIKeysFile string   // file of API keys, or empty: none are asked for
	InsecureAPI bool     // an API address that is not loopback is meant, without TLS or keys
	AllowHosts  []string // further names that a Host header may have
	OpsAddr     string   // IP:port, or empty: off

	PeerAddr      string   // IP:port to listen on
	PeerAdvertise string   // host:port that peers dial; port 0 stands for the one that the kernel chose for PeerAddr
	Join          []string // where to look for peers, in the words of discover.Parse; empty: alone
	ClusterSize   int      // members that must be there before a new group forms; 1: alone, or first of many
	Existing      bool     // never form a group, only join one; Join is not empty then
	Voters        int      // members that are to vote: odd; a group of fewer has as many voters as members
	Spares        int      // members beside them that replicate and stand ready
	Agent         bool     // never be a member; Join is not empty then
	Ephemeral     bool     // the data directory does not outlive the process
	Zone          string   // a label for what fails together, or empty

	// What peers trust: a shared secret, or certificates, or, if all are empty, whoever reaches the peer port.
	PeerSecretFile         string
	TLSCA, TLSCert, TLSKey string // files in PEM; all or none
	InsecurePeers          bool   // a peer address that is not loopback is meant, without TLS

	RaftTiming RaftTiming

	MetricsNames []string // which names may be labels of metrics: each a name, or the beginning of one and a *

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
	APISocket   text   `name:"api-socket" placeholder:"PATH" help:"A Unix socket on which the API is served too, to whoever may open it."`
	APITLSCert  text   `name:"api-tls-cert" placeholder:"FILE" help:"The API's certificate and its chain, in PEM: clients then say https. Read again when it changes."`
	APITLSKey   text   `name:"api-tls-key" placeholder:"FILE" help:"The key of --api-tls-cert, in PEM."`
	APIKeysFile text   `name:"api-keys-file" placeholder:"FILE" help:"Who may call the API: a file of keys and what each may do. Read again when it changes."`
	InsecureAPI toggle `name:"insecure-api" help:"Allow an API address that is not loopback, without TLS or without keys: whoever reaches it may take and release every lock."`
	AllowHost   list   `placeholder:"NAME" help:"A further name that a request's Host header may have, exactly; repeatable. localhost and IP addresses always pass."`
	OpsAddr     text   `placeholder:"HOST:PORT" help:"Where probes and metrics alone are served, read-only, to anybody; off if not given."`

	PeerAddr      text   `placeholder:"HOST:PORT" default:"127.0.0.1:5626" help:"Where the other sidecars of the group reach this one."`
	PeerAdvertise text   `placeholder:"HOST[:PORT]" help:"What the others dial instead, if that differs; if not given the host of --peer-addr, or the outgoing interface's address where that is every interface."`
	ClusterSize   text   `placeholder:"N" help:"How many sidecars must be there before a new group forms; 1 if not given."`
	Join          list   `placeholder:"WHERE" help:"Where the others are, perhaps with this one among them: host:port, dns:name:port, srv:name or file:path; repeatable."`
	ClusterState  text   `placeholder:"STATE" default:"new" help:"Whether a group may be formed: new, or existing to wait for one that is there, however long."`
	Voters        text   `placeholder:"N" default:"3" help:"How many members vote: an odd number."`
	Spares        text   `placeholder:"N" default:"2" help:"How many members more hold all data, ready to replace a voter."`
	Member        text   `placeholder:"WHEN" default:"auto" help:"Whether this node may be a member: auto, as the group needs it, or never, to forward only."`
	Ephemeral     toggle `help:"The data directory does not outlive the process: leave the group at each stop, and soon be replaced after a crash."`
	Zone          text   `placeholder:"NAME" help:"What fails together with this node, such as a rack or a data centre: voters are spread over zones."`

	PeerSecretFile text   `placeholder:"FILE" help:"A secret that all sidecars of the group share, from which each makes its TLS certificate. Read again when it changes."`
	TLSCA          text   `name:"tls-ca" placeholder:"FILE" help:"Instead of a secret: the authorities that sign the peers' certificates, in PEM. Read again when it changes."`
	TLSCert        text   `name:"tls-cert" placeholder:"FILE" help:"This node's certificate for its peers, and its chain, in PEM."`
	TLSKey         text   `name:"tls-key" placeholder:"FILE" help:"The key of --tls-cert, in PEM."`
	InsecurePeers  toggle `help:"Allow a peer address that is not loopback, without TLS: whoever reaches it is trusted."`

	RaftTiming text `placeholder:"SET" default:"lan" help:"How soon a lost Raft leader is replaced: fast, lan or wan."`

	MetricsNames list `placeholder:"NAME" help:"Locks and elections that have metrics of their own, by name or, as in jobs-*, by the beginning of it; repeatable. At most 100 become labels, those that are seen first."`

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
