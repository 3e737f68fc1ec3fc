package store

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// hanging is a backend on a disk that does not answer.
type hanging struct {
	*raft.InmemStore
	until chan struct{}
}

func (h hanging) StoreLogs(e []*raft.Log) error { <-h.until; return h.InmemStore.StoreLogs(e) }
func (h hanging) Set(k, v []byte) error         { <-h.until; return h.InmemStore.Set(k, v) }
func (h hanging) DeleteRange(a, b uint64) error { <-h.until; return h.InmemStore.DeleteRange(a, b) }
func (h hanging) GetLog(i uint64, e *raft.Log) error {
	<-h.until
	return h.InmemStore.GetLog(i, e)
}

// TestDiskThatHangsEndsTheStore: whatever it was that does not come back, the log, term and vote, or a removal.
func TestDiskThatHangsEndsTheStore(t *testing.T) {
	uses := map[string]func(*Log, *Stable) error{
		"a write to the log":               func(l *Log, _ *Stable) error { return l.StoreLog(entry(2)) },
		"a write of Raft's term or vote":   func(_ *Log, s *Stable) error { return s.SetUint64([]byte(keyCurrentTerm), 7) },
		"a removal of log entries":         func(l *Log, _ *Stable) error { return l.DeleteRange(1, 1) },
		"a read of the log":                func(l *Log, _ *Stable) error { return l.GetLog(1, &raft.Log{}) },
		"a write of Raft's term or vote ":  func(_ *Log, s *Stable) error { return vote(s, 7, "n_a") },
		"a write to the log after a while": func(l *Log, _ *Stable) error { time.Sleep(time.Hour); return l.StoreLog(entry(2)) },
	}
	for what, use := range uses {
		synctest.Test(t, func(t *testing.T) {
			rec := &recorder{}
			h := hanging{raft.NewInmemStore(), make(chan struct{})}
			if err := h.InmemStore.StoreLog(seal(entry(1))); err != nil {
				t.Fatal(err)
			}
			l := NewLog(h, "raft.db", LogOptions{Fatal: rec.fatal})
			done := make(chan error)
			go func() { done <- use(l, NewStable(l)) }()
			if strings.HasSuffix(what, "while") {
				time.Sleep(time.Hour)
			}
			time.Sleep(StallLimit - time.Second)
			synctest.Wait()
			if len(rec.all()) != 0 {
				t.Fatalf("%s: too soon: %v", what, rec.all())
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			var stall *StallError
			if len(rec.all()) != 1 || !errors.As(rec.all()[0], &stall) || !strings.HasPrefix(what, stall.What) || !strings.Contains(stall.Error(), "raft.db") {
				t.Fatalf("%s: %v", what, rec.all())
			}
			if _, err := l.LastIndex(); !errors.As(err, &stall) {
				t.Errorf("%s: the store went on: %v", what, err)
			}
			close(h.until) // too late
			<-done
		})
	}
}

// TestUseThatComesBackIsNoStall: however many there are, and however slow.
func TestUseThatComesBackIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hanging{raft.NewInmemStore(), make(chan struct{})}
		l := NewLog(h, "raft.db", LogOptions{Fatal: func(err error) { t.Error(err) }})
		for i := range uint64(5) {
			go func() {
				time.Sleep(StallLimit - 2*time.Second)
				h.until <- struct{}{}
			}()
			if err := l.StoreLog(entry(i + 1)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * StallLimit)
	})
}

// TestPausedProcessTakesNoDiskForHung: a process that was stopped in the middle of a write for an hour sees one timer fire, at once,
// when it goes on.
func TestPausedProcessTakesNoDiskForHung(t *testing.T) {
	rec := &recorder{}
	f := newFailure(rec.fatal)
	u := f.begin("raft.db", writeLog)
	for range 3 { // pauses
		u.look()
	}
	if len(rec.all()) != 0 {
		t.Fatalf("given up in a hurry: %v", rec.all())
	}
	u.end()
	for range 2 * stallLooks { // the first was on its way
		u.look()
	}
	if len(rec.all()) != 0 {
		t.Fatalf("given up after it had come back: %v", rec.all())
	}
}
