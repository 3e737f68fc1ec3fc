package doctor

import (
	"context"
	"slices"
	"time"

	"github.com/sidelock/sidelock/client"
	"github.com/sidelock/sidelock/raftnode"
	"github.com/sidelock/sidelock/raftnode/peer"
	"github.com/sidelock/sidelock/raftnode/store"
)

// Config is what a sidecar would be started with: checked, as `serve` checks it.
type Config struct {
	Node        string
	DataDir     string
	AdminSocket string // where a sidecar on DataDir takes administrators' calls

	APIAddrs                           []Addr
	APISocket                          string
	APITLSCert, APITLSKey, APIKeysFile string
	AllowHosts                         []string
	OpsAddr                            string

	PeerAddr, PeerAdvertise     string
	PeerSecretFile              string
	TLSCA, TLSCert, TLSKey      string
	InsecurePeers               bool
	Join                        []string
	ClusterSize, Voters, Spares int
	Existing, Agent, Ephemeral  bool
	Timing                      raftnode.Timing

	Version string // of this program

	measure func(dir string) (fsyncs, error) // nil: as it is; tests
	now     func() time.Time                 // likewise
}

// Addr is an address of the API.
type Addr struct {
	Addr     string
	Optional bool // that the machine lacks it is no fault
}

// Examine makes all checks, and tells found what comes of each, from one goroutine. It returns when all are made or soon after ctx ends.
func Examine(ctx context.Context, cfg Config, found func(Finding)) {
	d := begin(cfg, found)
	defer d.end()
	d.make(ctx, d.sidecar, d.clock, d.dataDir, d.disk, d.fsync, d.peerTrust, d.apiCertificate, d.apiKeys, d.ports, d.join, d.peers, d.group)
}

// ExamineMachine makes the checks that need no more than a data directory, and not even that: for where the rest of the configuration
// is not sound.
func ExamineMachine(ctx context.Context, cfg Config, found func(Finding)) {
	d := begin(cfg, found)
	defer d.end()
	d.make(ctx, d.clock)
	if cfg.DataDir != "" {
		d.make(ctx, d.sidecar, d.dataDir, d.disk, d.fsync)
	}
}

func begin(cfg Config, found func(Finding)) *examination {
	if cfg.measure == nil {
		cfg.measure = measureFsync
	}
	if cfg.now == nil {
		cfg.now = time.Now
	}
	return &examination{cfg: cfg, found: found}
}

func (d *examination) make(ctx context.Context, checks ...func(context.Context)) {
	for _, check := range checks {
		if ctx.Err() != nil {
			return
		}
		check(ctx)
	}
}

// end lets go of what the checks have opened.
func (d *examination) end() {
	for _, f := range slices.Backward(d.open) {
		f()
	}
}

// examination is what has been found out so far.
type examination struct {
	cfg   Config
	found func(Finding)

	running *client.Cluster // what the sidecar that runs here says of its group; nil: none runs, or it does not answer
	mute    bool            // one that runs here has no socket to be asked through
	data    store.Inspection
	dataErr error

	security  peer.Security // nil: it could not be made, so that no peer can be visited
	peerFree  bool          // nobody listens at the peer address
	addresses []string      // of the others
	visits    []visit       // to them, in the order of addresses

	open []func() // how to close it, in the order of opening
}

func (d *examination) clock(context.Context) {
	now := d.cfg.now()
	if err := raftnode.CheckWallClock(now); err != nil {
		d.fail(Clock, "", "", "%v", err)
		return
	}
	d.ok(Clock, "", "it is %s here", now.UTC().Format(time.RFC3339))
}
