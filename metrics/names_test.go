package metrics

import (
	"fmt"
	"strings"
	"testing"
)

func TestOnlyNamesThatAnOperatorPickedAreLabels(t *testing.T) {
	m, _ := newMetrics(t)
	for _, name := range []string{"nightly", "nightly-2", "jobs-", "jobs-1", "job", "other"} {
		m.Granted("lock", name, 0)
		m.GrantEnded("lock", name, "released")
	}
	m.Granted("election", "nightly", 0)
	m.Watch(fixed{Names: []Name{{"lock", "jobs-1", 1, 0}, {"lock", "jobs-1", 1, 0}, {"lock", "secret", 1, 0}, {"lock", "jobs-held", 1, 0}}}) // a source may say too much
	scrapeText(t, m, "")                                                                                                                     // a label that a scrape brings has its counters in the next one
	text := scrapeText(t, m, "")
	wantLines(t, text,
		`sidelock_name_grants_total{kind="lock",name="nightly"} 1`, `sidelock_name_grants_total{kind="election",name="nightly"} 1`,
		`sidelock_name_grants_total{kind="lock",name="jobs-"} 1`, `sidelock_name_grants_total{kind="lock",name="jobs-1"} 1`,
		`sidelock_name_leases_ended_total{kind="lock",name="jobs-1",reason="released"} 1`,
		`sidelock_name_leases_ended_total{kind="lock",name="jobs-1",reason="expired"} 0`,
		`sidelock_name_holders{kind="lock",name="jobs-1"} 1`, `sidelock_name_holders{kind="lock",name="jobs-held"} 1`,
		`sidelock_name_grants_total{kind="lock",name="jobs-held"} 0`, `sidelock_grants_total{kind="lock"} 6`, `sidelock_name_grants_left_out_total 0`)
	for _, name := range []string{"nightly-2", "job", "other", "secret"} {
		if strings.Contains(text, fmt.Sprintf("name=%q", name)) {
			t.Errorf("%s is a label", name)
		}
	}
}

func TestAtMostAHundredNamesAreLabelsWhereverTheyComeFrom(t *testing.T) {
	m, _ := newMetrics(t)
	var all []Name
	for i := range MaxNames {
		m.Granted("lock", fmt.Sprint("jobs-", i), 0)
		all = append(all, Name{Kind: "election", Name: fmt.Sprint("jobs-", i)})
	}
	for range 3 {
		m.Granted("lock", "jobs-late", 0)
		m.GrantEnded("lock", "jobs-late", "expired")
	}
	m.Granted("lock", "jobs-0", 0)
	m.Watch(fixed{Names: append(all, Name{Kind: "lock", Name: "jobs-1", Waiters: 2})})
	text := scrapeText(t, m, "")
	wantLines(t, text, `sidelock_name_grants_left_out_total 3`, `sidelock_name_grants_total{kind="lock",name="jobs-0"} 2`,
		`sidelock_name_waiters{kind="lock",name="jobs-1"} 2`)
	labels := map[string]bool{}
	for line := range strings.Lines(text) {
		if _, rest, ok := strings.Cut(line, ",name="); ok {
			labels[strings.Split(rest, `"`)[1]] = true
		}
	}
	if len(labels) != MaxNames || labels["jobs-late"] || strings.Contains(text, `kind="election",name`) {
		t.Errorf("%d names are labels, want the first %d", len(labels), MaxNames)
	}
}
