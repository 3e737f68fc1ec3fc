package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

const peersFile = "peers.json"

// Peer is where and how a member was last seen. A hint: nothing depends on it, but that a copied directory is noticed.
type Peer struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"` // host:port
	Life    Life   `json:"life,omitzero"`
}

// Life is how far a member was last seen to be (guard 15).
type Life struct {
	Instance  string `json:"instance,omitempty"`
	Boot      uint64 `json:"boot,omitempty"`
	Term      uint64 `json:"term,omitempty"`
	Committed uint64 `json:"committed,omitempty"`
}

// Peers returns the last known addresses by node ID. A file that cannot be read
// is reported in the log and counts as empty: discovery finds peers again.
func (d *Dir) Peers() map[string]Peer {
	peers := map[string]Peer{}
	err := d.origin.read(filepath.Join(d.path, peersFile), "peers", &peers)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.opts.Logger.Warn("last known addresses of peers cannot be read; going on without", "err", err)
		return map[string]Peer{}
	}
	if peers == nil {
		return map[string]Peer{}
	}
	return peers
}

// SavePeers replaces the last known addresses. It is atomic but not synced, and
// an error need not stop anything.
func (d *Dir) SavePeers(peers map[string]Peer) error {
	if len(peers) > MaxPeers {
		return fmt.Errorf("save %d peers: at most %d are kept", len(peers), MaxPeers)
	}
	raw, err := d.origin.encode("peers", peers)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	return writeFile(filepath.Join(d.path, peersFile), raw, false)
}
