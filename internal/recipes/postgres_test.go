package recipes_test

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

const (
	postgresWithin = 60 * time.Second // to begin, and to end
	postgresUser   = "postgres"       // who runs it where the tests run as root, which it refuses
)

// startPostgres starts a database server of its own, which listens on a Unix socket alone, and returns the environment in which
// psql finds it. It ends with the test.
func startPostgres(t *testing.T) (env []string) {
	t.Helper()
	bin := postgresPrograms(t)
	dir, err := os.MkdirTemp("", "pg") // a short path: that of a socket may have a hundred bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	who := postgresCredential(t)
	if who != nil {
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	command := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(filepath.Join(bin, name), args...)
		c.Dir = dir
		c.Env = []string{"PATH=" + bin, "HOME=" + dir, "LC_ALL=C", "TZ=UTC"}
		c.SysProcAttr = &syscall.SysProcAttr{Credential: who}
		return c
	}
	data := filepath.Join(dir, "data")
	if out, err := command("initdb", "-D", data, "-U", postgresUser, "--auth=trust", "--no-sync", "--no-locale", "-E", "UTF8").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	server := command("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off")
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopPostgres(t, server, log.Name()) })
	chaos.Until(t, postgresWithin, "PostgreSQL to answer", func() error {
		return command("pg_isready", "-q", "-h", dir).Run()
	})
	return []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "PGHOST=" + dir, "PGUSER=" + postgresUser, "PGDATABASE=postgres"}
}

func stopPostgres(t *testing.T, server *exec.Cmd, log string) {
	// A fast shutdown, which does not wait for clients.
	if err := server.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	kill := time.AfterFunc(postgresWithin, func() { _ = server.Process.Kill() })
	defer kill.Stop()
	if err := server.Wait(); err != nil {
		t.Errorf("PostgreSQL: %v", err)
	}
	if text, err := os.ReadFile(log); err == nil && t.Failed() {
		t.Logf("PostgreSQL's log:\n%s", text)
	}
}

// postgresPrograms finds the directory of initdb and postgres, which Debian keeps out of PATH.
func postgresPrograms(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path)
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		t.Fatalf("the recipe for a fenced write needs PostgreSQL's initdb, postgres and psql, in PATH or where Debian's package postgresql has them: install it (.ci/run says how)")
	}
	return filepath.Dir(found[len(found)-1])
}

// postgresCredential is who PostgreSQL runs as; nil is who runs the tests.
func postgresCredential(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup(postgresUser)
	if err != nil {
		t.Fatalf("PostgreSQL does not run as root, and there is no user %s, which Debian's package makes: %v", postgresUser, err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		t.Fatalf("user %s: %v, %v", postgresUser, err1, err2)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
