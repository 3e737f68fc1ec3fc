package form

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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
	// SavePromise writes a promise. It is called once in the life of a directory.
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

// Former is one node in the agreement. Form is called once; all other methods
// are safe at any time, from any goroutine.
type Former struct {
	cfg    Config
	keeper Keeper
	prober Prober
	own    []string // own candidates, ascending

	logged   string    // by Form's goroutine alone
	loggedAt time.Time // likewise

	mu       sync.Mutex
	status   Status               // without Candidates and Union, which are derived
	heard    map[string]time.Time // addresses of nodes that spoke to us, and when last
	learned  map[string]time.Time // candidates of others, and when last mentioned
	labels   map[string]Label     // by node ID, as last heard
	waiting  string
	found    *Group
	stable   string    // what must stay unchanged, as last seen; empty: conditions not met
	stableAt time.Time // since when
}

// Group is a formed group that this node met but does not belong to.
type Group struct {
	ClusterID string
	Address   string           // where it was met
	Members   map[string]Label // by node ID
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
		heard: map[string]time.Time{}, learned: map[string]time.Time{}, labels: map[string]Label{cfg.ID: {Name: cfg.Name, Address: cfg.Address}},
		status: Status{
			Protocol: Protocol, ID: cfg.ID, Instance: rand.Text(), Name: cfg.Name, Address: cfg.Address,
			ClusterSize: cfg.ClusterSize, Voters: cfg.Voters, Phase: Fresh,
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
		f.learn(theirs)
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

// Found returns the formed group that this node met without belonging to it.
func (f *Former) Found() (Group, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.found == nil {
		return Group{}, false
	}
	return *f.found, true
}

// snapshot is called with mu held. What it returns shares nothing that changes.
func (f *Former) snapshot() Status {
	s := f.status
	s.Candidates = f.merge(f.heard)
	s.Union = f.union()
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

// union returns all candidates in order. Called with mu held.
func (f *Former) union() []string { return f.merge(f.heard, f.learned) }

// merge returns our own addresses and those of the sets, in order, and forgets
// those that were not renewed for long. Called with mu held.
func (f *Former) merge(sets ...map[string]time.Time) []string {
	all := map[string]bool{}
	for _, a := range f.own {
		all[a] = true
	}
	now := time.Now()
	for _, set := range sets {
		for a, at := range set {
			if now.Sub(at) > f.cfg.ForgetAfter {
				delete(set, a)
				continue
			}
			all[a] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// learn takes up the candidates and labels of a checked status. After a promise
// only the nodes on its list matter, wherever they are now: a stranger's join
// addresses must not lead founders into other people's groups. Called with mu held.
func (f *Former) learn(s Status) {
	f.relabel(s.ID, Label{Name: s.Name, Address: s.Address})
	if f.status.Phase == Joined || f.status.Promise != nil && !f.status.Promise.Has(s.ID) {
		return
	}
	if s.ID != f.cfg.ID {
		f.renew(f.heard, s.Address)
	}
	for _, a := range s.Candidates {
		f.renew(f.learned, a)
	}
}

// renew notes that an address was mentioned now. Called with mu held.
func (f *Former) renew(set map[string]time.Time, addr string) {
	if _, known := set[addr]; addr != "" && (known || len(f.own)+len(f.heard)+len(f.learned) < MaxUnion) {
		set[addr] = time.Now()
	}
}

// relabel remembers names and addresses of nodes that matter. Called with mu held.
func (f *Former) relabel(id string, l Label) {
	if _, known := f.labels[id]; known || len(f.labels) < MaxMembers {
		f.labels[id] = l
	}
}
