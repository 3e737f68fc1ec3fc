package store

// DeleteRange removes the entries min to max, both included.
//
// Raft calls it for two things, and each must leave a usable log if the process
// dies half-way:
//
//   - Compaction removes the oldest entries, which a snapshot covers. This goes
//     front to back in transactions of DeleteChunk entries, so that StoreLogs
//     never waits long for bbolt's one writer. Half-way the log starts a little
//     earlier than asked.
//   - A follower removes its newest entries, which conflict with the leader's.
//     This is one transaction: if only the older half of the tail were gone, the
//     rest would look like a valid end of the log after a gap. Such a tail was
//     never committed, so it is short. A delete of everything counts as this.
//
// Any error has gone to Fatal.
func (l *Log) DeleteRange(min, max uint64) error {
	first, err := l.FirstIndex()
	if err != nil {
		return err
	}
	last, err := l.LastIndex()
	if err != nil {
		return err
	}
	if first == 0 || max < min || max < first || min > last {
		return nil
	}
	if max >= last || min > first {
		return l.deleteAtOnce(min, max)
	}
	return l.deleteFromFront(first, max)
}

func (l *Log) deleteAtOnce(min, max uint64) error {
	return l.do(trimLog, func() error { return l.inner.DeleteRange(min, max) })
}

// deleteFromFront asks for the first index again after each chunk: a log of an
// older build may have a gap, which costs no transactions this way.
func (l *Log) deleteFromFront(first, max uint64) error {
	for first != 0 && first <= max {
		end := max
		if max-first >= DeleteChunk {
			end = first + DeleteChunk - 1
		}
		if err := l.deleteAtOnce(first, end); err != nil {
			return err
		}
		var err error
		if first, err = l.FirstIndex(); err != nil {
			return err
		}
	}
	return nil
}
