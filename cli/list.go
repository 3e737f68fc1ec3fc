package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/sidelock/sidelock/client"
)

// locksCommand is `sidelock locks`.
type locksCommand struct {
	Prefix text `placeholder:"TEXT" help:"Only names that begin so."`
	asking
	outputFlag
}

// Run prints a table of the locks in use.
func (l *locksCommand) Run(c *call) error {
	return runList(c, client.KindLock, &l.asking, &l.outputFlag, &l.Prefix, func(ctx context.Context, from source, prefix string) (*table, error) {
		t := newTable("LOCK", "STATE", "HOLDER", "TOKEN", "FOR", "TIME LEFT", "WAITING")
		for lock, err := range from.client.Locks(ctx, client.ListOptions{Prefix: prefix}) {
			if err != nil {
				return nil, err
			}
			t.row(lockRow(lock)...)
		}
		return t, nil
	})
}

func lockRow(l client.LockState) []cell {
	row := []cell{styled(strong, l.Name)}
	switch {
	case len(l.Holders) == 0 && l.Held: // a newer sidecar may show no holders
		row = append(row, cellOf("held"), cellOf("-"), cellOf("-"), cellOf("-"), cellOf("-"))
	case len(l.Holders) == 0:
		row = append(row, styled(good, "free"), cellOf("-"), cellOf("-"), cellOf("-"), cellOf("-"))
	default:
		h := l.Holders[0]
		owner := h.Owner
		if more := max(l.HolderCount, len(l.Holders)) - 1; more > 0 {
			owner += fmt.Sprintf(" and %d more", more)
		}
		row = append(row, holdState(h.Ended), cellOf(owner), cellOf(token(h.Token)), cellOf(humane(h.HeldFor)), timeLeft(h.Ended, h.ExpiresIn, h.MinHoldLeft))
	}
	return append(row, cellOf(strconv.Itoa(max(l.QueueLength, len(l.Queue)))))
}

// electionsCommand is `sidelock elections`.
type electionsCommand struct {
	Prefix text `placeholder:"TEXT" help:"Only names that begin so."`
	asking
	outputFlag
}

// Run prints a table of the elections in use.
func (e *electionsCommand) Run(c *call) error {
	return runList(c, client.KindElection, &e.asking, &e.outputFlag, &e.Prefix, func(ctx context.Context, from source, prefix string) (*table, error) {
		t := newTable("ELECTION", "LEADER", "VALUE", "TOKEN", "FOR", "TIME LEFT", "STANDING BY")
		for election, err := range from.client.Elections(ctx, client.ListOptions{Prefix: prefix}) {
			if err != nil {
				return nil, err
			}
			t.row(electionRow(election)...)
		}
		return t, nil
	})
}

func electionRow(e client.Election) []cell {
	row := []cell{styled(strong, e.Name)}
	if l := e.Leader; l != nil {
		row = append(row, cellOf(l.Owner), cellOf(dash(l.Value)), cellOf(token(l.Token)), cellOf(humane(l.LeadingFor)), timeLeft(l.Ended, l.ExpiresIn, l.MinHoldLeft))
	} else {
		row = append(row, styled(alert, "none"), cellOf("-"), cellOf("-"), cellOf("-"), cellOf("-"))
	}
	return append(row, cellOf(strconv.Itoa(max(e.CandidateCount, len(e.Candidates)))))
}

// runList is what the two lists have in common.
func runList(c *call, kind client.Kind, a *asking, o *outputFlag, prefix *text, rows func(context.Context, source, string) (*table, error)) error {
	r := reader{c.faults}
	from, asJSON, begins := a.source(r), o.json(r), r.string("prefix", prefix)
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	c.warn()
	ctx, release := c.interruptible()
	defer release()
	if asJSON {
		all, err := from.listJSON(ctx, kind, begins)
		if err != nil {
			return from.failed(err)
		}
		return printJSON(c.stdout, all)
	}
	t, err := rows(ctx, from, begins)
	if err != nil {
		return from.failed(err)
	}
	p := c.printer()
	if len(t.rows) == 1 {
		p.line("no %ss in use%s", kind, beginning(begins))
	} else {
		t.print(p, "")
	}
	return p.err
}

func beginning(prefix string) string {
	if prefix == "" {
		return ""
	}
	return fmt.Sprintf(" that begin with %q", prefix)
}

// listJSON is the whole list as the API says it, in one document, whatever number of pages it took.
func (s source) listJSON(ctx context.Context, kind client.Kind, prefix string) (map[string]any, error) {
	plural := string(kind) + "s"
	all := []json.RawMessage{}
	for after := ""; ; {
		query := s.query()
		set(query, "prefix", prefix)
		set(query, "after", after)
		raw, err := s.client.Get(ctx, "/v1/"+plural, query)
		if err != nil {
			return nil, err
		}
		var page map[string]json.RawMessage
		var entries []json.RawMessage
		next := ""
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("list %s: the answer is no object: %w", plural, err)
		}
		if err := json.Unmarshal(page[plural], &entries); err != nil {
			return nil, fmt.Errorf("list %s: the answer has no list: %w", plural, err)
		}
		all = append(all, entries...)
		_ = json.Unmarshal(orNull(page["next"]), &next)
		if next <= after { // the end, or a sidecar that goes in circles
			return map[string]any{plural: all, "next": nil}, nil
		}
		after = next
	}
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

// token writes a fencing token; 0 is none.
func token(t uint64) string {
	if t == 0 {
		return "-"
	}
	return strconv.FormatUint(t, 10)
}

func dash(text string) string { return orElse(text, "-") }

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// holdState says whether a holder holds, or only its place is still taken.
func holdState(ended client.Reason) cell {
	if ended != "" {
		return styled(dim, string(ended))
	}
	return styled(alert, "held")
}

// timeLeft is until the deadline, or until a place that is only kept becomes free.
func timeLeft(ended client.Reason, expiresIn, minHoldLeft time.Duration) cell {
	if ended != "" {
		return styled(dim, humane(minHoldLeft)+" (min hold)")
	}
	return cellOf(humane(expiresIn))
}
