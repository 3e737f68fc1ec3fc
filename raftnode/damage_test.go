package raftnode

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
			inFakeTime(t, 1, func(w *world) {
				h := w.hosts[0]
				for range 3 {
					for i := range 40 {
						name := string(rune('a'+i%20)) + "-lock"
						w.mustHold(h, lockCommand(name, name, time.Hour, 1))
						w.mustRelease(h, name, name)
					}
					w.sleep(2 * time.Second)
				}
				h.stop()
				files, err := filepath.Glob(filepath.Join(h.dir, "snapshots", "*", "state.bin"))
				if err != nil || len(files) < 2 {
					t.Fatalf("%d snapshots: %v", len(files), err)
				}
				newest := files[0]
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
				h.mustFail(newest)
			}, func(w *world) { w.tune = small })
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
func (h *host) mustFail(words string) {
	h.w.t.Helper()
	said := make(chan error, 1)
	n, err := Open(Config{DataDir: h.dir, Name: h.name, PeerAddr: h.addr(), Advertise: h.addr(), ClusterSize: 1, Voters: 1, Timing: h.w.timing},
		Deps{Logger: h.w.logger(), Recorder: noRecorder{}, Clock: h.clock, Network: h.w.net.Host(h.name), Fatal: func(err error) {
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
		h.w.t.Errorf("want %q and the way out: %v", words, err)
	}
	var corrupt *store.CorruptError
	if !errors.As(err, &corrupt) {
		h.w.t.Errorf("%T: %v", err, err)
	}
}
