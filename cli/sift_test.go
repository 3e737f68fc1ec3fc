package cli

import "testing"

// The table of what is wrong with the words of the commands that ask or run. Nothing must be asked.
func TestWrongWordsAreNamedBeforeAnythingIsDone(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		args []string
		want []string
	}{
		{"no command to run", nil, []string{"run", "--lock", "a"}, []string{"CMD: is missing", "behind --"}},
		{"nothing behind --", nil, []string{"run", "--lock", "a", "--"}, []string{"CMD: is missing"}},
		{"-- forgotten", nil, []string{"run", "--lock", "a", "./job", "--fast"}, []string{`"./job": unexpected argument`, "-- ./job --fast"}},
		{"no lock", nil, []string{"run", "--", "true"}, []string{"--lock: is missing"}},
		{"bad lock", nil, []string{"run", "--lock", "a/b", "--", "true"}, []string{`--lock: "a/b" is not a name`}},
		{"the lock that this runs under", []string{"SIDELOCK_LOCK=a", "FENCING_TOKEN=1"}, []string{"run", "--", "true"}, []string{"--lock: is missing", "runs under that lock already"}},
		{"two ways to wait", nil, []string{"run", "--lock", "a", "--wait", "1s", "--no-wait", "--", "true"}, []string{"--no-wait: and --wait contradict"}},
		{"two limits", nil, []string{"run", "--lock", "a", "--shared", "--limit", "2", "--", "true"}, []string{"--limit: and --shared contradict"}},
		{"no limit", nil, []string{"run", "--lock", "a", "--limit", "0", "--", "true"}, []string{"--limit: 0 is not within"}},
		{"short TTL", nil, []string{"run", "--lock", "a", "--ttl", "10ms", "--", "true"}, []string{"--ttl: 10ms is not within 1s and"}},
		{"long TTL", nil, []string{"run", "--lock", "a", "--ttl", "25h", "--", "true"}, []string{"--ttl: 25h"}},
		{"no time left to renew", nil, []string{"run", "--lock", "a", "--ttl", "10s", "--kill-after", "5s", "--", "true"}, []string{"--kill-after: 5s is too long for a TTL of 10s, at most 4.8s"}},
		{"bad owner", nil, []string{"run", "--lock", "a", "--owner", "a\tb", "--", "true"}, []string{"--owner: "}},
		{"bad server", nil, []string{"run", "--lock", "a", "--server", "ftp://x", "--", "true"}, []string{"--server: ", "http://host:port"}},
		{"no election", nil, []string{"elect"}, []string{"NAME: is missing"}},
		{"nothing to elect for", nil, []string{"elect", "a", "--"}, []string{"CMD: is missing"}},
		{"no name to show", nil, []string{"show"}, []string{"NAME: is missing"}},
		{"two names to show", nil, []string{"show", "a", "b"}, []string{`"b": unexpected argument: NAME is given already`}},
		{"bad name", nil, []string{"show", ".a"}, []string{`NAME: ".a" is not a name`}},
		{"a command where none is run", nil, []string{"locks", "--", "true"}, []string{"--: nothing stands behind it here"}},
		{"bad format", nil, []string{"locks", "--output", "xml"}, []string{`--output: "xml" is not one of text, json`}},
		{"bad kind", nil, []string{"watch", "--kind", "lease"}, []string{`--kind: "lease" is not one of lock, election`}},
		{"no lease", nil, []string{"release", "a"}, []string{"--lease: is missing"}},
		{"a reason without force", nil, []string{"release", "a", "--lease", "x", "--reason", "y"}, []string{"--reason: goes with --force"}},
		{"force without a reason", nil, []string{"release", "--force", "a", "--token", "7"}, []string{"--reason: is missing"}},
		{"force by lease", nil, []string{"release", "--force", "a", "--token", "7", "--reason", "x", "--lease", "y"}, []string{"--lease: is what a holder releases by"}},
		{"no token", nil, []string{"release", "--force", "a", "--token", "x", "--reason", "y"}, []string{`--token: "x" is no fencing token`}},
		{"no home", []string{"HOME="}, []string{"release", "--force", "a", "--token", "7", "--reason", "x"}, []string{"--data-dir: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFakeSidecar(t)
			out := invoke(t, append([]string{"SIDELOCK_SERVER=" + s.URL}, c.env...), c.args...)
			if out.code != ExitUsage {
				t.Errorf("exit code %d", out.code)
			}
			mustContain(t, out.stderr, append(c.want, "--help` lists what can be said")...)
			if asked := s.queries(); len(asked) > 0 {
				t.Errorf("asked %v", asked)
			}
		})
	}
}

func TestAllFaultsOfARunAreReportedAtOnce(t *testing.T) {
	out := invoke(t, []string{"SIDELOCK_TTL=1"}, "run", "--colour", "red", "--wait", "x", "--limit", "many")
	mustContain(t, out.stderr, "6 faults", "--colour: unknown flag", `--ttl (from SIDELOCK_TTL): "1" is not a duration`, "--wait: ", "--limit: ", "--lock: is missing", "CMD: is missing")
}

func TestWhatMustBeSaidAloudIsNotTakenFromTheEnvironment(t *testing.T) {
	out := invoke(t, []string{"SIDELOCK_FORCE=true", "SIDELOCK_TOKEN=7", "SIDELOCK_REASON=x"}, "release", "a")
	if out.code != ExitUsage {
		t.Errorf("exit code %d", out.code)
	}
	mustContain(t, out.stderr, "--lease: is missing", "environment variable SIDELOCK_FORCE is not known and was ignored")
}

func TestWhatACommandIsToldIsNoUnknownVariable(t *testing.T) {
	s := newFakeSidecar(t)
	s.on("GET /v1/locks", 200, `{"locks":[],"next":null}`)
	out := invoke(t, []string{"SIDELOCK_SERVER=" + s.URL, "SIDELOCK_LOCK=a", "SIDELOCK_ELECTION=b"}, "locks")
	if out.code != ExitOK || out.stderr != "" {
		t.Errorf("exit code %d, %s", out.code, out.stderr)
	}
}

func TestHelpShowsWhereTheCommandStands(t *testing.T) {
	for command, usage := range map[string]string{
		"run": "Usage: sidelock run [flags] -- CMD…\n", "elect": "Usage: sidelock elect NAME [flags] [-- CMD…]\n",
		"show": "Usage: sidelock show NAME [flags]\n", "locks": "Usage: sidelock locks [flags]\n",
	} {
		out := invoke(t, nil, command, "--help")
		if out.code != ExitOK {
			t.Errorf("%s: exit code %d", command, out.code)
		}
		mustContain(t, out.stdout, usage)
	}
}
