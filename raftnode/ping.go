package raftnode

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/sidelock/sidelock/raftnode/peer"
)

// ping is what a sidecar says to the Raft leader, again and again.
type ping struct {
	roster    uint64 // version of the roster that it has
	leaving   bool
	last      logEnd // of its log
	term      uint64
	committed uint64
}

// ping is what this node says of itself.
func (n *Node) ping() (p ping) {
	if r := n.roster.Load(); r != nil {
		p.roster = r.version
	}
	p.leaving = n.leaving.Load()
	m := n.asMember()
	if m == nil {
		return p
	}
	p.term, p.committed = m.raft.CurrentTerm(), m.raft.CommitIndex()
	if n.dir.Membership().Logged { // else its log is not to be counted upon
		p.last = m.logEnd()
	}
	return p
}

func (p ping) encode() []byte {
	b := binary.AppendUvarint(nil, p.roster)
	for _, v := range []uint64{uint64(oneIf(p.leaving)), p.last.index, p.last.term, p.term, p.committed} {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// decodePing reads what encode wrote; a later release may say more.
func decodePing(b []byte) (p ping, ok bool) {
	var leaving uint64
	for _, v := range []*uint64{&p.roster, &leaving, &p.last.index, &p.last.term, &p.term, &p.committed} {
		n := 0
		if *v, n = binary.Uvarint(b); n <= 0 {
			return ping{}, false
		}
		b = b[n:]
	}
	p.leaving = leaving != 0
	return p, true
}

// pong is what the Raft leader says in return: what nobody else can know.
type pong struct {
	applied  uint64        // how far the leader has applied the log (the commit index in AppendEntries is clamped)
	followed time.Duration // ago: when a majority was last known to follow it
	nodes    []nodeNews
	roster   []byte // encoded; empty if the caller has it
}

// nodeNews is what the leader knows of one sidecar.
type nodeNews struct {
	id     string
	ago    time.Duration // since it was last heard of; negative: never
	linked bool          // its process has a connection to the leader now
	life   peer.Sighting
}

func (p pong) encode() []byte {
	b := binary.AppendUvarint(nil, p.applied)
	b = binary.AppendVarint(b, int64(p.followed))
	b = binary.AppendUvarint(b, uint64(len(p.nodes)))
	for _, one := range p.nodes {
		b = appendText(b, one.id)
		b = binary.AppendVarint(b, int64(one.ago))
		b = appendText(b, one.life.Instance)
		b = append(b, oneIf(one.linked))
		for _, v := range []uint64{one.life.Boot, one.life.Term, one.life.Committed} {
			b = binary.AppendUvarint(b, v)
		}
	}
	return append(b, p.roster...)
}

func oneIf(yes bool) byte {
	if yes {
		return 1
	}
	return 0
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodePong reads what encode wrote.
func decodePong(b []byte) (p pong, ok bool) {
	r := pongReader{b: b, ok: true}
	p.applied, p.followed = r.uint(), time.Duration(r.int())
	for n := r.uint(); n > 0 && r.ok; n-- {
		one := nodeNews{id: r.text(), ago: time.Duration(r.int())}
		one.life.Instance, one.linked = r.text(), r.uint() != 0
		one.life = peer.Sighting{Instance: one.life.Instance, Boot: r.uint(), Term: r.uint(), Committed: r.uint()}
		p.nodes = append(p.nodes, one)
	}
	p.roster = r.b
	return p, r.ok
}

// pongReader takes values off the front; after a failure all are zero.
type pongReader struct {
	b  []byte
	ok bool
}

func (r *pongReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	return v * r.took(n)
}

func (r *pongReader) int() int64 {
	v, n := binary.Varint(r.b)
	return v * int64(r.took(n))
}

// took moves on by n bytes; 0 and a failure if there were none.
func (r *pongReader) took(n int) uint64 {
	if r.ok = r.ok && n > 0; !r.ok {
		return 0
	}
	r.b = r.b[n:]
	return 1
}

func (r *pongReader) text() string {
	size := r.uint()
	if r.ok = r.ok && size <= uint64(len(r.b)); !r.ok {
		return ""
	}
	s := string(r.b[:size])
	r.b = r.b[size:]
	return s
}

// pinged takes in what a sidecar says of itself, and answers; false if this node does not lead, or nobody follows it yet.
func (n *Node) pinged(h peer.Hello, p ping) (answer pong, ok bool) {
	n.roll.ping(h, p)
	n.port.Saw(h.NodeID, peer.Life{Instance: h.Life.Instance, Boot: h.Life.Boot, Term: p.term, LastIndex: p.committed, Committed: p.committed})
	r := n.roster.Load()
	at := n.majorityContact()
	if n.reigning() == nil || r == nil || r.Leader != string(n.id) || at.IsZero() {
		return pong{}, false
	}
	answer = pong{applied: n.machine.applied.Load(), followed: time.Since(at)}
	if p.roster != r.version {
		answer.roster = r.encoded
	}
	lives := n.port.Sightings()
	for _, l := range r.Nodes {
		answer.nodes = append(answer.nodes, nodeNews{id: l.ID, ago: n.heardAgo(l), linked: n.roll.linked(l.ID), life: lives[l.ID]})
	}
	return answer, true
}

// heardAgo is how long ago this node, as Raft leader, last heard of another; negative: never.
func (n *Node) heardAgo(l listed) time.Duration {
	if l.ID == string(n.id) {
		return 0
	}
	if l.Role != Agent {
		return n.contact.ago(l.ID)
	}
	if e, ok := n.roll.look(l.ID); ok {
		return time.Since(e.pinged)
	}
	return -1
}

// heard takes in what the Raft leader answered to a ping sent at the given time.
func (n *Node) heard(asked time.Time, leader string, payload []byte) {
	p, ok := decodePong(payload)
	if !ok {
		return
	}
	if n.asMember() != nil {
		n.fresh.reached(n.machine.applied.Load())
		n.fresh.heard(asked.Add(-p.followed), p.applied)
		n.fresh.reached(n.machine.applied.Load())
	}
	now := time.Now()
	for _, one := range p.nodes {
		if one.ago >= 0 {
			n.contact.seen(one.id, now.Add(-one.ago))
		}
		if one.id != string(n.id) {
			n.port.Saw(one.id, peer.Life{Instance: one.life.Instance, Boot: one.life.Boot, Term: one.life.Term, Committed: one.life.Committed})
		}
	}
	n.contact.seen(leader, now)
	n.linked.heard(asked, leader, p.nodes)
	n.ponged.Store(now.UnixNano())
	if len(p.roster) == 0 {
		return
	}
	if r, err := decodeRoster(p.roster); err != nil {
		n.log.Warn("the Raft leader's roster cannot be read; are the releases too far apart?", "err", err)
	} else {
		n.learnRoster(r)
	}
}

// logEnd is the last entry of this member's log.
func (m *member) logEnd() logEnd {
	stats := m.raft.Stats()
	return logEnd{index: number(stats["last_log_index"]), term: number(stats["last_log_term"])}
}

// linked are the nodes whose processes are alive by the Raft leader's last word: they have a connection to it. Whoever uses one of their
// identities now is another process.
type linked struct {
	mu    sync.Mutex
	asked time.Time // when the ping was sent that was answered so
	at    time.Time
	ids   map[string]bool
}

// linkedFor is how long the leader's word on this holds.
const linkedFor = 2 * pingEvery

func (l *linked) heard(asked time.Time, leader string, nodes []nodeNews) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked, l.at, l.ids = asked, time.Now(), map[string]bool{leader: true}
	for _, one := range nodes {
		if one.linked {
			l.ids[one.id] = true
		}
	}
}

func (l *linked) has(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids[id] && time.Since(l.at) < linkedFor
}

// heardSince tells whether a Raft leader has answered a ping that was sent after a moment.
func (l *linked) heardSince(t time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked.After(t)
}

// cut is told that the connection to the Raft leader is gone: it may be dead.
func (l *linked) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids = nil
}
