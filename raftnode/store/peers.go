package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

const peersFile = "peers.json"

// Peer is where a member was last seen. A hint: nothing depends on it.
type Peer struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"` // host:port
}

// Peers returns the last known addresses by node ID. A file that cannot be read
// is reported in the log and counts as empty: discovery finds peers again.
func (d *Dir) Peers() map[string]Peer {
	peers := map[string]Peer{}
	err := readRecord(filepath.Join(d.path, peersFile), "peers", &peers)
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
	raw, err := encodeRecord("peers", peers)
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
