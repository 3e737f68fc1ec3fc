package metrics

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

type fixed Gauges

var _ Source = fixed{}

func (f fixed) Gauges() Gauges { return Gauges(f) }

var busy = fixed{
	ClusterID: "5f0c", HasLeader: true, IsLeader: true, HealthyVoters: 3, FailureTolerance: 1,
	Term: 7, LastIndex: 120, CommitIndex: 119, AppliedIndex: 118, ReplicaAge: 0.25,
	Ready: true, Role: "voter", Sidecars: map[string]int{"voter": 3, "spare": 2, "agent": 7}, Certificates: map[string]float64{"peer": 1.8e9},
	Holds: Holds{Waiting: 1, Holding: 5, Jeopardy: 2}, Streams: 11, MaxStreams: 1000,
	FeatureLevel: 2, Leases: 12, LocksHeld: 9, ElectionsLed: 2, Waiters: 4, StateBytes: 2048, MaxLeases: 1_000_000, MaxStateBytes: 1 << 30,
	DataBytes: 4096, DataFreeBytes: 8192, DataSizeBytes: 16384,
	Names: []Name{{Kind: "lock", Name: "nightly", Holders: 1, Waiters: 3}},
}

func newMetrics(t *testing.T) (*Metrics, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	m, err := New(reg, BuildInfo{Version: "v1.2.3", Commit: "abc", GoVersion: "go1.26.8", Raft: "v1.7.3"},
		[]string{"lock_acquire", "lock_release"}, []string{"ok", "lock_held"}, []string{"nightly", "jobs-*"})
	if err != nil {
		t.Fatal(err)
	}
	return m, reg
}

// scrapeText gets what Prometheus would get.
func scrapeText(t *testing.T, m *Metrics, accept string) string {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, req)
	body, err := io.ReadAll(rec.Body)
	if err != nil || rec.Code != http.StatusOK {
		t.Fatalf("scrape: status %d, error %v\n%s", rec.Code, err, body)
	}
	return string(body)
}

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	have := map[string]bool{}
	for line := range strings.Lines(text) {
		have[strings.TrimSuffix(line, "\n")] = true
	}
	for _, line := range lines {
		if !have[line] {
			t.Errorf("exposition lacks the line %q", line)
		}
	}
	if t.Failed() {
		t.Logf("exposition:\n%s", grep(text, "sidelock_"))
	}
}

func grep(text, word string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) && !strings.Contains(line, "_bucket") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// record makes every event happen once.
func record(m *Metrics) {
	m.Request("lock_acquire", "ok", 0.004)
	m.Commit(0.001)
	m.Batch(3)
	m.Fsync(0.0003)
	m.LeaderChange()
	m.Granted("lock", "nightly", 2)
	m.GrantEnded("lock", "nightly", "expired")
	m.Jeopardy()
	m.RenewalMargin(0.66)
	m.ExpiryLateness(0.2)
}

func TestGaugesShowTheSourceAtTheMomentOfTheScrape(t *testing.T) {
	m, _ := newMetrics(t)
	m.Watch(busy)
	wantLines(t, scrapeText(t, m, ""),
		`sidelock_raft_has_leader 1`, `sidelock_raft_is_leader 1`, `sidelock_raft_healthy_voters 3`,
		`sidelock_raft_failure_tolerance 1`, `sidelock_raft_term 7`, `sidelock_raft_last_index 120`,
		`sidelock_raft_commit_index 119`, `sidelock_raft_applied_index 118`, `sidelock_data_bytes 4096`,
		`sidelock_leases 12`, `sidelock_locks_held 9`, `sidelock_elections_led 2`, `sidelock_waiters 4`,
		`sidelock_cluster_info{cluster_id="5f0c"} 1`, `sidelock_feature_level 2`,
		`sidelock_ready 1`, `sidelock_role{role="voter"} 1`, `sidelock_role{role="spare"} 0`, `sidelock_role{role="agent"} 0`,
		`sidelock_replica_age_seconds 0.25`, `sidelock_sidecars{role="agent"} 7`, `sidelock_certificate_expiry_timestamp_seconds{use="peer"} 1.8e+09`,
		`sidelock_holds{state="waiting"} 1`, `sidelock_holds{state="holding"} 5`, `sidelock_holds{state="jeopardy"} 2`,
		`sidelock_streams 11`, `sidelock_streams_limit 1000`, `sidelock_leases_limit 1e+06`,
		`sidelock_state_bytes 2048`, `sidelock_state_bytes_limit 1.073741824e+09`, `sidelock_data_free_bytes 8192`, `sidelock_data_size_bytes 16384`,
		`sidelock_name_holders{kind="lock",name="nightly"} 1`, `sidelock_name_waiters{kind="lock",name="nightly"} 3`,
		`sidelock_build_info{commit="abc",goversion="go1.26.8",raft="v1.7.3",version="v1.2.3"} 1`)
	m.Watch(fixed{HealthyVoters: 0, FailureTolerance: 0})
	wantLines(t, scrapeText(t, m, ""), `sidelock_raft_has_leader 0`, `sidelock_raft_is_leader 0`,
		`sidelock_raft_healthy_voters 0`, `sidelock_raft_failure_tolerance 0`)
}

func TestWhatANodeCannotTellIsAbsentNotZero(t *testing.T) {
	m, _ := newMetrics(t)
	if text := scrapeText(t, m, ""); strings.Contains(text, "sidelock_raft_has_leader") || strings.Contains(text, "sidelock_leases ") {
		t.Errorf("gauges are exposed before there is a source:\n%s", grep(text, "sidelock_"))
	}
	m.Watch(fixed{HealthyVoters: Unknown, FailureTolerance: Unknown, ReplicaAge: Unknown, DataFreeBytes: Unknown, DataSizeBytes: Unknown, FeatureLevel: 1})
	text := scrapeText(t, m, "")
	for _, name := range []string{"raft_healthy_voters", "raft_failure_tolerance", "cluster_info", "feature_level", "role", "replica_age_seconds",
		"leases_limit", "state_bytes_limit", "streams_limit", "data_free_bytes", "data_size_bytes", "name_holders"} {
		if strings.Contains(text, "sidelock_"+name+" ") || strings.Contains(text, "sidelock_"+name+"{") {
			t.Errorf("%s is exposed though the node cannot tell it", name)
		}
	}
	wantLines(t, text, `sidelock_raft_has_leader 0`)
}

func TestEachEventMovesItsSeries(t *testing.T) {
	m, _ := newMetrics(t)
	record(m)
	wantLines(t, scrapeText(t, m, ""),
		`sidelock_requests_total{code="ok",op="lock_acquire"} 1`,
		`sidelock_request_seconds_sum{op="lock_acquire"} 0.004`,
		`sidelock_commit_seconds_sum 0.001`, `sidelock_batch_commands_sum 3`, `sidelock_batch_commands_bucket{le="2"} 0`,
		`sidelock_batch_commands_bucket{le="4"} 1`, `sidelock_fsync_seconds_sum 0.0003`,
		`sidelock_raft_leader_changes_total 1`, `sidelock_grant_wait_seconds_sum 2`,
		`sidelock_leases_ended_total{reason="expired"} 1`, `sidelock_grants_total{kind="lock"} 1`, `sidelock_jeopardy_total 1`,
		`sidelock_name_grants_total{kind="lock",name="nightly"} 1`, `sidelock_name_leases_ended_total{kind="lock",name="nightly",reason="expired"} 1`,
		`sidelock_renewal_margin_ratio_sum 0.66`,
		`sidelock_expiry_lateness_seconds_sum 0.2`)
}

func TestClosedSetsExistAtZeroBeforeTheFirstEvent(t *testing.T) {
	m, _ := newMetrics(t)
	text := scrapeText(t, m, "")
	for _, reason := range append(Reasons(), Other) {
		wantLines(t, text, fmt.Sprintf(`sidelock_leases_ended_total{reason=%q} 0`, reason))
	}
	for _, op := range []string{"lock_acquire", "lock_release", Other} {
		wantLines(t, text, fmt.Sprintf(`sidelock_request_seconds_count{op=%q} 0`, op))
	}
	wantLines(t, text, `sidelock_raft_leader_changes_total 0`, `sidelock_fsync_seconds_count 0`)
}

func TestUnknownLabelsAreCountedAsOtherAndAddNoSeries(t *testing.T) {
	m, reg := newMetrics(t)
	m.Request(Other, Other, 0)
	before := series(t, reg)
	for i := range 100 {
		m.Request(fmt.Sprint("op", i), fmt.Sprint("code", i), 0.1)
		m.GrantEnded("lock", fmt.Sprint("name", i), fmt.Sprint("reason", i))
		m.Granted("lock", fmt.Sprint("name", i), 0)
	}
	if after := series(t, reg); after != before {
		t.Errorf("unknown labels made %d new series", after-before)
	}
	wantLines(t, scrapeText(t, m, ""),
		`sidelock_requests_total{code="other",op="other"} 101`,
		`sidelock_request_seconds_count{op="other"} 101`,
		`sidelock_leases_ended_total{reason="other"} 100`)
}

// series counts those of sidelock; the Go runtime's number is its own.
func series(t *testing.T, g prometheus.Gatherer) int {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "sidelock_") {
			n += len(f.GetMetric())
		}
	}
	return n
}

func TestImpossibleValuesDoNotSpoilASeries(t *testing.T) {
	m, _ := newMetrics(t)
	m.RenewalMargin(1.5)
	m.RenewalMargin(-0.5)
	m.ExpiryLateness(math.NaN())
	m.ExpiryLateness(-1)
	wantLines(t, scrapeText(t, m, ""),
		`sidelock_renewal_margin_ratio_sum 1`, `sidelock_renewal_margin_ratio_count 2`,
		`sidelock_expiry_lateness_seconds_sum 0`, `sidelock_expiry_lateness_seconds_count 2`)
}

func TestHelpSaysHowToAddNodesUp(t *testing.T) {
	m, reg := newMetrics(t)
	m.Watch(busy)
	record(m)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"leases": "take max", "locks_held": "take max", "elections_led": "take max", "waiters": "take max",
		"raft_term": "take max", "cluster_info": "take max", "feature_level": "take max", "raft_healthy_voters": "take max",
		"raft_failure_tolerance": "take max", "raft_leader_changes_total": "take max",
		"state_bytes": "take max", "leases_limit": "take max", "name_holders": "take max", "name_waiters": "take max",
		"leases_ended_total": "sum over nodes", "grants_total": "sum over nodes", "name_grants_total": "sum over nodes", "grant_wait_seconds": "sum over nodes",
		"renewal_margin_ratio": "sum over nodes", "expiry_lateness_seconds": "sum over nodes",
	}
	for _, f := range families {
		name := strings.TrimPrefix(f.GetName(), "sidelock_")
		if phrase, ok := want[name]; ok {
			if !strings.Contains(f.GetHelp(), phrase) {
				t.Errorf("help of %s does not say %q: %s", f.GetName(), phrase, f.GetHelp())
			}
			delete(want, name)
		}
	}
	for name := range want {
		t.Errorf("series %s is missing", name)
	}
}

func TestExpositionIsLintFree(t *testing.T) {
	m, reg := newMetrics(t)
	m.Watch(busy)
	record(m)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("promlint: %s: %s", p.Metric, p.Text)
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("PROMTOOL NOT FOUND: only the linter inside client_golang ran (Debian: apt-get install prometheus)")
		return
	}
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(scrapeText(t, m, ""))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || out.Len() > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, &out)
	}
}

func TestOpenMetricsIsServedOnRequest(t *testing.T) {
	m, _ := newMetrics(t)
	text := scrapeText(t, m, "application/openmetrics-text; version=1.0.0")
	if !strings.HasSuffix(text, "# EOF\n") {
		t.Errorf("not OpenMetrics: the text does not end in # EOF")
	}
	wantLines(t, text, `sidelock_raft_leader_changes_total 0.0`)
}

func TestRuntimeAndProcessAreExposed(t *testing.T) {
	m, _ := newMetrics(t)
	text := scrapeText(t, m, "")
	for _, name := range []string{"go_goroutines", "process_open_fds", "process_resident_memory_bytes"} {
		if !strings.Contains(text, "\n"+name+" ") {
			t.Errorf("no %s", name)
		}
	}
}

func TestOneRegistryServesOneSidecar(t *testing.T) {
	_, reg := newMetrics(t)
	if _, err := New(reg, BuildInfo{}, nil, nil, nil); err == nil {
		t.Fatal("a second set of instruments was registered under the same names")
	}
}

func TestEventsAllocateNothing(t *testing.T) {
	m, _ := newMetrics(t)
	record(m)
	if n := testing.AllocsPerRun(100, func() { record(m) }); n != 0 {
		t.Errorf("recording every event once allocates %v times, want 0", n)
	}
}

func TestEventsAndScrapesMayRunAtOnce(t *testing.T) {
	m, _ := newMetrics(t)
	const goroutines, rounds = 8, 50
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range rounds {
				record(m)
			}
		})
	}
	for range 5 {
		m.Watch(busy)
		scrapeText(t, m, "")
	}
	wg.Wait()
	wantLines(t, scrapeText(t, m, ""), fmt.Sprintf(`sidelock_leases_ended_total{reason="expired"} %d`, goroutines*rounds))
}
