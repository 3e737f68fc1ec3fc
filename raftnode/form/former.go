package form

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Prober asks one address for the status of the node there, telling it ours.
type Prober interface {
	Probe(ctx context.Context, addr string, mine Status) (Status, error)
}

// Keeper keeps this node's decisions on disk. A method that returns nil has
// made its change durable; an error ends the forming.
type Keeper interface {
	// Load returns the promise made (nil: none) and the cluster joined (empty: none).
	Load() (*Promise, string, error)
	// SavePromise writes a promise. It is called at most once in the life of a directory.
	// members are the nodes of the list and where they are: to be kept as well as
	// possible and given back as Config.Known.
	SavePromise(p Promise, members map[string]Label) error
	// SaveJoined makes this node a member: it writes Raft's first configuration
	// (if there is none yet) and then that the node has joined, in this order. A
	// crash in between is fine: it is called again, with the same list.
	SaveJoined(Result) error
}

// Config is one node's part in the agreement. Durations that are zero take the
// defaults of limits.go.
type Config struct {
	ID          string // node ID
	Name        string // label for people
	Address     string // advertised, host:port
	Join        []string
	Known       []string // where members were last seen; asked only by a node that has promised
	ClusterSize int      // 1 to MaxSize
	Voters      int      // at least 1; more than ClusterSize means all
	Existing    bool     // be no founder: never promise, and wait for a group that is there

	// Find looks further addresses up, host:port each, beside Join; nil: there are none. A fault says that they may not be
	// all. It is asked anew every FindEvery while Form runs, by one goroutine, must end soon after its context, and be
	// bounded in time.
	Find      func(context.Context) (addresses []string, faults []error)
	FindEvery time.Duration

	StableFor    time.Duration
	Poll         time.Duration
	ProbeTimeout time.Duration
	ForgetAfter  time.Duration
	Logger       *slog.Logger
}

// check names all faults at once and fills defaults in.
func (c *Config) check() error {
	var faults []error
	if c.ID == "" || len(c.ID) > MaxText {
		faults = append(faults, errors.New("a node ID is required"))
	}
	if c.Address == "" || len(c.Address) > MaxText || len(c.Name) > MaxText {
		faults = append(faults, fmt.Errorf("an advertised address is required; it and the name have at most %d bytes", MaxText))
	}
	if c.ClusterSize < 1 || c.ClusterSize > MaxSize {
		faults = append(faults, fmt.Errorf("cluster size %d: 1 to %d are possible", c.ClusterSize, MaxSize))
	}
	if c.Voters < 1 {
		faults = append(faults, fmt.Errorf("voters %d: at least 1 is needed", c.Voters))
	}
	if len(c.Join) >= MaxUnion {
		faults = append(faults, fmt.Errorf("%d join addresses: fewer than %d are possible", len(c.Join), MaxUnion))
	}
	for _, a := range c.Join {
		if a == "" || len(a) > MaxText {
			faults = append(faults, fmt.Errorf("join address %.40q", a))
		}
	}
	setDefault(&c.StableFor, DefaultStableFor)
	setDefault(&c.Poll, DefaultPoll)
	setDefault(&c.ProbeTimeout, DefaultProbeTimeout)
	setDefault(&c.ForgetAfter, DefaultForgetAfter)
	setDefault(&c.FindEvery, min(DefaultFindEvery, c.StableFor/2)) // one at least while nothing changes
	c.Voters = min(c.Voters, c.ClusterSize)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return errors.Join(faults...)
}

func setDefault(d *time.Duration, to time.Duration) {
	if *d <= 0 {
		*d = to
	}
}

// Former is one node in the agreement. Form is called by one goroutine; all other
// methods are safe at any time, from any goroutine.
type Former struct {
	cfg    Config
	keeper Keeper
	prober Prober

	logged   string    // by Form's goroutine alone
	loggedAt time.Time // likewise

	mu       sync.Mutex
	status   Status           // without what is derived: Candidates, Union, Incomplete
	own      []string         // own candidates that are never forgotten, ascending
	way      []string         // to the group that was met, while this node asks to be taken in
	sighted  sightings        // the other addresses
	overflow time.Time        // when one was last left out for want of room
	looked   lookup           // what Find answered last
	labels   map[string]Label // by node ID, as last heard
	waiting  string
	stable   string    // what must stay unchanged, as last seen; empty: conditions not met
	stableAt time.Time // since when
}

// Group is a formed group that this node met but does not belong to.
type Group struct {
	ClusterID string
	Address   string           // of one that belongs to it
	Addresses []string         // of all that do and were met, in order
	Members   map[string]Label // by node ID, as one of them said
}

// New prepares a node; what it decided before comes from the keeper.
func New(cfg Config, keeper Keeper, prober Prober) (*Former, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("forming a group: %w", err)
	}
	promise, cluster, err := keeper.Load()
	if err != nil {
		return nil, fmt.Errorf("forming a group: %w", err)
	}
	if promise != nil && !promise.Has(cfg.ID) {
		return nil, fmt.Errorf("forming a group: the promise in the data directory (%s) is without this node, %s; move the data directory away and start again", list(*promise), cfg.ID)
	}
	own := append(slices.Clone(cfg.Join), cfg.Address)
	if promise != nil {
		// The others may have joined and ask no more, so this node must find them.
		own = append(own, cfg.Known[:min(len(cfg.Known), MaxUnion-len(own))]...)
	}
	slices.Sort(own)
	own = slices.Compact(own)
	f := &Former{
		cfg: cfg, keeper: keeper, prober: prober, own: own,
		sighted: sightings{}, labels: map[string]Label{cfg.ID: {Name: cfg.Name, Address: cfg.Address}},
		status: Status{
			Protocol: Protocol, ID: cfg.ID, Instance: rand.Text(), Name: cfg.Name, Address: cfg.Address,
			ClusterSize: cfg.ClusterSize, Voters: cfg.Voters, Existing: cfg.Existing, Phase: Fresh,
		},
	}
	if promise != nil {
		f.setPromise(*promise)
	}
	if cluster != "" {
		f.setJoined(cluster)
	}
	return f, nil
}

// setPromise and setJoined are called with mu held, after the disk.
func (f *Former) setPromise(p Promise) {
	f.status.Phase, f.status.Promise, f.status.Digest = Promised, &p, p.Digest()
}

func (f *Former) setJoined(cluster string) {
	f.status.Phase, f.status.ClusterID = Joined, cluster
}

// Answer is what this node says to a probe. It takes what the prober says into account.
func (f *Former) Answer(theirs Status) Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	if theirs.Check() == nil {
		f.learn(theirs, true)
	}
	return f.snapshot()
}

// Status is what this node says about itself.
func (f *Former) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snapshot()
}

// Waiting says in one sentence why the group is not formed yet; empty once it is.
func (f *Former) Waiting() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiting
}

// Adopted tells that the group which Form met has taken this node in, so that the node says so to whoever asks. The caller
// has written it down: after a restart Keeper.Load is to give that cluster.
func (f *Former) Adopted(cluster string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setJoined(cluster)
	f.waiting = ""
}

// snapshot is called with mu held. What it returns shares nothing that changes.
func (f *Former) snapshot() Status {
	s := f.status
	s.Candidates = f.candidates()
	s.Union = f.union()
	s.Incomplete = f.incomplete()
	if s.Phase == Joined {
		s.Members = f.members()
	}
	return s
}

// members returns the labels of the founding list, as last heard.
func (f *Former) members() map[string]Label {
	m := map[string]Label{}
	if f.status.Promise != nil {
		f.status.Promise.label(m, f.labels)
	}
	return m
}

// learn takes up the candidates and labels of a checked status, of a node that
// spoke to us or that was asked. After a promise only the nodes on its list matter,
// wherever they are now: a stranger's join addresses must not lead founders into
// other people's groups. Called with mu held.
func (f *Former) learn(s Status, spoke bool) {
	f.relabel(s.ID, Label{Name: s.Name, Address: s.Address})
	if f.status.Phase == Joining || f.status.Phase == Joined || f.status.Promise != nil && !f.status.Promise.Has(s.ID) {
		return
	}
	if s.ID != f.cfg.ID && (spoke || s.Phase != Joined) {
		f.renew(s.Address, heard)
	}
	if s.Phase == Joined {
		return // so that a group to which no discovery leads any more is forgotten
	}
	for _, a := range s.Candidates {
		f.renew(a, learned)
	}
}

// relabel remembers names and addresses of nodes that matter. Called with mu held.
func (f *Former) relabel(id string, l Label) {
	if _, known := f.labels[id]; known || len(f.labels) < MaxMembers {
		f.labels[id] = l
	}
}
