package deploytest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// prometheus is a server of the test's own.
type prometheus struct {
	t    *testing.T
	base string // URL
}

// startPrometheus scrapes a group, several times a second, with the alerts loaded. The kernel chooses all ports.
func startPrometheus(t *testing.T, g *chaos.Group, program string) *prometheus {
	t.Helper()
	var targets []string
	for _, n := range g.Nodes {
		targets = append(targets, logged(t, n.Name, func() string { return n.Log() }, `msg="serving probes and metrics" addr=(\S+)`))
	}
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yaml")
	write(t, config, fmt.Sprintf(`
global: {scrape_interval: 250ms, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs: [{job_name: sidelock, static_configs: [{targets: [%s]}]}]
`, rules, strings.Join(targets, ", ")))
	log := g.Beside(program, "--config.file", config, "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", "127.0.0.1:0")
	address := logged(t, "Prometheus", func() string { return read(t, log) }, `msg="Listening on" address=(\S+)`)
	return &prometheus{t, "http://" + address}
}

// logged waits for a line in a log, and returns the part of it in parentheses.
func logged(t *testing.T, who string, log func() string, line string) (part string) {
	t.Helper()
	pattern := regexp.MustCompile(line)
	chaos.Until(t, within, who+" to log "+line, func() error {
		m := pattern.FindStringSubmatch(log())
		if m == nil {
			return fmt.Errorf("the log is\n%s", log())
		}
		part = m[1]
		return nil
	})
	return part
}

// finds returns nil if a query has a result, and one that is a number.
func (p *prometheus) finds(query string) error {
	var found struct {
		Result []struct{ Value [2]any }
	}
	if err := p.get("/api/v1/query", url.Values{"query": {query}}, &found); err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	for _, r := range found.Result {
		if r.Value[1] != "NaN" {
			return nil
		}
	}
	return fmt.Errorf("no data for %s: %v", query, found.Result)
}

// get asks the API. What Prometheus calls wrong fails the test at once; that it cannot be reached may pass.
func (p *prometheus) get(path string, form url.Values, into any) error {
	p.t.Helper()
	resp, err := http.Get(p.base + path + "?" + form.Encode())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		if resp.StatusCode == http.StatusBadRequest {
			p.t.Fatalf("%s %v: %s", path, form, answer.Error)
		}
		return fmt.Errorf("%s: %s", resp.Status, answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}
