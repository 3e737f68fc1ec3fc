package peer

import (
	"context"
	"time"
)

// twinAsk is how long a process is looked for that may be alive beside another of its identity. It is once for each new process of a known node, and
// takes that long where the machine has gone on which the node was.
const twinAsk = 500 * time.Millisecond

// judgeLife tells why a node of our cluster that says this of itself is not to be talked to; "" if it is. A process that was not talked
// to before is believed only once the node does not answer any more, with another process, where it was last: who has
// just started, or has no connection to it, knows of no other way whether it is alive. at is where it was dialed, empty if it called.
func (p *Port) judgeLife(h Hello, at string) (Code, string) {
	if p.doubled(h, at) {
		return CodeTwin, p.lives.twin(h)
	}
	return p.lives.judge(h)
}

func (p *Port) doubled(h Hello, at string) bool {
	e, known := p.cfg.Book.Lookup(h.NodeID)
	if !known || e.Address == at || p.lives.knows(h) {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), twinAsk)
	defer cancel()
	// A probe with a target only asks who is there: it is not looked into who asks, or two could ask back for ever.
	conn, there, err := p.dialAddr(ctx, KindProbe, e.Address, h.NodeID)
	if err != nil {
		return false
	}
	conn.Close()
	return there.ClusterID == h.ClusterID && there.Life.Instance != h.Life.Instance
}

// knows tells whether this very process was talked to before.
func (l *lives) knows(h Hello) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[h.NodeID].Instance == h.Life.Instance
}
