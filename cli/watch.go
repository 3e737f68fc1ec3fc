package cli

import (
	"fmt"
	"time"

	"github.com/sidelock/sidelock/client"
)

// watchCommand is `sidelock watch`.
type watchCommand struct {
	Prefix text `placeholder:"TEXT" help:"Only names that begin so."`
	Kind   text `placeholder:"KIND" help:"Only lock or election; both if not given."`
	After  text `placeholder:"ID" help:"Continue after the event with this id, as --output json shows it, if it is still remembered."`
	connection
	outputFlag
}

// Run prints everything as it is and then what happens, until a signal.
func (w *watchCommand) Run(c *call) error {
	r := reader{c.faults}
	asJSON := w.json(r)
	o := client.EventsOptions{Prefix: r.string("prefix", &w.Prefix), After: r.string("after", &w.After)}
	if r.string("kind", &w.Kind) != "" {
		o.Kind = client.Kind(r.oneOf("kind", &w.Kind, string(client.KindLock), string(client.KindElection)))
	}
	troubles := &troubles{say: func(line string) { fmt.Fprintf(c.stderr, "%s: %s\n", c.name, line) }}
	cl, server := w.client(r, client.WithOnRetry(troubles.retry)), w.url(r)
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	c.warn()
	ctx, release := c.interruptible()
	defer release()
	show := eventPrinter{c: c, p: c.printer()}
	write := show.text
	if asJSON {
		write = show.json
	}
	for e, err := range cl.Events(ctx, o) {
		if err != nil {
			return source{server: server, local: true}.failed(err)
		}
		troubles.over()
		if err := write(e); err != nil {
			return err
		}
	}
	return nil
}

// eventPrinter writes events, a line each; as JSON in the words of the API.
type eventPrinter struct {
	c *call
	p *printer
}

func (s *eventPrinter) json(e client.Event) error {
	s.p.write(string(e.Raw) + "\n")
	return s.p.err
}

func (s *eventPrinter) text(e client.Event) error {
	if e.Type != "state" {
		s.p.line("%s", s.event(e))
		return s.p.err
	}
	for _, l := range e.Locks {
		s.p.line("%s", s.lock(l))
	}
	for _, el := range e.Elections {
		s.p.line("%s", s.election(el))
	}
	if !e.More {
		s.p.line("%s", s.p.paint(dim, fmt.Sprintf("so it is at index %d; from here on as it happens", e.Index)))
	}
	return s.p.err
}

// line puts the columns of one line together; what stands in a line's end is as wide as it likes.
func (s *eventPrinter) line(at string, what cell, kind client.Kind, name, rest string) string {
	return fmt.Sprintf("%-8s  %s  %-8s  %s  %s", at, s.p.paint(what.style, fmt.Sprintf("%-13s", what.text)), kind, s.p.paint(strong, safe(name)), safe(rest))
}

func (s *eventPrinter) lock(l client.LockState) string {
	rest := ""
	for i, h := range l.Holders {
		if i == 0 {
			rest = fmt.Sprintf("by %s for %s, token %d", h.Owner, humane(h.HeldFor), h.Token)
		}
	}
	if n := max(l.HolderCount, len(l.Holders)); n > 1 {
		rest += fmt.Sprintf(", and by %d more", n-1)
	}
	if n := max(l.QueueLength, len(l.Queue)); n > 0 {
		rest = join(rest, fmt.Sprintf("%d waiting", n))
	}
	state := styled(dim, "is held")
	if !l.Held {
		state = styled(dim, "is free")
	}
	return s.line("", state, client.KindLock, l.Name, rest)
}

func (s *eventPrinter) election(e client.Election) string {
	state, rest := styled(dim, "has no leader"), ""
	if l := e.Leader; l != nil {
		state = styled(dim, "is led")
		rest = fmt.Sprintf("by %s for %s, token %d", l.Owner, humane(l.LeadingFor), l.Token)
		if l.Value != "" {
			rest += ", value " + l.Value
		}
	}
	if n := max(e.CandidateCount, len(e.Candidates)); n > 0 {
		rest = join(rest, fmt.Sprintf("%d standing by", n))
	}
	return s.line("", state, client.KindElection, e.Name, rest)
}

func (s *eventPrinter) event(e client.Event) string {
	rest := e.Owner
	add := func(text string) { rest = join(rest, text) }
	if e.Token != 0 {
		add(fmt.Sprintf("token %d", e.Token))
	}
	if e.Value != "" {
		add("value " + e.Value)
	}
	if e.Waited > 0 {
		add("waited " + humane(e.Waited))
	}
	if e.Late > 0 {
		add(humane(e.Late) + " late")
	}
	if e.Reason != "" {
		add(e.Reason)
	}
	if e.Why != "" {
		add("because: " + e.Why)
	}
	return s.line(s.c.moment(e.At, time.Now()), happening(e.Type), e.Kind, e.Name, rest)
}
