package raftnode

import "testing"

func TestLogBehindASnapshotIsBoundedInEntriesAndInBytes(t *testing.T) {
	var r retention
	if got := r.keep(); got != trailingLogs {
		t.Errorf("an empty log keeps %d entries, want %d", got, trailingLogs)
	}
	for range 3 * trailingLogs {
		r.add(1 << 10)
	}
	if got := r.keep(); got != trailingLogs {
		t.Errorf("small entries: keeps %d, want all %d", got, trailingLogs)
	}
	for range trailingLogs {
		r.add(maxBatchBytes)
	}
	if got, want := r.keep(), uint64(trailingBytes/maxBatchBytes); got != want {
		t.Errorf("large entries: keeps %d, want %d", got, want)
	}
	r.add(trailingBytes + 1)
	if got := r.keep(); got != 1 {
		t.Errorf("one entry above the bound: keeps %d, want 1", got)
	}
}
