package store

// Reach returns Raft's term and the index of the last entry, by the log or by a snapshot, as they are on disk; zero where there is none, and after
// Close.
func (d *Dir) Reach() (term, last uint64) {
	if t, err := d.stable.GetUint64([]byte(keyCurrentTerm)); err == nil {
		term = t
	}
	if i, err := d.log.LastIndex(); err == nil {
		last = i
	}
	if i, err := d.newestSnapshot(); err == nil {
		last = max(last, i)
	}
	return term, last
}
