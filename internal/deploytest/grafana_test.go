package deploytest_test

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
	"github.com/sidelock/sidelock/internal/testca"
)

const dashboardFile = "../../deploy/grafana/sidelock.json"

// TestDashboardAndAlertsAreOfSeriesThatThereAre has three sidecars at work, through an election, and a Prometheus that scrapes them: every
// query of the dashboard must find something, and what happened must show.
func TestDashboardAndAlertsAreOfSeriesThatThereAre(t *testing.T) {
	program, found := tool(t, "prometheus")
	if !found {
		return
	}
	queries := dashboard(t)
	g := chaos.Start(t, 3, slices.Concat(certificates(t), []string{
		"--ops-addr", "127.0.0.1:0", "--metrics-names", "deploy-*,deploy-queue,chief", "--raft-timing", "fast"})...)
	p := startPrometheus(t, g, program)
	chaos.Until(t, within, "the first scrapes", func() error { return p.finds(`count(sidelock_raft_term) == 3`) })
	elect(t, g)

	queries = append(queries,
		`max(increase(sidelock_raft_leader_changes_total[1m])) > 0`,
		`count(sidelock_role{role="voter"} == 1) == 3`,
		`sum(increase(sidelock_leases_ended_total{reason="expired"}[1m])) > 0`,
		`sum(increase(sidelock_leases_ended_total{reason="released"}[1m])) > 0`,
		`sum(increase(sidelock_grants_total{kind="election"}[1m])) > 0`,
		`sum(increase(sidelock_name_grants_total{name="deploy-waited"}[1m])) > 0`,
		`sum(increase(sidelock_name_leases_ended_total{name="deploy-forgotten", reason="expired"}[1m])) > 0`,
		`max(sidelock_name_waiters{name="deploy-queue"}) == 1`, `count(sidelock_name_holders{kind="election", name="chief"}) == 3`,
		`sum(sidelock_holds{state="holding"}) == 1`, `sum(sidelock_holds{state="waiting"}) == 1`, `sum(sidelock_streams) == 2`,
		`max(sidelock_leases) / max(sidelock_leases_limit) > 0`, `max(sidelock_state_bytes) / max(sidelock_state_bytes_limit) > 0`,
		`min(sidelock_data_size_bytes - sidelock_data_free_bytes) > 0`,
		`max(sidelock_replica_age_seconds) < 5`, `min(sidelock_ready) == 1`)
	load := newLoad(t, g)
	for deadline := time.Now().Add(within); len(queries) > 0; {
		load.round()
		queries = slices.DeleteFunc(queries, func(query string) bool { return p.finds(query) == nil })
		if time.Now().After(deadline) {
			for _, query := range queries {
				t.Error(p.finds(query))
			}
			break
		}
	}
	p.wantAlerts()
}

// within is far more than anything here takes; only what never comes takes so long.
const within = 30 * time.Second

// dashboard are the queries of all panels, with what Grafana puts in the place of its variables.
func dashboard(t *testing.T) (queries []string) {
	t.Helper()
	var board struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, dashboardFile)), &board); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$job", "sidelock", "$instance", ".*", "$__rate_interval", "1m")
	for _, panel := range board.Panels {
		if (panel.Type == "row") != (len(panel.Targets) == 0) {
			t.Errorf("panel %q: a %s with %d queries", panel.Title, panel.Type, len(panel.Targets))
		}
		for _, target := range panel.Targets {
			query := variables.Replace(target.Expr)
			if strings.Contains(query, "$") {
				t.Errorf("panel %q has a variable that this test does not know: %s", panel.Title, target.Expr)
			}
			queries = append(queries, query)
		}
	}
	if len(queries) < 40 {
		t.Errorf("only %d queries were found in %s", len(queries), dashboardFile)
	}
	return queries
}

// wantAlerts holds the alerts to Prometheus' own view of them: each is loaded and can be evaluated, and is of series that there are.
func (p *prometheus) wantAlerts() {
	p.t.Helper()
	var names []string
	if err := p.get("/api/v1/label/__name__/values", nil, &names); err != nil {
		p.t.Fatal(err)
	}
	text := read(p.t, rulesFile)
	for _, line := range regexp.MustCompile(`(?m)^ +(expr|and|or|>).*$`).FindAllString(text, -1) {
		for _, name := range regexp.MustCompile(`sidelock_\w+`).FindAllString(line, -1) {
			if !slices.Contains(names, name) {
				p.t.Errorf("%s is no series: %s", name, strings.TrimSpace(line))
			}
		}
	}
	chaos.Until(p.t, within, "every alert to be evaluated", func() error {
		var rules struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError, State string }
			}
		}
		if err := p.get("/api/v1/rules", nil, &rules); err != nil {
			return err
		}
		if len(rules.Groups) != 1 || len(rules.Groups[0].Rules) != strings.Count(text, "- alert:") {
			p.t.Fatalf("Prometheus has other rules than the file: %+v", rules)
		}
		for _, r := range rules.Groups[0].Rules {
			if r.Health != "ok" {
				return fmt.Errorf("%+v", r)
			}
		}
		return nil
	})
}

// elect has the group elect another Raft leader, while the old one is paused.
func elect(t *testing.T, g *chaos.Group) {
	t.Helper()
	old := g.Leader()
	old.Pause()
	g.Leader()
	old.Resume()
	g.AwaitReady()
}

// certificates are the arguments with which peers trust each other by certificates, so that there are some that end.
func certificates(t *testing.T) []string {
	t.Helper()
	ca, dir := testca.New(t), t.TempDir()
	cert, key := ca.Server(t, func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "sidelock", Host: "deploy"}}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	})
	var args []string
	for flag, content := range map[string][]byte{"--tls-ca": ca.PEM(), "--tls-cert": cert, "--tls-key": key} {
		path := filepath.Join(dir, strings.TrimLeft(flag, "-"))
		write(t, path, string(content))
		args = append(args, flag, path)
	}
	return args
}
