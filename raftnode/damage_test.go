package raftnode

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/internal/sim"
	"github.com/sidelock/sidelock/raftnode/store"
)

// TestDamagedSnapshotEndsTheNodeWithItsName (P19): it is found when the state is loaded, and neither an older one nor an empty state takes
// its place. Nor is a directory recovered by it.
func TestDamagedSnapshotEndsTheNodeWithItsName(t *testing.T) {
	damages := map[string]func([]byte) []byte{
		"a flipped bit": func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"cut off":       func(b []byte) []byte { return b[:len(b)/2] },
	}
	for what, damage := range damages {
		t.Run(what, func(t *testing.T) {
			var dir, newest string
			inFakeTime(t, 1, func(w *world) {
				h := w.hosts[0]
				for round := range 3 {
					for i := range 40 {
						who := fmt.Sprintf("r%d-%d", round, i)
						w.mustHold(h, lockCommand("l", who, time.Hour, 1))
						w.mustRelease(h, "l", who)
					}
					w.sleep(2 * time.Second)
				}
				h.stop()
				files, err := filepath.Glob(filepath.Join(h.dir, "snapshots", "*", "state.bin"))
				if err != nil || len(files) < 2 {
					t.Fatalf("%d snapshots: %v", len(files), err)
				}
				dir, newest = h.dir, files[0]
				for _, f := range files[1:] {
					if stamp(t, f).After(stamp(t, newest)) {
						newest = f
					}
				}
				b, err := os.ReadFile(newest)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(newest, damage(b), 0o600); err != nil {
					t.Fatal(err)
				}
				if _, err := Recover(h.dir, "test", yes); err == nil || !strings.Contains(err.Error(), newest) {
					t.Errorf("recover: %v", err)
				}
			}, func(w *world) { w.tune = small })
			mustFail(t, dir, newest)
		})
	}
}

func stamp(t *testing.T, path string) time.Time {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

// mustFail starts a node that cannot: it is refused, or ends, with words.
func mustFail(t *testing.T, dir, words string) {
	t.Helper()
	net := sim.New()
	defer net.Close()
	said := make(chan error, 1)
	n, err := Open(Config{DataDir: dir, Name: "n1", PeerAddr: "n1:1", Advertise: "n1:1", ClusterSize: 1, Voters: 1},
		Deps{Logger: slog.New(slog.DiscardHandler), Recorder: noRecorder{}, Network: net.Host("n1"), Fatal: func(err error) {
			select {
			case said <- err:
			default:
			}
		}})
	if err == nil {
		select {
		case err = <-said:
		case <-time.After(time.Minute):
			err = errors.New("it runs")
		}
		_ = n.abandon()
	}
	if !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "move its whole data directory away") {
		t.Errorf("want %q and the way out: %v", words, err)
	}
	var corrupt *store.CorruptError
	if !errors.As(err, &corrupt) {
		t.Errorf("%T: %v", err, err)
	}
}

// TestCompactedDirectoryHasTheSameDigest, and goes on.
func TestCompactedDirectoryHasTheSameDigest(t *testing.T) {
	inFakeTime(t, 1, func(w *world) {
		h := w.hosts[0]
		for i := range 60 {
			who := fmt.Sprintf("holder%d", i)
			w.mustHold(h, lockCommand(who, who, time.Hour, 1))
		}
		h.stop()
		grown(t, h.dir)
		before := h.state().Digest()
		done, err := store.Compact(h.dir, "test")
		if err != nil || done.After > done.Before/4 {
			t.Errorf("%+v %v", done, err)
		}
		if h.state().Digest() != before {
			t.Error("the state is another")
		}
		h.start()
		w.ready()
		w.mustHold(h, lockCommand("next", "next", time.Hour, 1))
	})
}

// grown makes the log of a stopped node take room that it does not need.
func grown(t *testing.T, dir string) {
	t.Helper()
	d, err := store.OpenOffline(dir, store.Options{Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	term, index, err := d.Last()
	if err != nil {
		t.Fatal(err)
	}
	_, _, log := d.RaftStores()
	if err := log.StoreLog(&raft.Log{Index: index + 1, Term: term, Type: raft.LogNoop, Data: make([]byte, 4<<20)}); err != nil {
		t.Fatal(err)
	}
	if err := log.DeleteRange(index+1, index+1); err != nil {
		t.Fatal(err)
	}
}
