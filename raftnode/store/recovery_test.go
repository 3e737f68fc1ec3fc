package store

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// offline opens a directory that must be there.
func offline(t *testing.T, path string) *Dir {
	t.Helper()
	rec := &recorder{}
	d, err := OpenOffline(path, Options{Fatal: rec.fatal})
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// alone are the entries that a recovery adds in these tests.
func alone(term, index uint64) []*raft.Log {
	return []*raft.Log{{Index: index, Term: term, Type: raft.LogConfiguration, Data: []byte("alone")}, {Index: index + 1, Term: term, Data: []byte("tokens")}}
}

// crashes are the points at which a recovery may be cut off, by what it had written by then.
var crashes = map[string]func(*Dir) error{
	"nothing":  func(*Dir) error { return nil },
	"decision": func(d *Dir) error { return d.beginRecovery("new", 2) },
	"term": func(d *Dir) error {
		return errors.Join(d.beginRecovery("new", 2), d.stable.SetUint64([]byte(keyCurrentTerm), d.member.Recovering.Term))
	},
	"entries": func(d *Dir) error {
		if err := errors.Join(d.beginRecovery("new", 2), d.stable.SetUint64([]byte(keyCurrentTerm), d.member.Recovering.Term)); err != nil {
			return err
		}
		return d.log.StoreLogs(alone(d.member.Recovering.Term, 131))
	},
}

func TestRecoveryThatWasCutOffGoesOnAndIsRefusedUntilThen(t *testing.T) {
	for what, crash := range crashes {
		t.Run(what, func(t *testing.T) {
			path := t.TempDir()
			found(t, path, 130)
			d := offline(t, path)
			if err := crash(d); err != nil {
				t.Fatal(err)
			}
			shut(t, d)
			if what != "nothing" {
				var unfinished *UnfinishedError
				if err := refused(t, path); !errors.As(err, &unfinished) || !strings.Contains(err.Error(), "sidelock recover --data-dir "+path) {
					t.Fatalf("a half recovered directory: %v", err)
				}
			}
			d = offline(t, path)
			id, err := d.Recover("second", alone)
			if err != nil {
				t.Fatal(err)
			}
			shut(t, d)
			want := "new" // as was decided first
			if what == "nothing" {
				want = "second"
			}
			d, _ = open(t, path)
			checkRecovered(t, d, want)
			if id != want {
				t.Errorf("recovered as %q, said %q", want, id)
			}
		})
	}
}

func checkRecovered(t *testing.T, d *Dir, id string) {
	t.Helper()
	m := d.Membership()
	if m.ClusterID != id || !slices.Equal(m.Replaced, []string{"cluster"}) || m.Recovering != nil || !m.Logged ||
		m.Promise == nil || !m.Promise.Equal(Promise{Nodes: []string{d.Identity().NodeID}, Voters: 1}) {
		t.Errorf("membership %+v", m)
	}
	logs, stable, _ := d.stores()
	last, err := logs.LastIndex()
	if err != nil || last != 132 {
		t.Errorf("the log ends at %d: %v", last, err)
	}
	term, err := stable.GetUint64([]byte(keyCurrentTerm))
	if err != nil || term != 3 {
		t.Errorf("term %d: %v", term, err)
	}
	for i := uint64(1); i <= 130; i++ {
		var e raft.Log
		if err := logs.GetLog(i, &e); err != nil || e.Term != entry(i).Term {
			t.Fatalf("entry %d: %+v %v", i, e, err)
		}
	}
	for i, want := range alone(3, 131) {
		var e raft.Log
		if err := logs.GetLog(131+uint64(i), &e); err != nil || e.Term != 3 || e.Type != want.Type || string(e.Data) != string(want.Data) {
			t.Errorf("added entry %d: %+v %v", i, e, err)
		}
	}
}

func TestSecondRecoveryRemembersAllThatWereReplaced(t *testing.T) {
	path := t.TempDir()
	found(t, path, 3)
	for i := range MaxReplaced + 3 {
		d := offline(t, path)
		if _, err := d.Recover(string(rune('a'+i)), alone); err != nil {
			t.Fatal(err)
		}
		m := d.Membership()
		if m.ClusterID != string(rune('a'+i)) || len(m.Replaced) != min(i+1, MaxReplaced) || i > 0 && m.Replaced[0] != string(rune('a'+i-1)) {
			t.Fatalf("round %d: %+v", i, m)
		}
		shut(t, d)
	}
}

// TestRecoveryGoesOnBehindASnapshot: the log may be empty, or end before the snapshot does.
func TestRecoveryGoesOnBehindASnapshot(t *testing.T) {
	for _, last := range []uint64{0, 20} {
		path := t.TempDir()
		found(t, path, 30)
		cover(t, path, 50, "state")
		d, _ := open(t, path)
		logs, _, _ := d.stores()
		if err := logs.DeleteRange(last+1, 30); err != nil {
			t.Fatal(err)
		}
		shut(t, d)
		d = offline(t, path)
		if term, index, err := d.Last(); err != nil || term != 1 || index != 50 {
			t.Fatalf("last entry: term %d, index %d, %v", term, index, err)
		}
		if _, err := d.Recover("new", alone); err != nil {
			t.Fatal(err)
		}
		shut(t, d)
		d, _ = open(t, path)
		if at, err := d.log.LastIndex(); err != nil || at != 52 {
			t.Fatalf("the log ends at %d: %v", at, err)
		}
	}
}

func TestOfflineMakesNothingAndCountsNothing(t *testing.T) {
	path := t.TempDir()
	if _, err := OpenOffline(path, Options{Fatal: func(error) {}}); !errors.Is(err, ErrNoDirectory) || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
	if there, err := exists(path + "/" + lockFile); there || err != nil {
		t.Fatalf("something was made: %v", err)
	}
	found(t, path, 3)
	shut(t, offline(t, path))
	d, _ := open(t, path)
	if d.Boot() != 2 {
		t.Errorf("boot %d", d.Boot())
	}
	if _, err := d.Recover("new", alone); err == nil {
		t.Error("a directory that serves was recovered")
	}
	if _, err := OpenOffline(path, Options{Fatal: func(error) {}}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "stop the sidecar") {
		t.Errorf("in use: %v", err)
	}
}

func TestFreshDirectoryIsNotRecovered(t *testing.T) {
	path := t.TempDir()
	d, _ := open(t, path)
	shut(t, d)
	d = offline(t, path)
	if _, err := d.Recover("new", alone); err == nil || !strings.Contains(err.Error(), "no cluster") {
		t.Fatal(err)
	}
}
