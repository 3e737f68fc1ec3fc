package check

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	theUnit   = "../systemd/sidelock.service"
	theConfig = "../systemd/sidelock.yaml"
	theDropIn = "../systemd/app.service.d/sidelock.conf"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func unitOf(t *testing.T, text string) unit {
	t.Helper()
	u, err := readUnit(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestUnitFitsTheProgram(t *testing.T) {
	text, f := read(t, theUnit), theFacts(t)
	for _, found := range unitFindings(unitOf(t, text), f) {
		t.Error(found)
	}
	for _, s := range []struct{ old, new string }{
		{"Type=notify", "Type=simple"},
		{"TimeoutStopSec=60s", "TimeoutStopSec=45s"},
		{"TimeoutStartSec=infinity", "TimeoutStartSec=90s"},
		{"RestartPreventExitStatus=2", ""},
		{"CapabilityBoundingSet=\n", "CapabilityBoundingSet=CAP_NET_ADMIN\n"},
		{"--config", "--configuration"},
		{"LoadCredential=peer.secret:", "LoadCredential=secret:"},
		{"sidelock serve", "sidelock dev"},
	} {
		if !strings.Contains(text, s.old) || len(unitFindings(unitOf(t, strings.Replace(text, s.old, s.new, 1)), f)) == 0 {
			t.Errorf("%q instead of %q is not noticed", s.new, s.old)
		}
	}
}

// TestSystemdTakesTheUnits asks systemd itself, with the program in the place where the unit has it.
func TestSystemdTakesTheUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("!! UNITS NOT VERIFIED: there is no systemd-analyze (Debian: systemd)")
	}
	dir := t.TempDir()
	sidecar := filepath.Join(dir, "sidelock.service")
	write(t, sidecar, strings.ReplaceAll(read(t, theUnit), "/usr/local/bin/sidelock", program))
	app := filepath.Join(dir, "app.service")
	write(t, app, "[Service]\nExecStart="+program+" version\n")
	write(t, filepath.Join(dir, "app.service.d", "sidelock.conf"), read(t, theDropIn))
	for _, args := range [][]string{{"verify", sidecar, app}, {"security", "--offline=true", "--threshold=20", sidecar}} {
		out, err := exec.Command("systemd-analyze", args...).CombinedOutput()
		if err != nil || args[0] == "verify" && len(out) > 0 {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
		}
	}
	if d := unitOf(t, read(t, theDropIn)); d.get("Unit.Wants") != "sidelock.service" || d.get("Unit.After") != "sidelock.service" {
		t.Error("the drop-in does not start the application after the sidecar")
	}
}

// TestUnitsFormAGroupAndTellSystemd starts the unit's command on three machines, which are addresses on loopback. systemd hears that each is ready, and
// not before it is.
func TestUnitsFormAGroupAndTellSystemd(t *testing.T) {
	words := strings.Fields(unitOf(t, read(t, theUnit)).get("Service.ExecStart"))
	var peers, join []string
	for range 3 {
		peer := freeAddress(t)
		peers, join = append(peers, peer), append(join, "--join", peer)
	}
	var machines []*machine
	for i, peer := range peers {
		machines = append(machines, boot(t, words, fmt.Sprint("m", i), append(join, "--peer-addr", peer)))
	}
	for _, m := range machines {
		m.awaits("READY=1")
		if code := get(m.servesOps(), "/readyz"); code != 200 {
			t.Errorf("systemd heard that it is ready, and /readyz says %d", code)
		}
		m.wantNoWarningOfSettings()
	}
	first := machines[0]
	first.stop(endsWithin)
	first.awaits("STOPPING=1")
	if entries, err := os.ReadDir(first.state); err != nil || len(entries) == 0 {
		t.Errorf("nothing is in the state directory: %v", err)
	}
}

// machine is one on which the unit runs.
type machine struct {
	*process
	state  string
	notify *net.UnixConn
}

// boot starts the unit's command as systemd does, with what is the machine's own said in flags.
func boot(t *testing.T, words []string, name string, own []string) *machine {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "sidelock.yaml"), read(t, theConfig))
	write(t, filepath.Join(dir, "credentials", "peer.secret"), aSecret)
	m := &machine{state: filepath.Join(dir, "state")}
	if err := os.Mkdir(m.state, 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	m.notify = conn
	place := strings.NewReplacer("/etc/sidelock/", dir+"/", "${CREDENTIALS_DIRECTORY}", dir+"/credentials")
	args := strings.Fields(place.Replace(strings.Join(words[1:], " ")))
	m.process = launch(t, append(append(args, "--node", name, "--api-addr", "127.0.0.1:0", "--ops-addr", "127.0.0.1:0"), own...),
		[]string{"NOTIFY_SOCKET=" + socket, "STATE_DIRECTORY=" + m.state, "PATH=" + os.Getenv("PATH")})
	return m
}

// awaits waits until systemd has heard something.
func (m *machine) awaits(what string) {
	m.t.Helper()
	buffer := make([]byte, 4096)
	for heard := ""; !strings.HasPrefix(heard, what); {
		if err := m.notify.SetReadDeadline(time.Now().Add(within)); err != nil {
			m.t.Fatal(err)
		}
		count, err := m.notify.Read(buffer)
		if err != nil {
			m.t.Fatalf("systemd has not heard %s: %v", what, err)
		}
		heard = string(buffer[:count])
	}
}
