package cli

import (
	"strings"
	"testing"
	"time"
)

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	file := writeFile(t, "# a comment\nnode: from-file\nvoters: 5\ndrain-timeout: 3s\napi-addr: ['127.0.0.1:1', '127.0.0.1:2']\nallow-host: a.example, b.example\ninsecure-peers: true\n")
	env := []string{"SIDELOCK_CONFIG=" + file, "SIDELOCK_NODE=from-env", "SIDELOCK_VOTERS=7", "SIDELOCK_API_ADDR=127.0.0.1:3,127.0.0.1:4", "SIDELOCK_LOG_LEVEL="}
	got := mustServe(t, env, "--node", "from-flag")
	if got.Node != "from-flag" || got.Voters != 7 || got.DrainTimeout != 3*time.Second || got.RaftTiming != TimingLAN {
		t.Errorf("%+v", got)
	}
	if len(got.APIAddrs) != 2 || got.APIAddrs[0] != (ListenAddr{Addr: "127.0.0.1:3"}) {
		t.Errorf("a list of a stronger source must replace the weaker one: %+v", got.APIAddrs)
	}
	if len(got.AllowHosts) != 2 || !got.InsecurePeers {
		t.Errorf("%+v", got)
	}
	if got := mustServe(t, nil, "--config="+file); got.Node != "from-file" || got.Voters != 5 || len(got.APIAddrs) != 2 || got.APIAddrs[0].Optional {
		t.Errorf("%+v", got)
	}
}

func TestTheFileIsReadStrictly(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"unknown key", "node: a\nvoterz: 3\n", ":2: unknown key \"voterz\" (did you mean voters?)"},
		{"wrong case", "Node: a\n", ":1: unknown key \"Node\""},
		{"underscore", "data_dir: a\n", ":1: unknown key \"data_dir\" (did you mean data-dir?)"},
		{"twice", "node: a\nnode: b\n", ":2: \"node\" is set twice"},
		{"config in the file", "config: x\n", ":1: unknown key \"config\""},
		{"help in the file", "help: true\n", ":1: unknown key \"help\""},
		{"null", "node:\n", ":1: \"node\" has no value"},
		{"list for a scalar", "node: [a, b]\n", "\"node\" takes one value"},
		{"mapping", "node: {a: b}\n", "\"node\" takes a value, not a mapping"},
		{"mapping for a list", "join: {a: b}\n", "\"join\" takes a value, not a mapping"},
		{"list in a list", "join: [[a]]\n", "\"join\" must be a list of plain values"},
		{"empty list", "join: []\n", "\"join\" is an empty list"},
		{"not a mapping", "- node\n", ":1: must be a mapping"},
		{"two documents", "node: a\n---\nnode: b\n", "a second document"},
		{"not YAML", "node: [a\n", "--config: "},
		{"too large", "# " + strings.Repeat("x", maxConfigBytes), "--config: "},
		{"bad value", "node: a\nvoters: 2.5\n", "--voters (from "},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := invoke(t, nil, "serve", "--config", writeFile(t, c.yaml))
			if out.code != ExitUsage {
				t.Errorf("exit code %d", out.code)
			}
			mustContain(t, out.stderr, c.want)
		})
	}
}

func TestAnEmptyFileSaysNothing(t *testing.T) {
	for _, content := range []string{"", "# only a comment\n", "---\n"} {
		if got := mustServe(t, nil, "--config", writeFile(t, content)); got.Voters != 3 {
			t.Errorf("%q: %+v", content, got)
		}
	}
}

func TestUnknownVariablesAreWarnedOfAndKubernetesOwnAreNot(t *testing.T) {
	env := []string{"SIDELOCK_SERVICE_HOST=10.0.0.1", "SIDELOCK_SERVICE_PORT_API=5625", "SIDELOCK_PORT=tcp://10.0.0.1:5625",
		"SIDELOCK_PORT_5625_TCP=x", "SIDELOCK_DATADIR=/d", "SIDELOCK_NODES=5", "OTHER=1"}
	out := invoke(t, env, "serve")
	if out.code != ExitOK {
		t.Fatalf("exit code %d", out.code)
	}
	mustContain(t, out.stderr, "SIDELOCK_DATADIR is not known", "did you mean SIDELOCK_DATA_DIR?", "level=WARN")
	if strings.Count(out.stderr, "\n") != 1 || len(out.cfg.Warnings) != 1 {
		t.Errorf("want one warning:\n%s", out.stderr)
	}
}

func TestHelpNamesFlagsDefaultsAndVariables(t *testing.T) {
	out := invoke(t, nil, "serve", "--help")
	if out.code != ExitOK || out.served {
		t.Errorf("exit code %d, served %v", out.code, out.served)
	}
	flat := strings.Join(strings.Fields(out.stdout), " ")
	mustContain(t, flat, "--raft-timing=SET", "Default lan. ($SIDELOCK_RAFT_TIMING)", "--insecure-api ")
	if out := invoke(t, nil, "--help"); out.code != ExitOK {
		t.Errorf("exit code %d", out.code)
	} else {
		mustContain(t, out.stdout, "serve", "dev", "version")
	}
}

func TestWrongCommandsAreUsageErrors(t *testing.T) {
	for _, args := range [][]string{{}, {"sevre"}, {"--bogus", "serve"}, {"version", "--bogus"}, {"version", "now"}, {"dev", "--nodes=0"},
		{"dev", "--nodes", "10"}, {"dev", "--base-port", "65535"}, {"dev", "--log-level=x"}} {
		out := invoke(t, nil, args...)
		if out.code != ExitUsage || out.served || out.stderr == "" {
			t.Errorf("%v: exit code %d, served %v, said %q", args, out.code, out.served, out.stderr)
		}
	}
}
