package raftnode

// retention decides how many entries stay in the log behind a snapshot, for followers that lag. raft trims by count alone;
// entries differ a thousandfold in size, so the count is set anew, to a bound in bytes, before each snapshot. It belongs
// to the goroutine that applies entries.
type retention struct {
	sizes [trailingLogs]uint32 // of the last entries, as a ring
	next  int
}

// add notes the size of an entry that was applied.
func (r *retention) add(size int) {
	r.sizes[r.next] = uint32(size)
	r.next = (r.next + 1) % len(r.sizes)
}

// keep returns how many of the last entries fit into trailingBytes; at least one.
func (r *retention) keep() uint64 {
	total := uint64(0)
	for n := range len(r.sizes) {
		total += uint64(r.sizes[(r.next-1-n+2*len(r.sizes))%len(r.sizes)])
		if total > trailingBytes {
			return uint64(max(n, 1))
		}
	}
	return trailingLogs
}

// trim tells raft how much to leave when the snapshot that is being taken is done.
func (n *Node) trim(keep uint64) {
	m := n.asMember()
	if m == nil {
		return
	}
	c := m.raft.ReloadableConfig()
	keep = min(keep, n.raftConfig().TrailingLogs)
	if c.TrailingLogs == keep {
		return
	}
	c.TrailingLogs = keep
	if err := m.raft.ReloadConfig(c); err != nil {
		n.log.Warn("could not bound the log behind a snapshot", "entries", keep, "err", err)
	}
}
