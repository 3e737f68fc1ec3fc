package raftnode

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/raftnode/form"
	"github.com/sidelock/sidelock/raftnode/peer"
	"github.com/sidelock/sidelock/raftnode/store"
)

const (
	maxProbe     = 64 << 10 // bytes of a status
	probeTimeout = 2 * time.Second
	seekEvery    = 5 * time.Second        // while all is well
	seekSoonest  = 200 * time.Millisecond // between two searches
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

// SaveJoined writes Raft's first configuration, identical on all founders: addresses are IDs, so that a moved node needs no
// change of membership (guard 12). raft.BootstrapCluster would do, but for a crash between its two writes: the term is then
// there, and it takes the log for begun. Here an empty log is begun again; nobody can have voted, for Raft is not served yet.
func (f founding) SaveJoined(r form.Result) error {
	logs, stable, _ := f.n.dir.RaftStores()
	last, err := logs.LastIndex()
	if err != nil {
		return fmt.Errorf("look into the log: %w", err)
	}
	if last == 0 {
		if err := stable.SetUint64([]byte(raftTermKey), 1); err != nil {
			return fmt.Errorf("write raft's first term: %w", err)
		}
		entry := &raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(configuration(r))}
		if err := logs.StoreLog(entry); err != nil {
			return fmt.Errorf("write raft's first configuration: %w", err)
		}
	}
	return f.n.dir.SetJoined(r.ClusterID)
}

// raftTermKey is where raft keeps its term (keyCurrentTerm in its raft.go).
const raftTermKey = "CurrentTerm"

func configuration(r form.Result) (first raft.Configuration) {
	for _, m := range r.Members {
		s := raft.Server{ID: raft.ServerID(m.ID), Address: raft.ServerAddress(m.ID), Suffrage: raft.Nonvoter}
		if m.Voter {
			s.Suffrage = raft.Voter
		}
		first.Servers = append(first.Servers, s)
	}
	return first
}

// probing asks others who they are, through the peer port.
type probing struct{ n *Node }

var _ form.Prober = probing{}

func (p probing) Probe(ctx context.Context, addr string, mine form.Status) (form.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, _, err := p.n.port.DialAddr(ctx, peer.KindProbe, addr)
	if err != nil {
		return form.Status{}, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return form.Status{}, err
	}
	if err := json.NewEncoder(conn).Encode(mine); err != nil {
		return form.Status{}, fmt.Errorf("probe %s: %w", addr, err)
	}
	var theirs form.Status
	if err := json.NewDecoder(io.LimitReader(conn, maxProbe)).Decode(&theirs); err != nil {
		return form.Status{}, fmt.Errorf("probe %s: %w", addr, err)
	}
	return theirs, nil
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
func (n *Node) serveProbe(conn net.Conn, _ peer.Hello) {
	if conn.SetDeadline(time.Now().Add(probeTimeout)) != nil {
		return
	}
	var theirs form.Status
	if json.NewDecoder(io.LimitReader(conn, maxProbe)).Decode(&theirs) != nil {
		return // not a sidecar, or it has gone: it hears nothing
	}
	if err := form.Compare(n.former.Status(), theirs); err != nil {
		n.log.Warn("a node of another cluster asks to join this one", "err", err)
	}
	mine := n.former.Answer(theirs)
	// An error means that the prober has gone; it will ask again.
	_ = json.NewEncoder(conn).Encode(mine)
}

// seek probes the addresses of --join, at first and now and then and when a peer cannot be reached, so that a member whose address
// has changed is found again. What is learnt goes into the address book.
func (n *Node) seek() {
	foreign := map[string]bool{} // addresses of another cluster, of which was told
	for {
		for _, addr := range n.cfg.Join {
			mine := n.former.Status()
			theirs, err := probing{n}.Probe(n.ctx, addr, mine)
			if err != nil || theirs.ClusterID == "" {
				continue
			}
			if err := form.Compare(mine, theirs); err != nil {
				if !foreign[addr] {
					n.log.Warn("an address of --join leads to another cluster", "addr", addr, "err", err)
				}
				foreign[addr] = true
				continue
			}
			for id, label := range theirs.Members {
				if _, known := n.port.Book().Lookup(id); !known && id != string(n.id) {
					n.port.Book().Learn(id, peer.Entry{Address: label.Address, Name: label.Name})
				}
			}
		}
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(seekSoonest):
		}
		select {
		case <-n.ctx.Done():
			return
		case <-n.lost:
		case <-time.After(seekEvery):
		}
	}
}

// seekSoon is told of each peer that could not be reached.
func (n *Node) seekSoon(string, error) {
	select {
	case n.lost <- struct{}{}:
	default:
	}
}

// saveBook writes the last known addresses down, best effort: discovery finds peers again without.
func (n *Node) saveBook() {
	peers := map[string]store.Peer{}
	for id, e := range n.port.Book().Snapshot() {
		peers[id] = store.Peer{Name: e.Name, Address: e.Address}
	}
	if err := n.dir.SavePeers(peers); err != nil {
		n.log.Debug("could not write down the peers' addresses", "err", err)
	}
}
