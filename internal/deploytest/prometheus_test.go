package deploytest_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	rulesFile     = "../../deploy/prometheus/sidelock.rules.yaml"
	rulesTestFile = "../../deploy/prometheus/sidelock.rules.test.yaml"
	configFile    = "../../deploy/prometheus/prometheus.yaml"
)

func TestPromtoolAcceptsTheAlertsAndTheirCases(t *testing.T) {
	promtool, found := tool(t, "promtool")
	if !found {
		return
	}
	for _, args := range [][]string{{"check", "rules", rulesFile}, {"test", "rules", rulesTestFile}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// TestEachAlertHasACaseInWhichItFires: where none of the rules ever fires, a case fails for each.
func TestEachAlertHasACaseInWhichItFires(t *testing.T) {
	promtool, found := tool(t, "promtool")
	if !found {
		return
	}
	var tree yaml.Node
	if err := yaml.Unmarshal([]byte(read(t, rulesFile)), &tree); err != nil {
		t.Fatal(err)
	}
	rules := field(field(tree.Content[0], "groups").Content[0], "rules").Content
	for _, rule := range rules {
		field(rule, "expr").Value = "vector(1) > 1"
	}
	silent, err := yaml.Marshal(&tree)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, filepath.Base(rulesFile)), string(silent))
	cases := filepath.Join(dir, "cases.yaml")
	write(t, cases, read(t, rulesTestFile))
	out, err := exec.Command(promtool, "test", "rules", cases).CombinedOutput()
	if err == nil || len(rules) < 10 {
		t.Errorf("%d rules that never fire pass their cases\n%s", len(rules), out)
	}
	for _, rule := range rules {
		missed := `Labels:{alertname="` + field(rule, "alert").Value + `"`
		if limit := field(field(rule, "labels"), "limit").Value; limit != "" {
			missed = `limit="` + limit + `"`
		}
		if !strings.Contains(string(out), missed) {
			t.Errorf("%s need not fire in any case:\n%s", field(rule, "alert").Value, out)
		}
	}
}

func TestPromtoolAcceptsTheConfiguration(t *testing.T) {
	promtool, found := tool(t, "promtool")
	if !found {
		return
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, filepath.Base(rulesFile)), read(t, rulesFile))
	// Debian's build does not know Kubernetes. Only where the targets come from is replaced: what is done to them is checked.
	const pods = "    kubernetes_sd_configs:\n      - role: pod\n"
	config := read(t, configFile)
	if strings.Count(config, pods) != 1 {
		t.Fatalf("%s looks for no pods: %q", configFile, pods)
	}
	path := filepath.Join(dir, "prometheus.yaml")
	write(t, path, strings.Replace(config, pods, "    static_configs: []\n", 1))
	if out, err := exec.Command(promtool, "check", "config", path).CombinedOutput(); err != nil {
		t.Errorf("promtool check config: %v\n%s", err, out)
	}
}

// field is the value of a key; a node without a value if there is none.
func field(of *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(of.Content); i += 2 {
		if of.Content[i].Value == key {
			return of.Content[i+1]
		}
	}
	return &yaml.Node{}
}
