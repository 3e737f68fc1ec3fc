package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestServeWithoutFlagsIsAGroupOfOneOnLoopback(t *testing.T) {
	got := mustServe(t, nil)
	want := ServeConfig{
		Node: "box", DataDir: "/h/.local/state/sidelock",
		APIAddrs:    []ListenAddr{{"127.0.0.1:5625", true}, {"[::1]:5625", true}},
		PeerAddr:    "127.0.0.1:5626",
		ClusterSize: 1, Voters: 3, Spares: 2, RaftTiming: TimingLAN, DrainTimeout: 25 * time.Second,
		PeerAdvertise: "127.0.0.1:5626",
		LogLevel:      slog.LevelInfo, LogFormat: LogText,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEveryFlagReachesTheConfiguration(t *testing.T) {
	cert, key, keys := writeFile(t, "c"), writeFile(t, "k"), writeFile(t, "ks")
	got := mustServe(t, nil,
		"--node", "web-0", "--data-dir", "/data/", "--api-addr", "0.0.0.0:80,[::1]:81", "--api-addr=localhost:0", "--insecure-api",
		"--api-socket", "/run/./sidelock.sock", "--api-tls-cert", cert, "--api-tls-key", key, "--api-keys-file", keys,
		"--allow-host", "locks.example", "--ops-addr", ":5627", "--peer-addr", "0.0.0.0:7000", "--peer-advertise", "web-0.web:7001",
		"--cluster-size", "5", "--voters", "5", "--join", "web-0:7001", "--join", "web-1:7001,dns:web:7001", "--join", "web-1:7001",
		"--join", "srv:_peer._tcp.web,file:peers", "--cluster-state", "existing", "--spares", "0", "--member", "never", "--ephemeral",
		"--zone", "eu-1a", "--insecure-peers", "--raft-timing", "wan", "--metrics-names", "nightly,jobs-*", "--drain-timeout", "1m30s", "--log-level", "debug", "--log-format", "json")
	want := ServeConfig{
		Node: "web-0", DataDir: "/data",
		APIAddrs:  []ListenAddr{{Addr: "0.0.0.0:80"}, {Addr: "[::1]:81"}, {Addr: "127.0.0.1:0"}},
		APISocket: "/run/sidelock.sock", APITLSCert: cert, APITLSKey: key, APIKeysFile: keys,
		InsecureAPI: true, AllowHosts: []string{"locks.example"}, OpsAddr: "[::]:5627",
		PeerAddr: "0.0.0.0:7000", PeerAdvertise: "web-0.web:7001",
		Join:        []string{"web-0:7001", "web-1:7001", "dns:web:7001", "srv:_peer._tcp.web", "file:peers"},
		ClusterSize: 5, Existing: true, Voters: 5, Spares: 0, Agent: true, Ephemeral: true, Zone: "eu-1a", InsecurePeers: true,
		RaftTiming: TimingWAN, MetricsNames: []string{"nightly", "jobs-*"}, DrainTimeout: 90 * time.Second, LogLevel: slog.LevelDebug, LogFormat: LogJSON,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The table of faults: what is said, and what each fault must name. served must stay false, the exit code 2.
func TestFaultsAreRefusedByName(t *testing.T) {
	kubernetes := []string{"KUBERNETES_SERVICE_HOST=10.96.0.1"}
	for _, c := range []struct {
		name string
		env  []string
		args string
		want []string
	}{
		{"unknown flag", nil, "--voter 3", []string{"--voter: unknown flag (did you mean --voters?)"}},
		{"unknown short flag", nil, "-x", []string{"-x: unknown flag"}},
		{"two unknown flags", nil, "--foo --bar=1", []string{"2 faults", "--foo: unknown flag", "--bar: unknown flag"}},
		{"stray argument", nil, "now", []string{`"now": unexpected argument`}},
		{"value missing", nil, "--node", []string{"--node: needs a value"}},
		{"value missing before another flag", nil, "--voters --insecure-api", []string{"--voters: needs a value"}},
		{"empty value", nil, "--data-dir=", []string{"--data-dir: is empty"}},
		{"bad node", nil, "--node=-x", []string{`--node: "-x"`}},
		{"long node", nil, "--node " + strings.Repeat("n", 129), []string{"--node: "}},
		{"API address without port", nil, "--api-addr 127.0.0.1", []string{"--api-addr: ", "host:port"}},
		{"API address with a name", nil, "--api-addr web:80", []string{"--api-addr: ", "IP address"}},
		{"API port too high", nil, "--api-addr 127.0.0.1:65536", []string{"--api-addr: ", "65535"}},
		{"API on every interface", nil, "--api-addr :5625", []string{"--api-addr: ", "--insecure-api"}},
		{"API off loopback", nil, "--api-addr 10.0.0.1:5625", []string{"--api-addr: ", "--insecure-api"}},
		{"insecure-api false", nil, "--insecure-api=false --api-addr 10.0.0.1:5625", []string{"--api-addr: ", "--insecure-api"}},
		{"bad toggle", nil, "--insecure-api=perhaps", []string{`--insecure-api: "perhaps"`}},
		{"empty item", nil, "--api-addr 127.0.0.1:1,,127.0.0.1:2", []string{"--api-addr: has an empty item"}},
		{"allowed host with port", nil, "--allow-host locks:80", []string{"--allow-host: "}},
		{"allowed host with dot at the end", nil, "--allow-host locks.", []string{"--allow-host: "}},
		{"allowed host with pattern", nil, "--allow-host *.local", []string{"--allow-host: "}},
		{"ops address", nil, "--ops-addr 5627", []string{"--ops-addr: "}},
		{"ops in the way of API", nil, "--ops-addr :5625", []string{"--ops-addr: ", "--api-addr"}},
		{"peer in the way of API", nil, "--peer-addr 127.0.0.1:5625", []string{"--peer-addr: ", "--api-addr"}},
		{"peer off loopback", nil, "--peer-addr 0.0.0.0:5626 --cluster-size 1", []string{"--peer-addr: ", "--insecure-peers"}},
		{"advertise a wildcard", nil, "--peer-advertise 0.0.0.0:5626", []string{"--peer-advertise: "}},
		{"advertise port 0", nil, "--peer-advertise web:0", []string{"--peer-advertise: "}},
		{"advertise rubbish", nil, "--peer-advertise we!rd", []string{"--peer-advertise: "}},
		{"advertise loopback to others", nil, "--cluster-size 3 --join 10.0.0.2:5626", []string{"--peer-advertise: is 127.0.0.1:5626, which 10.0.0.2:5626 cannot dial"}},
		{"cluster size 0", nil, "--cluster-size 0", []string{"--cluster-size: 0 is not within"}},
		{"cluster size in words", nil, "--cluster-size three", []string{`--cluster-size: "three" is not a whole number`}},
		{"group without join", nil, "--cluster-size 3", []string{"--join: is missing"}},
		{"join without size", nil, "--join 127.0.0.1:1", []string{"--cluster-size: is missing"}},
		{"join without port", nil, "--cluster-size 3 --join web", []string{"--join: ", "host:port"}},
		{"join port 0", nil, "--cluster-size 3 --join 127.0.0.1:0", []string{"--join: ", "port 0"}},
		{"join a wildcard", nil, "--cluster-size 3 --join 0.0.0.0:5626", []string{"--join: 0.0.0.0"}},
		{"join nobody", nil, "--cluster-size 3 --join :5626", []string{"--join: "}},
		{"no voters", nil, "--voters 0", []string{"--voters: 0 is not within 1 and 7"}},
		{"even voters", nil, "--voters 4", []string{"--voters: 4 voters survive no more failures than 3"}},
		{"timing", nil, "--raft-timing quick", []string{`--raft-timing: "quick" is not one of lan, fast, wan`}},
		{"names with a star in the middle", nil, "--metrics-names ok,a*b", []string{`--metrics-names: "a*b"`}},
		{"names with a slash", nil, "--metrics-names a/b*", []string{`--metrics-names: "a/b*"`}},
		{"too many names", nil, "--metrics-names " + strings.Join(numbered("n", 101), ","), []string{"--metrics-names: has 101 items"}},
		{"drain without unit", nil, "--drain-timeout 25", []string{"--drain-timeout: ", "25s"}},
		{"drain negative", nil, "--drain-timeout=-1s", []string{"--drain-timeout: "}},
		{"drain too long", nil, "--drain-timeout 25h", []string{"--drain-timeout: "}},
		{"log level", nil, "--log-level loud", []string{`--log-level: "loud"`}},
		{"log format", nil, "--log-format xml", []string{`--log-format: "xml"`}},
		{"config missing", nil, "--config /nowhere/sidelock.yaml", []string{"--config: ", "/nowhere/sidelock.yaml"}},
		{"config without value", nil, "--config", []string{"--config: needs a value"}},
		{"no home", []string{"HOME="}, "", []string{"--data-dir: "}},
		{"alone on Kubernetes", kubernetes, "", []string{"--cluster-size: ", "KUBERNETES_SERVICE_HOST"}},
		{"alone on Nomad", []string{"NOMAD_ALLOC_ID=1"}, "", []string{"--cluster-size: ", "NOMAD_ALLOC_ID"}},
		{"alone off loopback", nil, "--peer-addr 10.0.0.1:5626 --insecure-peers", []string{"--cluster-size: ", "not loopback"}},
		{"bad variable", []string{"SIDELOCK_VOTERS=many"}, "", []string{`--voters (from SIDELOCK_VOTERS): "many"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := invoke(t, c.env, append([]string{"serve"}, strings.Fields(c.args)...)...)
			if out.code != ExitUsage || out.served {
				t.Errorf("exit code %d, served %v; want %d, false", out.code, out.served, ExitUsage)
			}
			mustContain(t, out.stderr, append(c.want, "sidelock serve")...)
			if n := len(c.want); n == 1 && strings.Contains(out.stderr, " faults") {
				t.Errorf("one slip makes several faults:\n%s", out.stderr)
			}
		})
	}
}

func numbered(prefix string, count int) (names []string) {
	for i := range count {
		names = append(names, fmt.Sprint(prefix, i))
	}
	return names
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	file := writeFile(t, "votes: 3\nraft-timing: slow\n")
	out := invoke(t, []string{"SIDELOCK_DRAIN_TIMEOUT=25", "SIDELOCK_VOTER=3"}, "serve", "--config", file,
		"--api-addr", "0.0.0.0:5625", "--peer-addr", "x", "--colour", "red", "--log-level=loud", "--join", "dns:web")
	if out.code != ExitUsage || out.served {
		t.Errorf("exit code %d, served %v", out.code, out.served)
	}
	mustContain(t, out.stderr, "9 faults", "--colour: unknown flag", file+":1: unknown key \"votes\" (did you mean voters?)",
		"--raft-timing (from "+file+":2): \"slow\"", "--drain-timeout (from SIDELOCK_DRAIN_TIMEOUT): ", "--api-addr: ", "--peer-addr: ",
		"--log-level: ", "--join: ", "--cluster-size: is missing", "warning: environment variable SIDELOCK_VOTER is not known and was ignored (did you mean SIDELOCK_VOTERS?)")
}

func TestAloneIsFineWhereItIsSaidAloud(t *testing.T) {
	for _, env := range [][]string{{"KUBERNETES_SERVICE_HOST=10.96.0.1"}, {"NOMAD_ALLOC_ID=1"}, nil} {
		got := mustServe(t, env, "--cluster-size", "1", "--peer-addr", "10.0.0.1:5626", "--insecure-peers")
		if got.ClusterSize != 1 || len(got.Join) != 0 {
			t.Errorf("%v: %+v", env, got)
		}
	}
}

func TestPeersDialTheOutgoingInterfaceOfAWildcard(t *testing.T) {
	base := []string{"--cluster-size", "1", "--insecure-peers"}
	for _, c := range [][2]string{
		{"0.0.0.0:5626", "10.1.2.3:5626"}, {":0", "10.1.2.3:0"}, {"[::]:9", "10.1.2.3:9"}, {"10.0.0.7:9", "10.0.0.7:9"},
		{"[fd00::7]:9", "[fd00::7]:9"}, {"localhost:9", "127.0.0.1:9"},
	} {
		if got := mustServe(t, nil, append(base, "--peer-addr", c[0])...); got.PeerAdvertise != c[1] {
			t.Errorf("--peer-addr %s is advertised as %s, want %s", c[0], got.PeerAdvertise, c[1])
		}
	}
	for _, c := range [][2]string{{"web-0", "web-0:5626"}, {"fd00::7", "[fd00::7]:5626"}, {"[fd00::7]", "[fd00::7]:5626"}, {"[fd00::7]:1", "[fd00::7]:1"}} {
		if got := mustServe(t, nil, append(base, "--peer-advertise", c[0])...); got.PeerAdvertise != c[1] {
			t.Errorf("--peer-advertise %s is advertised as %s, want %s", c[0], got.PeerAdvertise, c[1])
		}
	}
}

func TestNoRouteIsAFaultThatNamesTheFlag(t *testing.T) {
	c := &call{
		env: newEnvironment([]string{"HOME=/h"}), faults: &faults{}, given: map[string]bool{"cluster-size": true},
		host: host{
			hostname: func() (string, error) { return "", errors.New("no name") },
			outgoing: func() (netip.Addr, error) { return netip.Addr{}, errors.New("no route") },
		},
	}
	s := &serveCommand{PeerAddr: text{setting{words: []string{"0.0.0.0:5626"}}}, InsecurePeers: toggle{setting{words: []string{"true"}}}}
	s.Voters.words = []string{"3"}
	s.check(c)
	err := c.faults.err("sidelock serve")
	if err == nil {
		t.Fatal("no fault")
	}
	mustContain(t, err.Error(), "2 faults", "--peer-advertise: ", "no route", "--node: ", "no name")
}

func TestDataDirFollowsSystemdThenXDG(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"STATE_DIRECTORY=/var/lib/sidelock", "XDG_STATE_HOME=/x"}, "/var/lib/sidelock"},
		{[]string{"STATE_DIRECTORY=/var/lib/a:/var/lib/b"}, "/var/lib/a"},
		{[]string{"XDG_STATE_HOME=/x"}, "/x/sidelock"},
		{[]string{"XDG_STATE_HOME=relative"}, "/h/.local/state/sidelock"},
		{[]string{"SIDELOCK_DATA_DIR=/d", "STATE_DIRECTORY=/s"}, "/d"},
	} {
		if got := mustServe(t, c.env); got.DataDir != c.want {
			t.Errorf("%v: %s, want %s", c.env, got.DataDir, c.want)
		}
	}
}

func TestAGroupOfTwoIsWarnedOf(t *testing.T) {
	got := mustServe(t, nil, "--cluster-size", "2", "--join", "127.0.0.1:1,127.0.0.1:2")
	mustContain(t, strings.Join(got.Warnings, "\n"), "a group of two survives no failure")
}
