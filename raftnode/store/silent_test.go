package store

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
)

// TestRaftsGoroutineEndsQuietlyWhereItWouldPanic over a store that has failed; what raft takes as an error it gets.
func TestRaftsGoroutineEndsQuietlyWhereItWouldPanic(t *testing.T) {
	uses := map[string]struct {
		use  func(raft.LogStore, raft.StableStore) error
		ends bool
	}{
		"read an entry":    {func(l raft.LogStore, _ raft.StableStore) error { return l.GetLog(2, &raft.Log{}) }, true},
		"write a term":     {func(_ raft.LogStore, s raft.StableStore) error { return s.SetUint64(current, 9) }, true},
		"write an entry":   {func(l raft.LogStore, _ raft.StableStore) error { return l.StoreLog(entry(4)) }, false},
		"write a vote":     {func(_ raft.LogStore, s raft.StableStore) error { return vote(s, 9, "n_a") }, false},
		"remove entries":   {func(l raft.LogStore, _ raft.StableStore) error { return l.DeleteRange(1, 2) }, false},
		"read the last":    {func(l raft.LogStore, _ raft.StableStore) error { _, err := l.LastIndex(); return err }, false},
		"read a term":      {func(_ raft.LogStore, s raft.StableStore) error { _, err := s.GetUint64(current); return err }, false},
		"a missing entry":  {func(l raft.LogStore, _ raft.StableStore) error { return l.GetLog(99, &raft.Log{}) }, true},
		"a missing entry ": {nil, false},
	}
	for what, u := range uses {
		path := t.TempDir()
		found(t, path, 3)
		d, rec := open(t, path)
		logs, stable, _ := d.RaftStores()
		if u.use == nil {
			if err := logs.GetLog(99, &raft.Log{}); !errors.Is(err, raft.ErrLogNotFound) {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		if m, ok := logs.(raft.MonotonicLogStore); !ok || !m.IsMonotonic() {
			t.Error("raft must empty the log when a snapshot is installed")
		}
		_ = d.fail.report(errors.New("the disk is gone"))
		deferred, returned := false, error(nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { deferred = true }()
			returned = errors.New("never returned")
			returned = u.use(logs, stable)
		}()
		<-done
		if quiet := returned != nil && returned.Error() == "never returned"; quiet != u.ends || !deferred || returned == nil || len(rec.errs) != 1 {
			t.Errorf("%s: returned %v, ended quietly: %v; fatal %v", what, returned, quiet, rec.errs)
		}
	}
}
