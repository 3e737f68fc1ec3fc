package raftnode

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sidelock/sidelock/raftnode/form"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// Whether the others reach an address can only be tried from where they are. So a prober may ask to be dialled at the address that he
// advertises in his hello. One dial answers one probe, and it says no more than a hello does: there is nothing to be amplified.

const (
	dialBackTimeout    = time.Second // less than probeTimeout, so that the answer still arrives
	dialBacksAtOnce    = 4
	dialBacksPerMinute = 120
)

// inquiry is what a prober says and asks.
type inquiry struct {
	form.Status
	DialBack bool `json:"dial_back,omitempty"` // dial me, at the address of my hello, and say what came of it
}

// DialledBack is what a sidecar found at the address that its prober advertises.
type DialledBack struct {
	Declined  string `json:"declined,omitempty"` // why it was not tried, for people
	Error     string `json:"error,omitempty"`    // why it came to nothing, for people
	NodeID    string `json:"node_id,omitempty"`  // who answered there
	Name      string `json:"name,omitempty"`
	ClusterID string `json:"cluster_id,omitempty"`
}

// dialBacks bounds how much this node dials for others.
type dialBacks struct {
	mu    sync.Mutex
	open  int
	since time.Time // when counted began
	count int
}

// begin takes a place, if there is one; end gives it back.
func (d *dialBacks) begin(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.since) >= time.Minute {
		d.since, d.count = now, 0
	}
	if d.open >= dialBacksAtOnce || d.count >= dialBacksPerMinute {
		return false
	}
	d.open++
	d.count++
	return true
}

func (d *dialBacks) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
}

// dialBack dials a prober. He must be of this cluster, or have shown by his certificate that he is trusted: a stranger gets nothing
// dialled.
func (n *Node) dialBack(h peer.Hello) *DialledBack {
	switch {
	case !n.secured() && h.ClusterID != n.clusterID():
		return &DialledBack{Declined: fmt.Sprintf("the prober is of cluster %q, and this node of %q", h.ClusterID, n.clusterID())}
	case h.Address == "":
		return &DialledBack{Declined: "the prober advertises no address"}
	case !n.dialBacks.begin(time.Now()):
		return &DialledBack{Declined: "this node dials back for too many others now"}
	}
	defer n.dialBacks.end()
	ctx, cancel := context.WithTimeout(n.ctx, dialBackTimeout)
	defer cancel()
	conn, theirs, err := n.port.DialAddr(ctx, peer.KindProbe, h.Address)
	if err != nil {
		return &DialledBack{Error: err.Error()}
	}
	conn.Close() // the hello was all that was wanted
	return &DialledBack{NodeID: theirs.NodeID, Name: theirs.Name, ClusterID: theirs.ClusterID}
}

// secured tells whether nobody gets to speak with this node's peer port who is not trusted.
func (n *Node) secured() bool {
	_, plain := n.deps.Security.(peer.Plain)
	return n.deps.Security != nil && !plain
}
