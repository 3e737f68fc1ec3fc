package raftnode

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/raftnode/form"
	"github.com/sidelock/sidelock/raftnode/peer"
	"github.com/sidelock/sidelock/raftnode/store"
)

// founding keeps the decisions of the forming agreement on disk.
type founding struct{ n *Node }

var _ form.Keeper = founding{}

func (f founding) Load() (*form.Promise, string, error) {
	m := f.n.dir.Membership()
	if m.Promise == nil {
		return nil, m.ClusterID, nil
	}
	return &form.Promise{Nodes: m.Promise.Nodes, Voters: m.Promise.Voters}, m.ClusterID, nil
}

func (f founding) SavePromise(p form.Promise, members map[string]form.Label) error {
	f.n.learn(members)
	return f.n.dir.SetPromise(store.Promise{Nodes: p.Nodes, Voters: p.Voters})
}

// SaveJoined writes Raft's first configuration, identical on all founders that vote: addresses are IDs, so that a moved node needs no
// change of membership (guard 12). raft.BootstrapCluster would do, but for a crash between its two writes: the term is then
// there, and it takes the log for begun. Here an empty log is begun again; nobody can have voted, for Raft is not served yet.
func (f founding) SaveJoined(r form.Result) error {
	logs, stable, _ := f.n.dir.RaftStores()
	last, err := logs.LastIndex()
	if err != nil {
		return fmt.Errorf("look into the log: %w", err)
	}
	first := configuration(r)
	if last == 0 && contains(first, f.n.id) {
		if err := stable.SetUint64([]byte(raftTermKey), 1); err != nil {
			return fmt.Errorf("write raft's first term: %w", err)
		}
		entry := &raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(first)}
		if err := logs.StoreLog(entry); err != nil {
			return fmt.Errorf("write raft's first configuration: %w", err)
		}
	}
	return f.n.dir.SetJoined(r.ClusterID)
}

// raftTermKey is where raft keeps its term (keyCurrentTerm in its raft.go).
const raftTermKey = "CurrentTerm"

// configuration has the founders that vote. The others are agents at first: the Raft leader makes spares of as many as are wanted.
func configuration(r form.Result) (first raft.Configuration) {
	for _, m := range r.Members {
		if m.Voter {
			first.Servers = append(first.Servers, raft.Server{ID: raft.ServerID(m.ID), Address: raft.ServerAddress(m.ID), Suffrage: raft.Voter})
		}
	}
	return first
}

// probing asks others who they are, through the peer port.
type probing struct{ n *Node }

var _ form.Prober = probing{}

func (p probing) Probe(ctx context.Context, addr string, mine form.Status) (form.Status, error) {
	a := p.n.inquire(ctx, addr, mine)
	return a.report.Status, a.err
}

// learn takes where others are into the address book.
func (n *Node) learn(members map[string]form.Label) {
	for id, label := range members {
		if id != string(n.id) {
			n.port.Book().Learn(id, peer.Entry{Address: label.Address, Name: label.Name})
		}
	}
}

// known is where others were last seen.
func (n *Node) known() (addresses []string) {
	for _, e := range n.port.Book().Snapshot() {
		addresses = append(addresses, e.Address)
	}
	return addresses
}

// serveProbe answers one probe.
func (n *Node) serveProbe(conn net.Conn, h peer.Hello) {
	if conn.SetDeadline(time.Now().Add(probeTimeout)) != nil {
		return
	}
	var theirs inquiry
	if json.NewDecoder(io.LimitReader(conn, maxProbe)).Decode(&theirs) != nil {
		return // not a sidecar, or it has gone: it hears nothing
	}
	if err := form.Compare(n.former.Status(), theirs.Status); err != nil && n.foreign.first(theirs.ClusterID) {
		n.log.Warn("a node of another cluster asks to join this one", "err", err)
	}
	mine := n.report(n.former.Answer(theirs.Status))
	if theirs.DialBack {
		mine.DialBack = n.dialBack(h)
	}
	// An error means that the prober has gone; it will ask again.
	_ = json.NewEncoder(conn).Encode(mine)
}

// saveBook writes down what is known of the others, best effort: where they are, discovery finds out again without.
func (n *Node) saveBook() {
	seen := n.port.Sightings()
	peers := map[string]store.Peer{}
	for id, e := range n.port.Book().Snapshot() {
		s := seen[id]
		peers[id] = store.Peer{Name: e.Name, Address: e.Address, Life: store.Life{Instance: s.Instance, Boot: s.Boot, Term: s.Term, Committed: s.Committed}}
	}
	if err := n.dir.SavePeers(peers); err != nil {
		n.log.Debug("could not write down what is known of the peers", "err", err)
	}
}

// recall takes back what an earlier run knew of the others.
func (n *Node) recall() (book map[string]peer.Entry, seen map[string]peer.Sighting) {
	book, seen = map[string]peer.Entry{}, map[string]peer.Sighting{}
	for id, p := range n.dir.Peers() {
		book[id] = peer.Entry{Address: p.Address, Name: p.Name}
		seen[id] = peer.Sighting{Instance: p.Life.Instance, Boot: p.Life.Boot, Term: p.Life.Term, Committed: p.Life.Committed}
	}
	return book, seen
}

// foreign are the other clusters whose nodes asked this one, of which was told.
type foreign struct {
	mu   sync.Mutex
	told map[string]bool
}

// maxForeign is how many are remembered; of more than that is not told.
const maxForeign = 64

// first tells whether a cluster has not been told of.
func (f *foreign) first(cluster string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told == nil {
		f.told = map[string]bool{}
	}
	if f.told[cluster] || len(f.told) >= maxForeign {
		return false
	}
	f.told[cluster] = true
	return true
}
