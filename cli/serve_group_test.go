package cli

import (
	"strings"
	"testing"
)

// mustRefuse checks that nothing is served, and what is said about it.
func mustRefuse(t *testing.T, env, args, want []string) {
	t.Helper()
	out := invoke(t, env, append([]string{"serve"}, args...)...)
	if out.code != ExitUsage || out.served {
		t.Errorf("exit code %d, served %v; want %d, false", out.code, out.served, ExitUsage)
	}
	mustContain(t, out.stderr, append(want, "sidelock serve")...)
	if !strings.Contains(want[0], " faults") && strings.Contains(out.stderr, " faults") {
		t.Errorf("one slip makes several faults:\n%s", out.stderr)
	}
}

func TestFaultsOfTheGroupAreRefusedByName(t *testing.T) {
	for _, c := range []struct {
		name string
		args string
		want []string
	}{
		{"cluster size too large", "--cluster-size 65 --join 127.0.0.1:1", []string{"--cluster-size: 65 is not within 1 and 64"}},
		{"join DNS without port", "--cluster-size 3 --join dns:web", []string{"--join: ", "dns:name:port"}},
		{"join DNS with port 0", "--cluster-size 3 --join dns:web:0", []string{"--join: ", "port 0"}},
		{"join DNS of an address", "--cluster-size 3 --join dns:10.0.0.1:5626", []string{"--join: ", "leave dns: out"}},
		{"join SRV with a port", "--cluster-size 3 --join srv:web:5626", []string{"--join: ", "srv:name"}},
		{"join file without path", "--cluster-size 3 --join file:", []string{"--join: ", "file:path"}},
		{"join DNS from loopback", "--cluster-size 3 --join dns:web:5626", []string{"--peer-advertise: is 127.0.0.1:5626, which dns:web:5626 cannot dial"}},
		{"cluster state", "--cluster-state old", []string{`--cluster-state: "old" is not one of new, existing`}},
		{"existing without join", "--cluster-state existing", []string{"--join: is missing: --cluster-state existing"}},
		{"existing, alone, aloud", "--cluster-state existing --cluster-size 1", []string{"--join: is missing: --cluster-state existing"}},
		{"existing without size", "--cluster-state existing --join 127.0.0.1:1", []string{"--cluster-size: is missing"}},
		{"member", "--member sometimes", []string{`--member: "sometimes" is not one of auto, never`}},
		{"agent alone", "--member never", []string{"--join: is missing: --member never"}},
		{"agent alone, aloud", "--member never --cluster-size 1", []string{"--join: is missing: --member never"}},
		{"agent of three without join", "--member never --cluster-size 3", []string{"--join: is missing: --member never"}},
		{"spares below 0", "--spares=-1", []string{"--spares: -1 is not within 0 and 10"}},
		{"too many spares", "--spares 11", []string{"--spares: 11 is not within 0 and 10"}},
		{"ephemeral", "--ephemeral=maybe", []string{`--ephemeral: "maybe"`}},
		{"zone", "--zone eu/1a", []string{`--zone: "eu/1a" is not a name`}},
		{"long zone", "--zone " + strings.Repeat("z", 129), []string{"--zone: "}},
		{"empty zone", "--zone=", []string{"--zone: is empty"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			mustRefuse(t, nil, strings.Fields(c.args), c.want)
		})
	}
}

// Where a file or SRV records lead is not known at the start, and on one machine all are on loopback.
func TestLoopbackMayBeAdvertisedToThisMachine(t *testing.T) {
	for _, join := range []string{"127.0.0.1:5726", "dns:localhost:5626", "file:/nowhere/yet", "srv:_peer._tcp.local"} {
		if got := mustServe(t, nil, "--cluster-size", "3", "--join", join); len(got.Join) != 1 || got.Join[0] != join {
			t.Errorf("--join %s became %v", join, got.Join)
		}
	}
}
