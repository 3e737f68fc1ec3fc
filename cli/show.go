package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sidelock/sidelock/client"
)

// showCommand is `sidelock show NAME`: what one wants to know at three in the morning.
type showCommand struct {
	Name     text   `arg:"" name:"NAME" optional:"" help:"The lock's name, or with --election the election's."`
	Election toggle `spoken:"" help:"NAME is an election's."`
	asking
	outputFlag
}

// Run prints who has it, who waits and what happened.
func (s *showCommand) Run(c *call) error {
	r := reader{c.faults}
	from, asJSON, kind := s.source(r), s.json(r), client.KindLock
	if r.boolean("election", &s.Election) {
		kind = client.KindElection
	}
	name := r.name("NAME", &s.Name)
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	c.warn()
	ctx, release := c.interruptible()
	defer release()
	if asJSON {
		return s.printJSON(ctx, c, from, kind, name)
	}
	p := c.printer()
	var err error
	if kind == client.KindElection {
		err = showElection(ctx, c, p, from, name)
	} else {
		err = showLock(ctx, c, p, from, name)
	}
	if err != nil {
		return from.failed(err)
	}
	return p.err
}

func (s *showCommand) printJSON(ctx context.Context, c *call, from source, kind client.Kind, name string) error {
	path := "/v1/" + string(kind) + "s/" + name
	state, err := from.client.Get(ctx, path, from.query())
	if err != nil {
		return from.failed(err)
	}
	history, err := from.client.Get(ctx, path+"/history", from.query())
	if err != nil {
		return from.failed(err)
	}
	return printJSON(c.stdout, map[string]json.RawMessage{string(kind): state, "history": history})
}

func showLock(ctx context.Context, c *call, p *printer, from source, name string) error {
	l, err := from.client.GetLock(ctx, name)
	if err != nil {
		return err
	}
	history, err := from.client.History(ctx, client.KindLock, name)
	if err != nil {
		return err
	}
	now := time.Now()
	state := p.paint(good, "free")
	switch {
	case len(l.Holders) > 0 && !slices.ContainsFunc(l.Holders, func(h client.Holder) bool { return h.Ended == "" }):
		state = p.paint(alert, "not held, but its place is still taken")
	case l.Held:
		state = p.paint(alert, "held") + ", " + limited(l.Limit)
	}
	p.line("lock %s is %s%s", p.paint(strong, l.Name), state, asOf(l.Staleness, from.local))
	if len(l.Holders) > 0 {
		t := newTable("HOLDER", "TOKEN", "SINCE", "FOR", "TIME LEFT", "RENEWED", "VIA")
		for _, h := range l.Holders {
			t.row(cellOf(h.Owner+aside(h.Metadata)), cellOf(token(h.Token)), cellOf(c.moment(h.GrantedAt, now)), cellOf(humane(h.HeldFor)),
				timeLeft(h.Ended, h.ExpiresIn, h.MinHoldLeft), renewed(h.Ended, h.LastRenewedAgo), cellOf(dash(h.ViaNode)))
		}
		p.line("")
		t.print(p, "")
	}
	if len(l.Queue) > 0 {
		t := newTable("WAITING", "OWNER", "WANTS", "FOR")
		for i, w := range l.Queue {
			t.row(cellOf(fmt.Sprint(i+1)), cellOf(w.Owner), cellOf(limited(w.Limit)), cellOf(humane(w.WaitingFor)))
		}
		p.line("")
		t.print(p, "")
	}
	showHistory(c, p, history, now)
	if !l.Held && len(l.Holders) == 0 && len(l.Queue) == 0 && inUse(ctx, from, name) {
		p.line("")
		p.line("an election of that name exists: --election")
	}
	return nil
}

// inUse says whether there is an election of that name. If it is not known, there is nothing to say.
func inUse(ctx context.Context, from source, name string) bool {
	e, err := from.client.GetElection(ctx, name)
	return err == nil && (e.Leader != nil || len(e.Candidates) > 0)
}

func showElection(ctx context.Context, c *call, p *printer, from source, name string) error {
	e, err := from.client.GetElection(ctx, name)
	if err != nil {
		return err
	}
	history, err := from.client.History(ctx, client.KindElection, name)
	if err != nil {
		return err
	}
	now := time.Now()
	state := p.paint(alert, "nobody leads")
	if e.Leader != nil && e.Leader.Ended == "" {
		state = p.paint(good, safe(e.Leader.Owner)) + " leads"
	}
	p.line("election %s: %s%s", p.paint(strong, e.Name), state, asOf(e.Staleness, from.local))
	if l := e.Leader; l != nil {
		t := newTable("LEADER", "VALUE", "TOKEN", "SINCE", "FOR", "TIME LEFT", "RENEWED", "VIA")
		t.row(cellOf(l.Owner+aside(l.Metadata)), cellOf(dash(l.Value)), cellOf(token(l.Token)), cellOf(c.moment(l.GrantedAt, now)), cellOf(humane(l.LeadingFor)),
			timeLeft(l.Ended, l.ExpiresIn, l.MinHoldLeft), renewed(l.Ended, l.LastRenewedAgo), cellOf(dash(l.ViaNode)))
		p.line("")
		t.print(p, "")
	}
	if len(e.Candidates) > 0 {
		t := newTable("STANDING BY", "OWNER", "VALUE", "FOR", "VIA")
		for i, w := range e.Candidates {
			t.row(cellOf(fmt.Sprint(i+1)), cellOf(w.Owner+aside(w.Metadata)), cellOf(dash(w.Value)), cellOf(humane(w.WaitingFor)), cellOf(dash(w.ViaNode)))
		}
		p.line("")
		t.print(p, "")
	}
	showHistory(c, p, history, now)
	return nil
}

// aside is metadata behind an owner.
func aside(metadata map[string]string) string {
	if len(metadata) == 0 {
		return ""
	}
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		pairs = append(pairs, key+"="+metadata[key])
	}
	return " (" + strings.Join(pairs, " ") + ")"
}

func renewed(ended client.Reason, since time.Duration) cell {
	if ended != "" {
		return cellOf("-")
	}
	return cellOf(ago(since))
}

// asOf says how old a local read is.
func asOf(staleness time.Duration, local bool) string {
	if !local {
		return ""
	}
	return fmt.Sprintf(", as this sidecar knew it %s ago", humane(staleness))
}
