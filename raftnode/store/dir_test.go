package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentityLastsAcrossReopenAndNotAcrossWipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d, _ := open(t, path)
	first := d.Identity()
	if !ValidNodeID(first.NodeID) || d.Boot() != 1 {
		t.Fatalf("identity %+v, boot %d", first, d.Boot())
	}
	shut(t, d)
	d, _ = open(t, path)
	if d.Identity() != first || d.Boot() != 2 {
		t.Fatalf("reopened as %+v, was %+v; boot %d", d.Identity(), first, d.Boot())
	}
	shut(t, d)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	d, _ = open(t, path)
	if d.Identity().NodeID == first.NodeID {
		t.Fatal("a wiped directory has its old identity")
	}
}

func TestDirectoryIsForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "data")
	open(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
}

const secondProcess = "STORE_TEST_SECOND_PROCESS"

func TestSecondOpenerIsRefused(t *testing.T) {
	if path := os.Getenv(secondProcess); path != "" {
		_, err := Open(path, Options{Fatal: func(error) {}})
		fmt.Printf("in use: %v\n%v\n", errors.Is(err, ErrInUse), err)
		return
	}
	path := t.TempDir()
	d, _ := open(t, path)
	if err := refused(t, path); !errors.Is(err, ErrInUse) {
		t.Fatalf("same process: %v", err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSecondOpenerIsRefused$")
	cmd.Env = append(os.Environ(), secondProcess+"="+path)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("in use: true")) || !bytes.Contains(out, fmt.Appendf(nil, "PID %d", os.Getpid())) {
		t.Fatalf("other process: %v\n%s", err, out)
	}
	shut(t, d)
	open(t, path)
}

func TestPromiseAndClusterNeverChange(t *testing.T) {
	path := t.TempDir()
	d, _ := open(t, path)
	self := d.Identity().NodeID
	p := Promise{Nodes: []string{self, "n_~"}, Voters: 1}
	for range 2 {
		if err := d.SetPromise(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.SetPromise(Promise{Nodes: []string{self, "n_~~"}, Voters: 1}); !errors.Is(err, ErrMembershipFixed) {
		t.Fatalf("another promise before joining: %v", err)
	}
	if err := d.SetJoined("one"); err == nil {
		t.Fatal("joined before Raft was bootstrapped")
	}
	logs, _, _ := d.stores()
	if err := logs.StoreLog(entry(1)); err != nil {
		t.Fatal(err)
	}
	if err := d.SetJoined("one"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, other := range []Promise{{Nodes: []string{self, "n_~"}, Voters: 2}, {Nodes: []string{self}, Voters: 1}} {
			if err := d.SetPromise(other); !errors.Is(err, ErrMembershipFixed) {
				t.Fatalf("promise %v: %v", other, err)
			}
		}
		if err := d.SetJoined("two"); !errors.Is(err, ErrMembershipFixed) {
			t.Fatal(err)
		}
		m := d.Membership()
		m.Promise.Nodes[0] = "n_z" // a copy
		if m = d.Membership(); !m.Promise.Equal(p) || m.ClusterID != "one" {
			t.Fatalf("membership %+v", m)
		}
		shut(t, d)
		d, _ = open(t, path)
	}
}

func TestImpossiblePromiseIsRefused(t *testing.T) {
	d, _ := open(t, t.TempDir())
	for _, p := range []Promise{{}, {Nodes: []string{"b", "a"}, Voters: 1}, {Nodes: []string{"a", "a"}, Voters: 1}, {Nodes: []string{"a"}, Voters: 2}, {Nodes: []string{"a"}}, {Nodes: make([]string, MaxListed+1), Voters: 1}} {
		if err := d.SetPromise(p); err == nil {
			t.Errorf("promised %v", p)
		}
	}
}

func TestPartlyLostDirectoryIsRefused(t *testing.T) {
	for _, lost := range []string{identityFile, membershipFile, bootsFile, raftFile} {
		t.Run(lost, func(t *testing.T) {
			path := t.TempDir()
			found(t, path, 3)
			if err := os.Remove(filepath.Join(path, lost)); err != nil {
				t.Fatal(err)
			}
			var corrupt *CorruptError
			if err := refused(t, path); !errors.As(err, &corrupt) || !strings.Contains(err.Error(), lost) || !strings.Contains(err.Error(), "Way out") {
				t.Fatal(err)
			}
		})
	}
}

func TestMemberThatJoinedLaterDoesNotLoseItsLogUnnoticed(t *testing.T) {
	path := t.TempDir()
	d, _ := open(t, path)
	if err := d.SetJoined("cluster"); err != nil {
		t.Fatal(err)
	}
	shut(t, d)
	if err := os.Remove(filepath.Join(path, raftFile)); err != nil {
		t.Fatal(err)
	}
	if err := refused(t, path); !strings.Contains(err.Error(), raftFile) {
		t.Fatal(err)
	}
}

func TestFounderWithEmptyLogIsRefused(t *testing.T) {
	path := t.TempDir()
	found(t, path, 3)
	d, _ := open(t, t.TempDir())
	empty := filepath.Join(d.Path(), raftFile)
	shut(t, d)
	write(t, filepath.Join(path, raftFile), read(t, empty))
	var corrupt *CorruptError
	if err := refused(t, path); !errors.As(err, &corrupt) {
		t.Fatal(err)
	}
}

func TestLogWithoutItsSnapshotIsRefused(t *testing.T) {
	path := t.TempDir()
	found(t, path, 30)
	d, _ := open(t, path)
	logs, _, _ := d.stores()
	if err := logs.DeleteRange(1, 10); err != nil {
		t.Fatal(err)
	}
	shut(t, d)
	if err := refused(t, path); !strings.Contains(err.Error(), "snapshot") {
		t.Fatal(err)
	}
}

func TestDamagedOrForeignSmallFilesAreRefusedByName(t *testing.T) {
	for _, name := range []string{identityFile, membershipFile, bootsFile} {
		base := t.TempDir()
		found(t, base, 3)
		good := read(t, filepath.Join(base, name))
		bad := map[string][]byte{
			"empty":         nil,
			"half":          good[:len(good)/2],
			"newer":         bytes.Replace(good, []byte(`"format": 1`), []byte(`"format": 2`), 1),
			"unknown field": bytes.Replace(good, []byte(`"format": 1,`), []byte(`"format": 1, "flavour": 3,`), 1),
			"other kind":    bytes.Replace(good, []byte(`"kind": "`), []byte(`"kind": "x`), 1),
			"trailing":      append(bytes.Clone(good), "{}"...),
		}
		for i := 0; i < len(good); i += 5 { // a flipped bit, all over the file
			b := bytes.Clone(good)
			b[i] ^= 1 << (i % 8)
			bad[fmt.Sprintf("byte %d", i)] = b
		}
		for what, content := range bad {
			write(t, filepath.Join(base, name), content)
			d, err := Open(base, Options{Fatal: func(error) {}})
			if err == nil {
				same := d.Membership().ClusterID == "cluster" && d.Membership().Promise.Nodes[0] == d.Identity().NodeID
				shut(t, d)
				// Insignificant white space may change, and nothing else.
				if !same || !strings.HasPrefix(what, "byte ") {
					t.Fatalf("%s, %s: opened\n%s", name, what, content)
				}
				continue
			}
			if !strings.Contains(err.Error(), name) {
				t.Fatalf("%s, %s: does not name the file: %v", name, what, err)
			}
		}
	}
}

func TestUnfinishedWriteLeavesTheOldFile(t *testing.T) {
	path := t.TempDir()
	found(t, path, 3)
	for _, name := range []string{identityFile, membershipFile, bootsFile, peersFile} {
		write(t, filepath.Join(path, name+".tmp"), []byte(`{"format": 1, "ki`))
	}
	write(t, filepath.Join(path, raftFile+".new"), []byte("half"))
	d, _ := open(t, path)
	if d.Membership().ClusterID != "cluster" {
		t.Fatalf("membership %+v", d.Membership())
	}
}

func TestUnfinishedFirstOpenIsNoObstacle(t *testing.T) {
	for _, name := range []string{identityFile + ".tmp", raftFile + ".new", lockFile} {
		path := t.TempDir()
		write(t, filepath.Join(path, name), []byte("half"))
		open(t, path)
	}
}

func TestPeersAreOnlyAHint(t *testing.T) {
	path := t.TempDir()
	d, _ := open(t, path)
	if got := d.Peers(); len(got) != 0 {
		t.Fatalf("peers %v", got)
	}
	if err := d.SavePeers(map[string]Peer{"n_a": {Name: "a", Address: "127.0.0.1:1"}}); err != nil {
		t.Fatal(err)
	}
	shut(t, d)
	d, _ = open(t, path)
	if got := d.Peers(); got["n_a"].Address != "127.0.0.1:1" {
		t.Fatalf("peers %v", got)
	}
	shut(t, d)
	write(t, filepath.Join(path, peersFile), []byte("{"))
	d, _ = open(t, path)
	if got := d.Peers(); len(got) != 0 {
		t.Fatalf("peers %v", got)
	}
	if err := d.SavePeers(make(map[string]Peer, 0)); err != nil {
		t.Fatal(err)
	}
}
