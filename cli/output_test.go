package cli

import (
	"encoding/json"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// What a sidecar answers in these tests: the shapes of the API.
const (
	nightlyHeld = `{"name":"nightly","state":"held","limit":1,"index":913,
		"holders":[{"owner":"web-0","token":42,"limit":1,"held_for_ms":492000,"expires_in_ms":9100,"metadata":{"job":"report","commit":"4f2a"},
			"granted_at":"2026-01-05T03:12:05.491Z","last_renewed_ago_ms":3100,"via_node":"n1"}],
		"queue":[{"owner":"web-1","limit":1,"waiting_for_ms":12000},{"owner":"reader","limit":null,"waiting_for_ms":700}]}`
	tableShared = `{"name":"table","state":"held","limit":null,"index":7,"holder_count":18,"queue_length":0,
		"holders":[{"owner":"r\u001b[31med","token":7,"limit":null,"held_for_ms":200,"expires_in_ms":14000,"metadata":{},
			"granted_at":"2026-01-05T03:12:05Z","last_renewed_ago_ms":0,"via_node":"n2"}]}`
	reportKept = `{"name":"report","state":"held","limit":1,"index":8,"queue_length":0,
		"holders":[{"owner":"n1","token":9,"limit":1,"held_for_ms":2000,"expires_in_ms":0,"metadata":{},"ended":"released","min_hold_left_ms":599800,
			"granted_at":"2026-01-05T03:12:05Z","last_renewed_ago_ms":0,"via_node":"n2"}]}`
	nightlyHistory = `{"name":"nightly","index":913,
		"events":[{"event":"granted","owner":"web-0","token":42,"at":"2026-01-05T03:12:05.491Z","ago_ms":492000,"via_node":"n1"}],
		"notable":[
			{"event":"expired","owner":"web-2","token":40,"at":"2026-01-05T03:00:01Z","ago_ms":1216000,"via_node":"n3","held_ms":61000,"last_renewed_ago_ms":15010},
			{"event":"forced","owner":"web-3","token":41,"at":"2026-01-05T03:01:00Z","ago_ms":1157000,"via_node":"n3","held_ms":5000,"why":"stuck\nsince noon"},
			{"event":"granted","owner":"web-0","token":42,"at":"2026-01-05T03:12:05.491Z","ago_ms":492000,"via_node":"n1"}]}`
	bossLed = `{"name":"boss","index":5,"leader":{"owner":"web-0","value":"10.0.0.1:8080","token":48,"leading_for_ms":60000,"expires_in_ms":14000,"metadata":{},
			"granted_at":"2026-01-05T03:12:05Z","last_renewed_ago_ms":1000,"via_node":"n1"},
		"candidates":[{"owner":"web-1","value":"10.0.0.2:8080","waiting_for_ms":3000,"metadata":{},"via_node":"n2"}]}`
	bossHistory = `{"name":"boss","index":5,"events":[],"notable":[]}`
	member      = `{"name":"%","id":"id-%","address":"127.0.0.1:1%","role":"voter","healthy":true,"last_contact_ms":5,"version":"devel"}`
)

// invokeOn runs a command against a fake sidecar and checks its exit code.
func invokeOn(t *testing.T, s *fakeSidecar, code int, args ...string) outcome {
	t.Helper()
	out := invoke(t, []string{"SIDELOCK_SERVER=" + s.URL}, args...)
	if out.code != code {
		t.Fatalf("%v: exit code %d, want %d\n%s%s", args, out.code, code, out.stdout, out.stderr)
	}
	return out
}

// wantText compares what was printed with a text whose lines are indented with tabs.
func wantText(t *testing.T, got, want string) {
	t.Helper()
	var lines []string
	for line := range strings.SplitSeq(strings.Trim(want, "\n"), "\n") {
		lines = append(lines, strings.TrimLeft(line, "\t"))
	}
	if want := strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"; got != want {
		t.Errorf("printed:\n%s\nwant:\n%s", got, want)
	}
}

func TestLocksAreListedInATable(t *testing.T) {
	s := newFakeSidecar(t)
	s.on("GET /v1/locks", 200, `{"locks":[`+nightlyHeld+`,`+reportKept+`,`+tableShared+`,{"name":"used","state":"free","limit":1,"holders":[],"index":3,"queue_length":0}],"next":null}`)
	wantText(t, invokeOn(t, s, ExitOK, "locks", "--prefix", "n").stdout, `
		LOCK     STATE     HOLDER                TOKEN  FOR    TIME LEFT         WAITING
		nightly  held      web-0                 42     8m12s  9.1s              2
		report   released  n1                    9      2s     9m59s (min hold)  0
		table    held      r�[31med and 17 more  7      200ms  14s               0
		used     free      -                     -      -      -                 0
	`)
	if asked := s.queries()[0]; !strings.Contains(asked, "prefix=n") || strings.Contains(asked, "consistency") {
		t.Errorf("asked %s", asked)
	}
	invokeOn(t, s, ExitOK, "locks", "--local")
	if asked := s.queries()[1]; !strings.Contains(asked, "consistency=local") {
		t.Errorf("asked %s", asked)
	}
}

func TestNothingInUseIsSaid(t *testing.T) {
	s := newFakeSidecar(t)
	s.on("GET /v1/locks", 200, `{"locks":[],"next":null}`)
	s.on("GET /v1/elections", 200, `{"elections":[],"next":null}`)
	wantText(t, invokeOn(t, s, ExitOK, "locks").stdout, "no locks in use")
	wantText(t, invokeOn(t, s, ExitOK, "elections", "--prefix", "a.").stdout, `no elections in use that begin with "a."`)
}

func TestElectionsAreListedInATable(t *testing.T) {
	s := newFakeSidecar(t)
	s.on("GET /v1/elections", 200, `{"elections":[`+bossLed+`,{"name":"idle","leader":null,"candidate_count":0,"index":3}],"next":null}`)
	wantText(t, invokeOn(t, s, ExitOK, "elections").stdout, `
		ELECTION  LEADER  VALUE          TOKEN  FOR  TIME LEFT  STANDING BY
		boss      web-0   10.0.0.1:8080  48     1m   14s        1
		idle      none    -              -      -    -          0
	`)
}

func TestShowTellsWhoHasItWhoWaitsAndWhatHappened(t *testing.T) {
	s := newFakeSidecar(t)
	s.on("GET /v1/locks/nightly", 200, nightlyHeld)
	s.on("GET /v1/locks/nightly/history", 200, nightlyHistory)
	wantText(t, invokeOn(t, s, ExitOK, "show", "nightly").stdout, `
		lock nightly is held, exclusive

		HOLDER                          TOKEN  SINCE                FOR    TIME LEFT  RENEWED   VIA
		web-0 (commit=4f2a job=report)  42     2026-01-05 03:12:05  8m12s  9.1s       3.1s ago  n1

		WAITING  OWNER   WANTS      FOR
		1        web-1   exclusive  12s
		2        reader  shared     700ms

		WHEN                 AGO     WHAT     WHO    TOKEN  VIA  DETAIL
		2026-01-05 03:00:01  20m16s  expired  web-2  40     n3   held 1m1s, last renewed 15s before
		2026-01-05 03:01:00  19m17s  forced   web-3  41     n3   held 5s, because: stuck�since noon
		2026-01-05 03:12:05  8m12s   granted  web-0  42     n1
	`)
	s.on("GET /v1/locks/report", 200, reportKept)
	s.on("GET /v1/locks/report/history", 200, bossHistory)
	wantText(t, invokeOn(t, s, ExitOK, "show", "report").stdout, `
		lock report is not held, but its place is still taken

		HOLDER  TOKEN  SINCE                FOR  TIME LEFT         RENEWED  VIA
		n1      9      2026-01-05 03:12:05  2s   9m59s (min hold)  -        n2

		nothing is remembered of what happened to it
	`)
}

func TestShowTellsWhoLeads(t *testing.T) {
	s := newFakeSidecar(t)
	s.on("GET /v1/elections/boss", 200, bossLed)
	s.on("GET /v1/elections/boss/history", 200, bossHistory)
	wantText(t, invokeOn(t, s, ExitOK, "show", "--election", "boss").stdout, `
		election boss: web-0 leads

		LEADER  VALUE          TOKEN  SINCE                FOR  TIME LEFT  RENEWED  VIA
		web-0   10.0.0.1:8080  48     2026-01-05 03:12:05  1m   14s        1s ago   n1

		STANDING BY  OWNER  VALUE          FOR  VIA
		1            web-1  10.0.0.2:8080  3s   n2

		nothing is remembered of what happened to it
	`)
}

// sameJSON says whether two texts are the same JSON.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatalf("%v: %s", err, a)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return reflect.DeepEqual(x, y)
}

func TestJSONIsWhatTheAPISays(t *testing.T) {
	s := newFakeSidecar(t)
	s.on("GET /v1/locks", 200, `{"locks":[`+nightlyHeld+`],"next":null}`)
	s.on("GET /v1/locks/nightly", 200, nightlyHeld)
	s.on("GET /v1/locks/nightly/history", 200, nightlyHistory)
	s.on("GET /v1/elections/boss", 200, bossLed)
	s.on("GET /v1/elections/boss/history", 200, bossHistory)
	for args, want := range map[string]string{
		"locks":                `{"locks":[` + nightlyHeld + `],"next":null}`,
		"show nightly":         `{"lock":` + nightlyHeld + `,"history":` + nightlyHistory + `}`,
		"show --election boss": `{"election":` + bossLed + `,"history":` + bossHistory + `}`,
	} {
		got := invokeOn(t, s, ExitOK, append(strings.Fields(args), "--output=json")...).stdout
		if !sameJSON(t, got, want) {
			t.Errorf("%s: %s", args, got)
		}
	}
}

func TestEveryPageIsInTheJSON(t *testing.T) {
	s := newFakeSidecar(t)
	s.on("GET /v1/locks", 200, `{"locks":[`+nightlyHeld+`],"next":"nightly"}`)
	s.on("GET /v1/locks?after=nightly", 200, `{"locks":[`+tableShared+`],"next":null}`)
	if got := invokeOn(t, s, ExitOK, "locks", "--output=json").stdout; !sameJSON(t, got, `{"locks":[`+nightlyHeld+`,`+tableShared+`],"next":null}`) {
		t.Errorf("%s", got)
	}
}

func TestColourIsForTerminalsAlone(t *testing.T) {
	for _, c := range []struct {
		terminal bool
		env      string
		want     bool
	}{{false, "", false}, {true, "", true}, {true, "NO_COLOR=1", false}, {true, "TERM=dumb", false}} {
		call := &call{env: newEnvironment([]string{c.env}), host: host{terminal: func(io.Writer) bool { return c.terminal }}}
		if got := call.colours(os.Stdout); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	p := printer{w: io.Discard, colours: true}
	if got := p.paint(bad, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("%q", got)
	}
}

func TestDurationsAreHumane(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ms", 450 * time.Millisecond: "450ms", 999900 * time.Microsecond: "999ms", time.Second: "1s", 8260 * time.Millisecond: "8.2s", 42900 * time.Millisecond: "42s",
		time.Minute: "1m", 192 * time.Second: "3m12s", 2*time.Hour + 5*time.Minute + 9*time.Second: "2h5m", 24 * time.Hour: "1d", 76 * time.Hour: "3d4h",
	} {
		if got := humane(d); got != want {
			t.Errorf("%d is %s, want %s", d, got, want)
		}
	}
}

// cluster is an answer of GET /v1/cluster.
func cluster(leader string, tolerance string, members ...string) string {
	return `{"id":"c1","members":[` + strings.Join(members, ",") + `],"raft_leader":` + leader + `,"term":3,"commit_index":20,"applied_index":18,"failure_tolerance":` + tolerance + `}`
}

func TestStatusSaysWhetherAllIsWell(t *testing.T) {
	t.Parallel()
	n1, n2, n3 := strings.ReplaceAll(member, "%", "n1"), strings.ReplaceAll(member, "%", "n2"), strings.ReplaceAll(member, "%", "n3")
	dead := strings.Replace(strings.Replace(n3, "true", "false", 1), `"last_contact_ms":5`, `"last_contact_ms":61000`, 1)
	leads := `{"name":"n1","id":"id-n1","address":"127.0.0.1:1n1"}`
	for name, c := range map[string]struct {
		cluster string
		code    int
		says    []string
	}{
		"well":        {cluster(leads, "1", n1, n2, n3), ExitOK, []string{"healthy: 3 voters; 1 voter may be lost", "n1, term 3", "committed 20, applied here 18 (2 behind)", "n1      voter, Raft leader  yes"}},
		"one":         {cluster(leads, "0", n1), ExitOK, []string{"healthy: a group of one, which survives no failure"}},
		"one is dead": {cluster(leads, "0", n1, n2, dead), ExitFailed, []string{"not healthy: n3 is not heard of", "if one more voter is lost, the group stops", "1m1s ago"}},
		"no leader":   {cluster("null", "1", n1, n2, n3), ExitFailed, []string{"not healthy: no Raft leader is known here", "none known here"}},
		"no majority": {cluster("null", "-1", n1), ExitFailed, []string{"not healthy: no majority"}},
		"not formed":  {`{"id":null,"members":[],"raft_leader":null,"term":0,"commit_index":0,"applied_index":0,"failure_tolerance":-1}`, ExitFailed, []string{"the group has not formed yet"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFakeSidecar(t)
			s.on("GET /v1/cluster", 200, c.cluster)
			out := invokeOn(t, s, c.code, "status")
			mustContain(t, out.stdout, c.says...)
			var parsed struct {
				Healthy bool
				Wrong   []string
				Cluster json.RawMessage
			}
			if err := json.Unmarshal([]byte(invokeOn(t, s, c.code, "status", "--output", "json").stdout), &parsed); err != nil {
				t.Fatal(err)
			}
			if parsed.Healthy != (c.code == ExitOK) || parsed.Healthy != (len(parsed.Wrong) == 0) || !sameJSON(t, string(parsed.Cluster), c.cluster) {
				t.Errorf("%+v", parsed)
			}
		})
	}
}

func TestASidecarThatDoesNotAnswerIsExit1AndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := newFakeSidecar(t)
	s.Close()
	for _, command := range []string{"locks", "status", "show x", "release x --lease aaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			out := invokeOn(t, s, ExitFailed, strings.Fields(command)...)
			mustContain(t, out.stderr, "no answer from the sidecar", "connection refused")
		})
	}
}

func TestANoQuorumRefusalPointsToLocalReads(t *testing.T) {
	t.Parallel()
	s := newFakeSidecar(t)
	s.on("GET /v1/locks", 503, `{"code":"no_quorum","title":"No majority","status":503,"retryable":true,"detail":"wait"}`)
	mustContain(t, invokeOn(t, s, ExitFailed, "locks").stderr, "no_quorum", "`sidelock status`", "--local")
}
