package chaos_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/internal/chaos"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/store"
)

// What of a program may change a disk.
const changes = "fdatasync,fsync,write,pwrite64,ftruncate,renameat,renameat2,unlinkat,mkdirat"

var tracedCall = regexp.MustCompile(`^\d+ +(\w+)\(`)

// unforked keeps the other tests from starting programs until its result is called: one that is being started holds, for a moment, whatever
// files this process has open, and so the lock of a directory.
func unforked() func() {
	syscall.ForkLock.RLock()
	return syscall.ForkLock.RUnlock
}

// opens opens a directory as a sidecar does, and closes it.
func opens(t *testing.T, dir string) error {
	t.Helper()
	defer unforked()()
	d, err := store.Open(dir, store.Options{Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		return err
	}
	return d.Close()
}

// killedEverywhere runs the program once for each system call that may change a disk, on a copy of the directory each, and kills it before
// that call. after looks at what is left; it is told how many came before.
func killedEverywhere(t *testing.T, base string, args func(dir string) []string, after func(t *testing.T, dir string, n int)) {
	t.Helper()
	whole := copyOf(t, base)
	calls, printed := chaos.Traced(t, []string{"trace=" + changes}, args(whole)...)
	counts := map[string]int{}
	for _, line := range calls {
		if m := tracedCall.FindStringSubmatch(line); m != nil {
			counts[m[1]]++
		}
	}
	after(t, whole, -1)
	kills := 0
	for name, count := range counts {
		for k := 1; k <= count; k++ {
			dir := copyOf(t, base)
			calls, printed = chaos.Traced(t, []string{"trace=" + changes, fmt.Sprintf("inject=%s:signal=KILL:when=%d", name, k)}, args(dir)...)
			if !strings.Contains(strings.Join(calls, "\n"), "killed by SIGKILL") {
				continue // it was another thread's turn this time
			}
			kills++
			after(t, dir, kills)
			if t.Failed() {
				t.Fatalf("killed before its %d. %s:\n%s\n%s", k, name, strings.Join(calls, "\n"), printed)
			}
		}
	}
	if kills < 10 {
		t.Errorf("killed at %d points only: %v\n%s", kills, counts, printed)
	}
	t.Logf("killed at %d points: %v", kills, counts)
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.Remove(filepath.Join(dir, "admin.sock")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err) // left by a process that was killed; a socket cannot be copied
	}
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// onDisk is what a stopped node has.
type onDisk struct {
	member   store.Membership
	id       string
	configs  []raft.Configuration
	floor    lease.Token // greatest that any command of the log raises tokens to
	contents string      // of log, term and vote
}

func readDir(t *testing.T, dir string) onDisk {
	t.Helper()
	defer unforked()()
	d, err := store.OpenOffline(dir, store.Options{Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	o := onDisk{member: d.Membership(), id: d.Identity().NodeID}
	_, stable, log := d.RaftStores()
	first, err := log.FirstIndex()
	if err != nil {
		t.Fatal(err)
	}
	last, _ := log.LastIndex()
	var b bytes.Buffer
	for i := first; i <= last; i++ {
		var e raft.Log
		if err := log.GetLog(i, &e); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, e.Index, e.Term, e.Type, e.Data)
		switch e.Type {
		case raft.LogConfiguration:
			o.configs = append(o.configs, raft.DecodeConfiguration(e.Data))
		case raft.LogCommand:
			entry, err := lease.DecodeEntry(e.Data)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range entry.Commands {
				if c.Op == lease.OpBootstrap {
					o.floor = max(o.floor, c.Token)
				}
			}
		}
	}
	for _, key := range []string{"CurrentTerm", "LastVoteTerm"} {
		v, err := stable.GetUint64([]byte(key))
		fmt.Fprintln(&b, key, v, err)
	}
	o.contents = b.String()
	return o
}

// TestRecoveryThatIsKilledAnywhereIsTakenUp (P2, P15): it has happened as a whole, or not at all, or the directory says to run it again; and
// run again it comes to the same, once.
func TestRecoveryThatIsKilledAnywhereIsTakenUp(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 3)
	n := g.Others(g.Leader())[0]
	token := g.Leader().Post("/v1/locks/kept", "ttl", "10m", "owner", "holder").Want(t, 201).Body.Token
	wantHolder(t, n, "kept", "holder", token)
	for _, n := range g.Nodes {
		n.Kill()
	}
	before := readDir(t, n.Dir)
	args := func(dir string) []string { return []string{"recover", "--yes", "--data-dir", dir} }
	killedEverywhere(t, n.Dir, args, func(t *testing.T, dir string, kills int) {
		t.Helper()
		err := opens(t, dir)
		var unfinished *store.UnfinishedError
		switch {
		case errors.As(err, &unfinished) && kills > 0:
		case err != nil:
			t.Errorf("what is left is refused without a way on: %v", err)
			return
		default:
			left := readDir(t, dir)
			alone := len(left.configs[len(left.configs)-1].Servers) == 1
			if recovered := left.member.ClusterID != before.member.ClusterID; recovered != alone {
				t.Errorf("it is of cluster %s, alone: %v, and would start", left.member.ClusterID, alone)
			}
		}
		printed, code := chaos.Program(t, args(dir)...)
		if code != 0 && !strings.Contains(printed, "has lost nobody") {
			t.Errorf("taken up, it ends with %d:\n%s", code, printed)
		}
		wantRecovered(t, before, readDir(t, dir), token)
		if kills%15 == 1 {
			wantServed(t, g, n, dir, token)
		}
	})
}

func wantRecovered(t *testing.T, before, after onDisk, token uint64) {
	t.Helper()
	m := after.member
	if m.ClusterID == before.member.ClusterID || !slices.Equal(m.Replaced, []string{before.member.ClusterID}) || m.Recovering != nil ||
		!slices.Equal(m.Promise.Nodes, []string{after.id}) || after.id != before.id {
		t.Errorf("membership %+v", m)
	}
	added := after.configs[len(before.configs):]
	if len(added) != 1 || len(added[0].Servers) != 1 || string(added[0].Servers[0].ID) != after.id || added[0].Servers[0].Suffrage != raft.Voter {
		t.Errorf("added configurations: %+v", added)
	}
	if uint64(after.floor) <= token {
		t.Errorf("tokens were raised to %d, and %d was granted before", after.floor, token)
	}
}

// wantServed starts a node on a recovered directory, with the flags that it had as one of three.
func wantServed(t *testing.T, g *chaos.Group, n *chaos.Node, dir string, token uint64) {
	t.Helper()
	n.Start("--data-dir", dir)
	n.AwaitReady()
	if next := n.Post("/v1/locks/next", "ttl", "1m", "owner", "next").Want(t, 201).Body.Token; next <= token {
		t.Errorf("token %d after %d", next, token)
	}
	wantHolder(t, n, "kept", "holder", token)
	n.Kill()
}

// TestCompactionThatIsKilledAnywhereHarmsNothing: the old file or the new one is there, with the same in it.
func TestCompactionThatIsKilledAnywhereHarmsNothing(t *testing.T) {
	t.Parallel()
	g := chaos.Start(t, 1)
	n := g.Nodes[0]
	n.Post("/v1/locks/kept", "ttl", "10m", "owner", "holder").Want(t, 201)
	n.Kill()
	inflate(t, n.Dir)
	before := readDir(t, n.Dir)
	args := func(dir string) []string { return []string{"compact", "--data-dir", dir} }
	killedEverywhere(t, n.Dir, args, func(t *testing.T, dir string, kills int) {
		t.Helper()
		if err := opens(t, dir); err != nil {
			t.Error(err)
			return
		}
		if readDir(t, dir).contents != before.contents {
			t.Error("log, term or vote are not what they were")
		}
		if left, err := filepath.Glob(filepath.Join(dir, "raft.db.*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
		if kills < 0 {
			if info, err := os.Stat(filepath.Join(dir, "raft.db")); err != nil || info.Size() > 1<<20 {
				t.Errorf("it has not shrunk: %v %v", info.Size(), err)
			}
		}
	})
}

// inflate makes the log of a stopped node take room that it does not need.
func inflate(t *testing.T, dir string) {
	t.Helper()
	defer unforked()()
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
	for i := uint64(1); i <= 40; i++ {
		if err := log.StoreLog(&raft.Log{Index: index + i, Term: term, Type: raft.LogNoop, Data: bytes.Repeat([]byte("x"), 100_000)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.DeleteRange(index+1, index+40); err != nil {
		t.Fatal(err)
	}
}
