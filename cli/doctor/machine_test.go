package doctor

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/raftnode"
)

// findings are what came of an examination.
type findings []Finding

// of are the findings of one check.
func (f findings) of(c Check) (some findings) {
	for _, one := range f {
		if one.Check == c {
			some = append(some, one)
		}
	}
	return some
}

// want fails unless a finding of the check has the verdict and says all that.
func (f findings) want(t *testing.T, v Verdict, c Check, says ...string) {
	t.Helper()
	for _, one := range f.of(c) {
		text := one.Subject + ": " + one.Found + ". " + one.Do
		if one.Verdict == v && !slices.ContainsFunc(says, func(s string) bool { return !strings.Contains(text, s) }) {
			return
		}
	}
	t.Errorf("no %s of %s that says %q:\n%+v", v, c, says, f.of(c))
}

// here is a configuration that is sound, on ports that are free.
func here(t *testing.T) Config {
	t.Helper()
	dir, err := os.MkdirTemp("", "doc-") // a short name, for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return Config{
		Node: "n1", DataDir: dir + "/d", AdminSocket: dir + "/d/admin.sock", APIAddrs: []Addr{{Addr: freePort(t)}},
		PeerAddr: freePort(t), ClusterSize: 1, Voters: 3, Spares: 2, Timing: raftnode.LAN, Version: "1.0.0",
		measure: func(string) (fsyncs, error) {
			return fsyncs{time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond, 100}, nil
		},
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func examine(t *testing.T, cfg Config) (all findings) {
	t.Helper()
	if cfg.PeerAdvertise == "" {
		cfg.PeerAdvertise = cfg.PeerAddr
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	Examine(ctx, cfg, func(f Finding) {
		if !slices.Contains(Checks(), f.Check) {
			t.Errorf("a check that is not listed: %+v", f)
		}
		if f.Verdict == OK && f.Do != "" {
			t.Errorf("nothing is wrong, and something is to be done: %+v", f)
		}
		all = append(all, f)
	})
	return all
}

func TestSoundMachineIsInOrderAndStaysAsItWas(t *testing.T) {
	cfg := here(t)
	for _, f := range examine(t, cfg) {
		if f.Verdict != OK {
			t.Errorf("%+v", f)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(cfg.DataDir)); err != nil || len(left) > 0 {
		t.Errorf("it left %v (%v)", left, err)
	}
}

func TestSlownessOfTheDiskIsJudgedByItsThresholds(t *testing.T) {
	for p99, want := range map[time.Duration]Verdict{
		fsyncSlow: OK, fsyncSlow + time.Microsecond: Warn, fsyncTooSlow: Warn, fsyncTooSlow + time.Microsecond: Fail,
	} {
		cfg := here(t)
		cfg.measure = func(string) (fsyncs, error) { return fsyncs{time.Millisecond, p99, time.Second, 100}, nil }
		examine(t, cfg).want(t, want, Fsync, "100 synced writes", "half took up to 1ms", "the worst 1s")
	}
	cfg := here(t)
	cfg.measure = func(string) (fsyncs, error) { return fsyncs{}, errors.New("no such device") }
	examine(t, cfg).want(t, Warn, Fsync, "no such device")
}

func TestDiskIsMeasuredWithoutLeavingAFile(t *testing.T) {
	dir := t.TempDir()
	f, err := measureFsync(dir)
	if err != nil || f.writes == 0 || f.p50 <= 0 || f.p50 > f.p99 || f.p99 > f.worst {
		t.Errorf("%+v, %v", f, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v (%v)", left, err)
	}
	named, err := unnamedFile(dir) // where the file system knows no files without a name
	if err != nil {
		t.Fatal(err)
	}
	defer named.Close()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v (%v)", left, err)
	}
	var took []time.Duration
	for i := range 100 {
		took = append(took, time.Duration(100-i))
	}
	if got := summary(took); got != (fsyncs{50, 99, 100, 100}) {
		t.Errorf("%+v", got)
	}
	if got := summary([]time.Duration{7}); got != (fsyncs{7, 7, 7, 1}) {
		t.Errorf("%+v", got)
	}
}

func TestClockFromBeforeTheProgramIsAFailure(t *testing.T) {
	cfg := here(t)
	cfg.now = func() time.Time { return time.Unix(0, 0) }
	examine(t, cfg).want(t, Fail, Clock, "1970-01-01", "before this program was built")
}

func TestDirectoryThatCannotBeMadeOrWrittenIsAFailure(t *testing.T) {
	cfg := here(t)
	if err := os.WriteFile(cfg.DataDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file := cfg.DataDir
	cfg.DataDir = file + "/below"
	examine(t, cfg).want(t, Fail, DataDir, file, "not a directory")
	if os.Geteuid() == 0 {
		return // root may write everywhere
	}
	locked := t.TempDir()
	if err := os.Chmod(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	cfg.DataDir = locked + "/new"
	examine(t, cfg).want(t, Fail, DataDir, "cannot be made: "+locked+" is not writable")
}

func TestKindsOfDisksAreToldApart(t *testing.T) {
	cfg := here(t)
	dir, err := os.MkdirTemp("/dev/shm", "doc-")
	if err != nil {
		t.Logf("this machine has no file system in memory to try: %v", err)
		return
	}
	defer os.Remove(dir)
	cfg.DataDir = dir
	examine(t, cfg).want(t, Warn, Disk, "is in memory", "--ephemeral")
	cfg.Ephemeral = true
	examine(t, cfg).want(t, OK, Disk, "are free at "+dir)
}

func TestPortThatAnotherProgramUsesIsAFailure(t *testing.T) {
	cfg := here(t)
	taken := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l.Addr().String()
	}
	cfg.APIAddrs, cfg.OpsAddr, cfg.PeerAddr = []Addr{{Addr: taken()}, {Addr: "[::1]:0", Optional: true}}, taken(), taken()
	cfg.APISocket = filepath.Join(t.TempDir(), "none", "s")
	got := examine(t, cfg)
	for _, flag := range []string{"--api-addr " + cfg.APIAddrs[0].Addr, "--ops-addr", "--peer-addr"} {
		got.want(t, Fail, Port, flag, "another program uses it", "ss -ltnp")
	}
	got.want(t, Fail, Port, "--api-socket", "cannot be made")
	cfg.APIAddrs = []Addr{{Addr: "192.0.2.1:5625"}} // a documentation address: nobody has it
	examine(t, cfg).want(t, Fail, Port, "192.0.2.1:5625", "does not have the address")
	cfg.APIAddrs[0].Optional = true
	examine(t, cfg).want(t, Fail, Port, "none of the addresses of --api-addr")
	cfg.APISocket = cfg.DataDir
	if err := os.WriteFile(cfg.APISocket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	examine(t, cfg).want(t, Fail, Port, "--api-socket", "no socket")
}

func TestNameThatDoesNotExistIsAFailure(t *testing.T) {
	cfg := here(t)
	cfg.Join, cfg.ClusterSize = []string{"dns:sidelock.invalid:5626", "file:" + cfg.DataDir + "/none"}, 3
	got := examine(t, cfg)
	got.want(t, Fail, Join, "dns:sidelock.invalid:5626: ", "correct --join")
	got.want(t, Fail, Join, "file:", "no such file")
}

func TestEndsOfCertificatesAreReadFromMetrics(t *testing.T) {
	got := expiries(strings.NewReader("# HELP x\n" + expirySeries + "{use=\"peer\"} 1.7954e+09\n" + expirySeries + "{use=\"ca\"} NaN\nother{use=\"api\"} 3\n" + expirySeries + "{use=\"api\"} 5\n"))
	if len(got) != 2 || got["peer"].Unix() != 1795400000 || got["api"].Unix() != 5 {
		t.Errorf("%v", got)
	}
}
