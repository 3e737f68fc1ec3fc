package peer

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A data directory that was copied, or rolled back to an earlier copy of itself, can vote a second time in a term, and can
// have forgotten what it acknowledged (guard 15). Nobody can tell by looking at it alone. So every node says in its hello where
// its disk stands, and its peers remember: the count of its boots, its term and what it knew to be committed never go back, and
// one boot is one process. A node that another process of the same identity is alive beside, or that has gone back, is not
// talked to, on either side of a connection.
//
// What risk remains: a copy made of a stopped node and started in its place is that node, and right; a node rolled back by less
// than its peers have heard (a boot is heard of at once, an index within a ping) passes; so does one whose peers have all lost
// their memory of it at the same time.

// Sighting is what is remembered of a node's life.
type Sighting struct {
	Instance  string // of the process last accepted; empty: not known
	Boot      uint64
	Term      uint64
	Committed uint64
}

// twinSilence is how long a process must not have been heard before another of the same identity may take its place without its
// connections having been closed: that of a machine which lost its power, say.
const twinSilence = time.Second

// lives is what a port remembers of others. Its methods are safe for concurrent use.
type lives struct {
	mu     sync.Mutex
	seen   map[string]Sighting
	gone   map[string]string        // node ID: the process that was found to have gone back; it stays so, however far it comes by itself
	conns  map[*heard]string        // connections accepted, by node ID
	others func(nodeID string) bool // what others say; may be nil
}

func newLives(others func(string) bool) *lives {
	return &lives{seen: map[string]Sighting{}, gone: map[string]string{}, conns: map[*heard]string{}, others: others}
}

// heard is an accepted connection that knows when it was last heard of, and whose it is.
type heard struct {
	net.Conn
	instance string
	boot     uint64
	at       atomic.Int64 // unix nanoseconds; of one process's clock, for durations alone
}

// Read implements net.Conn.
func (h *heard) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if n > 0 {
		h.at.Store(time.Now().UnixNano())
	}
	return n, err
}

// judge tells why a node of our cluster that says this of itself is not to be talked to; "" if it is. Then it is remembered.
func (l *lives) judge(h Hello) (Code, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was, life := l.seen[h.NodeID], h.Life
	other := was.Instance != "" && was.Instance != life.Instance
	switch {
	case other && l.alive(h.NodeID, life.Instance):
		return CodeTwin, l.twin(h)
	case life.Boot < was.Boot, life.Boot == was.Boot && other:
		return CodeSuperseded, fmt.Sprintf("node %s (%s) was started again since (that was boot %d, this is boot %d): its data directory was copied or rolled back to an earlier state, and could vote twice. Stop this one; if no other runs, move its data directory away and start again: it joins as a new member",
			h.NodeID, h.Name, was.Boot, life.Boot)
	case other && (l.gone[h.NodeID] == life.Instance || life.Term < was.Term || life.LastIndex < was.Committed): // of one process a later hello may overtake
		l.gone[h.NodeID] = life.Instance
		return CodeRolledBack, fmt.Sprintf("the data directory of node %s (%s) is older than what this node has told before (term %d and index %d, then %d and %d): it was rolled back, and has forgotten votes or entries. Move it away and start again: it joins as a new member",
			h.NodeID, h.Name, life.Term, life.LastIndex, was.Term, was.Committed)
	}
	l.remember(h.NodeID, life)
	return "", ""
}

func (l *lives) twin(h Hello) string {
	return fmt.Sprintf("another process with the identity %s (%s) is alive: two of them use copies of one data directory. Stop one, and move its copy away",
		h.NodeID, h.Name)
}

// alive tells whether another process of a node than this instance has an open connection here on which it was heard lately, or is alive as others have
// it. mu is held.
func (l *lives) alive(id, instance string) bool {
	if l.others != nil && l.others(id) {
		return true
	}
	for c, of := range l.conns {
		if of == id && c.instance != instance && time.Since(time.Unix(0, c.at.Load())) < twinSilence {
			return true
		}
	}
	return false
}

// remember takes in what a node has told. mu is held.
func (l *lives) remember(id string, life Life) {
	was := l.seen[id]
	if life.Boot < was.Boot || len(l.seen) >= MaxBook && was == (Sighting{}) {
		return
	}
	if life.Boot > was.Boot || was.Instance == "" {
		was.Instance = life.Instance
	}
	was.Boot, was.Term, was.Committed = life.Boot, max(was.Term, life.Term), max(was.Committed, life.Committed)
	l.seen[id] = was
}

// accepted registers a connection whose hello was accepted. It returns the connection to use, the connections of earlier processes of
// the same node, which are to be closed, and what to do when the connection is done with.
func (l *lives) accepted(c net.Conn, h Hello) (use net.Conn, stale []net.Conn, done func()) {
	one := &heard{Conn: c, instance: h.Life.Instance, boot: h.Life.Boot}
	one.at.Store(time.Now().UnixNano())
	l.mu.Lock()
	defer l.mu.Unlock()
	for other, of := range l.conns {
		if of == h.NodeID && other.boot < one.boot {
			stale = append(stale, other.Conn)
		}
	}
	l.conns[one] = h.NodeID
	return one, stale, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, one)
	}
}

// isItself tells whether a node of our cluster that said this of itself in a probe, which is answered whatever it says, is to be believed
// where it is: a copy of it must not draw to itself what is meant for it.
func (p *Port) isItself(own Identity, h Hello, at string) bool {
	if own.ClusterID == "" || h.ClusterID != own.ClusterID {
		return false
	}
	code, _ := p.judgeLife(h, at)
	return code == ""
}

// Saw takes in, from a member that is trusted, where the disk of a node stands.
func (p *Port) Saw(nodeID string, life Life) {
	p.lives.mu.Lock()
	defer p.lives.mu.Unlock()
	p.lives.remember(nodeID, life)
}

// Sightings returns what is remembered of the nodes, by ID.
func (p *Port) Sightings() map[string]Sighting {
	p.lives.mu.Lock()
	defer p.lives.mu.Unlock()
	out := make(map[string]Sighting, len(p.lives.seen))
	for id, s := range p.lives.seen {
		out[id] = s
	}
	return out
}

// Recall takes back what an earlier run remembered of the nodes.
func (p *Port) Recall(seen map[string]Sighting) {
	p.lives.mu.Lock()
	defer p.lives.mu.Unlock()
	for id, s := range seen {
		p.lives.remember(id, Life{Instance: s.Instance, Boot: s.Boot, Term: s.Term, Committed: s.Committed})
	}
}

// sighting is what is remembered of a node.
func (l *lives) sighting(id string) Sighting {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[id]
}

// forgotten tells why this node itself is not to go on, by what a caller of its cluster has heard of it: nobody else may ever tell a node
// that went back to a time when it was alone.
func forgotten(own Identity, h Hello) string {
	life, seen := own.Life, h.Seen
	switch {
	case h.Target != own.NodeID || seen.Instance == "" || seen.Instance == life.Instance:
		return ""
	case seen.Boot >= life.Boot:
		return fmt.Sprintf("node %s (%s) says that this node, %s, was started again since (that was boot %d, this is boot %d): the data directory was copied or rolled back to an earlier state, and could vote twice. If no other runs, move the data directory away and start again: this node then joins as a new member",
			h.NodeID, h.Name, own.NodeID, seen.Boot, life.Boot)
	case seen.Term > life.Term || seen.Committed > life.LastIndex:
		return fmt.Sprintf("node %s (%s) says that this node, %s, has been further than its disk is now (term %d and index %d, now %d and %d): the data directory was copied or rolled back to an earlier state, and has forgotten votes or entries. If no other runs, move it away and start again: this node then joins as a new member",
			h.NodeID, h.Name, own.NodeID, seen.Term, seen.Committed, life.Term, life.LastIndex)
	}
	return ""
}

// ForgetLife drops what is remembered of a node that has left for good.
func (p *Port) ForgetLife(nodeID string) {
	p.lives.mu.Lock()
	defer p.lives.mu.Unlock()
	delete(p.lives.seen, nodeID)
	delete(p.lives.gone, nodeID)
}
