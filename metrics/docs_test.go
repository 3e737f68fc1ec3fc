package metrics

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const operationsPage = "../docs/operations.md"

// TestEveryMetricIsDocumented: with its type and its labels, and how it is added up; and no other is.
func TestEveryMetricIsDocumented(t *testing.T) {
	m, reg := newMetrics(t)
	m.Watch(busy)
	record(m)
	m.MembershipChange("added")
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	rows := documented(t)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "sidelock_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		want := row{strings.ToLower(f.GetType().String()), list(labels), howToAddUp(f.GetHelp())}
		if got := rows[f.GetName()]; got != want {
			t.Errorf("%s: the page says %q, it is %q", f.GetName(), got, want)
		}
		delete(rows, f.GetName())
	}
	for name := range rows {
		t.Errorf("%s is on %s, and is no metric", name, operationsPage)
	}
}

// row is what the page says of a metric that can be compared.
type row struct{ kind, labels, over string }

func list(labels []string) string {
	slices.Sort(labels)
	return strings.Join(labels, ", ")
}

func howToAddUp(help string) string {
	switch {
	case strings.Contains(help, "take max"):
		return "max"
	case strings.Contains(help, "sum over nodes"):
		return "sum"
	}
	return "own"
}

func documented(t *testing.T) map[string]row {
	t.Helper()
	page, err := os.ReadFile(operationsPage)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]row{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) == 8 && strings.HasPrefix(cells[1], "`sidelock_") && cells[4] != "" && cells[6] != "" {
			rows[strings.Trim(cells[1], "`")] = row{cells[2], list(strings.Split(cells[3], ", ")), cells[5]}
		}
	}
	return rows
}
