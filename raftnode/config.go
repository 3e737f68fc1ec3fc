package raftnode

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// Config is what an operator decides about one node.
type Config struct {
	DataDir   string
	Name      string // a label for people; the identity is in DataDir
	PeerAddr  string // host:port to listen on; port 0 lets the system choose
	Advertise string // host:port told to peers; a port of 0 or an empty string is filled in from the listener

	ClusterSize int      // nodes that found the group together; 1 is a group of its own
	Voters      int      // at most so many vote
	Spares      int      // so many more replicate, and stand ready
	Join        []string // where to look for peers, now and again: see discover.Parse
	Existing    bool     // never found a group: only join one

	Agent     bool   // never be a member: forward, and keep leases
	Ephemeral bool   // the disk does not outlive the process: leave the group before it ends
	Zone      string // voters are spread over zones

	Timing   Timing
	Settings lease.Settings // limits of the group, used only by whoever writes its first entry
	Version  string

	features uint32 // tests: the level that this node says it understands; 0: lease.MaxLevel
}

// Deps is what a node needs from outside.
type Deps struct {
	Logger   *slog.Logger
	Recorder Recorder
	Clock    Clock         // nil: SystemClock
	Network  peer.Network  // nil: TCP
	Security peer.Security // nil: none
	// Fatal is called once when this node must not go on: a damaged or failing disk, an entry that it does not understand.
	// The process must end; a stub that returns leaves a node that refuses everything.
	Fatal func(error)

	tune func(*raft.Config) // tests: smaller snapshots
	spy  spy                // tests: what this replica applies
}

// Timing is how patient Raft is.
type Timing struct {
	Name        string
	Heartbeat   time.Duration // without one for so long, a follower asks for an election
	Election    time.Duration // without a majority for so long, a candidate tries again
	LeaderLease time.Duration // without a majority for so long, a leader steps down
	Commit      time.Duration // how soon a follower of an idle leader learns what is committed
	MinTTL      time.Duration // the shortest TTL that makes sense: at least twice Election
}

// The timing profiles.
var (
	Fast = Timing{"fast", 250 * time.Millisecond, 250 * time.Millisecond, 200 * time.Millisecond, 50 * time.Millisecond, time.Second}
	LAN  = Timing{"lan", 400 * time.Millisecond, 400 * time.Millisecond, 350 * time.Millisecond, 50 * time.Millisecond, time.Second}
	WAN  = Timing{"wan", 2 * time.Second, 2 * time.Second, 2 * time.Second, 50 * time.Millisecond, 5 * time.Second}
)

// TimingByName returns a profile.
func TimingByName(name string) (Timing, error) {
	for _, t := range []Timing{Fast, LAN, WAN} {
		if t.Name == name {
			return t, nil
		}
	}
	return Timing{}, fmt.Errorf("unknown timing %q: fast, lan or wan", name)
}

const (
	snapshotInterval  = 10 * time.Second
	snapshotThreshold = 8192
	trailingLogs      = 4096
	maxAppendEntries  = 64
	aloneStable       = time.Millisecond // a group of one waits for nobody before it forms
)

// alone tells whether this node founds a group of one.
func (n *Node) alone() bool {
	return n.cfg.ClusterSize == 1 && len(n.cfg.Join) == 0
}

func (c *Config) check(d *Deps) error {
	var faults []error
	if c.Name == "" || lease.ValidOwner(c.Name) != nil {
		faults = append(faults, errors.New("a node needs a name of printable UTF-8"))
	}
	if c.ClusterSize < 1 {
		faults = append(faults, errors.New("the cluster size is at least 1"))
	}
	if c.ClusterSize > 1 && len(c.Join) == 0 {
		faults = append(faults, errors.New("a group of several nodes needs addresses to join"))
	}
	if d.Logger == nil || d.Recorder == nil || d.Fatal == nil {
		faults = append(faults, errors.New("logger, recorder and fatal are required"))
	}
	if c.Timing == (Timing{}) {
		c.Timing = LAN
	}
	if c.Settings == (lease.Settings{}) {
		c.Settings = lease.DefaultSettings()
		c.Settings.MinTTL = c.Timing.MinTTL
	}
	if c.Settings.MinTTL < 2*c.Timing.Election {
		faults = append(faults, fmt.Errorf("the shortest TTL %v is less than twice the election timeout %v", c.Settings.MinTTL, c.Timing.Election))
	}
	if d.Clock == nil {
		d.Clock = SystemClock{}
	}
	return errors.Join(faults...)
}

func (n *Node) raftConfig() *raft.Config {
	c := raft.DefaultConfig()
	t := n.cfg.Timing
	c.LocalID = n.id
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout, c.CommitTimeout = t.Heartbeat, t.Election, t.LeaderLease, t.Commit
	c.SnapshotInterval, c.SnapshotThreshold, c.TrailingLogs = snapshotInterval, snapshotThreshold, trailingLogs
	c.MaxAppendEntries = maxAppendEntries
	c.BatchApplyCh = false // guard 8: futures can hang at shutdown with it
	c.NoLegacyTelemetry = true
	c.ShutdownOnRemove = false // this node notices itself, and becomes an agent
	c.Logger = n.raftLog
	if n.deps.tune != nil {
		n.deps.tune(c)
	}
	return c
}
