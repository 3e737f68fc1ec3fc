package form

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// world is a set of nodes, their disks and the network between them, in fake time.
type world struct {
	ctx   context.Context
	rng   *rand.Rand
	delay time.Duration // of each message, at most
	hang  time.Duration // of each write, at most

	mu    sync.Mutex
	nodes []*node
	alias map[string]*node
	cut   map[[2]int]bool
	wg    sync.WaitGroup
}

// node is one machine: its disk lasts, its process comes and goes.
type node struct {
	w    *world
	i    int
	addr string
	cfg  Config

	slow time.Duration // added to each of its writes

	mu       sync.Mutex
	promises []Promise // every promise ever written
	cluster  string
	former   *Former // nil while the process is down
	life     int
	stop     context.CancelFunc
	result   *Result
	err      error
}

func newWorld(seed uint64) *world {
	w := &world{ctx: context.Background(), rng: rand.New(rand.NewPCG(seed, 1)), alias: map[string]*node{}, cut: map[[2]int]bool{}}
	return w
}

func addrOf(i int) string { return fmt.Sprintf("10.0.0.%d:5626", i) }

func (w *world) add(id string, size, voters int, join ...string) *node {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := len(w.nodes)
	n := &node{w: w, i: i, addr: addrOf(i), cfg: Config{ID: id, Name: "node-" + id, Address: addrOf(i), Join: join, ClusterSize: size, Voters: voters, Poll: 200 * time.Millisecond}}
	w.nodes = append(w.nodes, n)
	return n
}

// chance returns a random duration up to *max, which calm may change.
func (w *world) chance(max *time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if *max <= 0 {
		return 0
	}
	return time.Duration(w.rng.Int64N(int64(*max)))
}

// calm makes messages fast enough for any probe, and the disks quick.
func (w *world) calm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay, w.hang = min(w.delay, 300*time.Millisecond), 0
}

// start runs a process on the node's disk.
func (n *node) start(t *testing.T) {
	n.mu.Lock()
	n.life++
	life := n.life
	n.mu.Unlock()
	f, err := New(n.cfg, keeper{n, life}, prober{n, life})
	if err != nil {
		t.Error(err)
		return
	}
	ctx, cancel := context.WithCancel(n.w.ctx)
	n.mu.Lock()
	n.former, n.stop = f, cancel
	n.mu.Unlock()
	n.w.wg.Go(func() {
		r, err := f.Form(ctx)
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.life != life {
			return
		}
		if err == nil {
			n.result = &r
		} else if ctx.Err() == nil {
			n.err = err
		}
	})
}

// crash ends the process at whatever it is doing.
func (n *node) crash() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.life++
	n.former, n.result = nil, nil
	if n.stop != nil {
		n.stop()
	}
}

// wipe crashes a node whose disk is lost with it.
func (n *node) wipe() {
	n.crash()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.promises, n.cluster = nil, ""
}

func (n *node) alive(life int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.life == life && n.former != nil
}

func (n *node) running() *Former {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.former
}

// made returns every promise ever written.
func (n *node) made() []Promise {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.promises)
}

func (n *node) formed() (Result, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.result == nil || n.result.Met != nil {
		return Result{}, false
	}
	return *n.result, true
}

// met returns the group that asks for nothing but to be asked.
func (n *node) met() *Group {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.result == nil {
		return nil
	}
	return n.result.Met
}

func (n *node) failure() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

func (n *node) why() string {
	f := n.running()
	if f == nil {
		return "down"
	}
	return f.Waiting()
}

var errDead = errors.New("the process died")

// keeper is the disk. A process that dies while writing has written or not.
type keeper struct {
	n    *node
	life int
}

var _ Keeper = keeper{}

func (k keeper) Load() (*Promise, string, error) {
	k.n.mu.Lock()
	defer k.n.mu.Unlock()
	if len(k.n.promises) == 0 {
		return nil, "", nil
	}
	p := k.n.promises[len(k.n.promises)-1]
	return &p, k.n.cluster, nil
}

func (k keeper) write(f func()) error {
	time.Sleep(k.n.slow + k.n.w.chance(&k.n.w.hang))
	if !k.n.alive(k.life) {
		return errDead
	}
	k.n.mu.Lock()
	f()
	k.n.mu.Unlock()
	time.Sleep(k.n.w.chance(&k.n.w.hang))
	if !k.n.alive(k.life) {
		return errDead
	}
	return nil
}

func (k keeper) SavePromise(p Promise, members map[string]Label) error {
	return k.write(func() {
		k.n.promises = append(k.n.promises, p)
		for _, l := range members {
			k.n.cfg.Known = append(k.n.cfg.Known, l.Address)
		}
	})
}

func (k keeper) SaveJoined(r Result) error { return k.write(func() { k.n.cluster = r.ClusterID }) }

// prober is the network as one process sees it.
type prober struct {
	n    *node
	life int
}

var _ Prober = prober{}

var errNet = errors.New("connection refused")

func (p prober) Probe(ctx context.Context, addr string, mine Status) (Status, error) {
	to := p.target(addr)
	if err := p.travel(ctx, p.n, to); err != nil {
		return Status{}, err
	}
	f := to.running()
	if f == nil {
		return Status{}, errNet
	}
	s := f.Answer(mine)
	return s, p.travel(ctx, to, p.n)
}

func (p prober) target(addr string) *node {
	p.n.w.mu.Lock()
	defer p.n.w.mu.Unlock()
	for _, n := range p.n.w.nodes {
		if n.addr == addr {
			return n
		}
	}
	return p.n.w.alias[addr]
}

func (p prober) travel(ctx context.Context, from, to *node) error {
	w := p.n.w
	if to == nil {
		return errNet
	}
	if d := w.chance(&w.delay); d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut[[2]int{from.i, to.i}] {
		return errNet
	}
	return nil
}

func (w *world) setCut(from, to int, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[[2]int{from, to}] = cut
}

// end stops all processes and waits for them.
func (w *world) end() {
	for _, n := range w.nodes {
		n.crash()
	}
	w.wg.Wait()
}

// settle waits until count nodes have formed, at most d.
func (w *world) settle(count int, d time.Duration) bool {
	return within(d, func() bool {
		formed := 0
		for _, n := range w.nodes {
			if _, ok := n.formed(); ok {
				formed++
			}
		}
		return formed >= count
	})
}

// within waits until something is so, at most d.
func within(d time.Duration, so func() bool) bool {
	for until := time.Now().Add(d); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if so() {
			return true
		}
	}
	return false
}

// oneGroup tells what is wrong with the groups that were formed, ever.
func (w *world) oneGroup() error {
	ids := map[string]int{}
	var first *Result
	for _, n := range w.nodes {
		n.mu.Lock()
		if len(n.promises) > 1 {
			defer n.mu.Unlock()
			return fmt.Errorf("%s promised %d times: %v", n.cfg.ID, len(n.promises), n.promises)
		}
		if n.cluster != "" {
			ids[n.cluster]++
			if !n.promises[0].Has(n.cfg.ID) {
				defer n.mu.Unlock()
				return fmt.Errorf("%s joined %v without being on it", n.cfg.ID, n.promises[0])
			}
		}
		r := n.result
		n.mu.Unlock()
		if r == nil {
			continue
		}
		if r.Met != nil {
			ids[r.Met.ClusterID] += 0
			continue
		}
		if first == nil {
			first = r
		}
		if err := same(*first, *r); err != nil {
			return err
		}
	}
	if len(ids) > 1 {
		return fmt.Errorf("%d groups: %v", len(ids), ids)
	}
	return nil
}

func same(a, b Result) error {
	if a.ClusterID != b.ClusterID || len(a.Members) != len(b.Members) {
		return fmt.Errorf("results differ: %v, %v", a, b)
	}
	for i := range a.Members {
		if a.Members[i].ID != b.Members[i].ID || a.Members[i].Voter != b.Members[i].Voter {
			return fmt.Errorf("results differ: %v, %v", a, b)
		}
	}
	return nil
}
