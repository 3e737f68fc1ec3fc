package cli

import (
	"slices"
	"time"

	"github.com/sidelock/sidelock/client"
)

// showHistory prints what is remembered of a lock or an election, the newest last, where the eye is.
func showHistory(c *call, p *printer, h *client.History, now time.Time) {
	events := wholeHistory(h)
	p.line("")
	if len(events) == 0 {
		p.line("nothing is remembered of what happened to it")
		return
	}
	t := newTable("WHEN", "AGO", "WHAT", "WHO", "TOKEN", "VIA", "DETAIL")
	for _, e := range events {
		t.row(cellOf(c.moment(e.At, now)), cellOf(humane(e.Ago)), happening(e.Type), cellOf(dash(e.Owner)), cellOf(token(e.Token)), cellOf(dash(e.ViaNode)), cellOf(detail(e)))
	}
	t.print(p, "")
}

// wholeHistory joins the last events with those that are remembered longer because something was amiss.
func wholeHistory(h *client.History) []client.PastEvent {
	all := slices.Clone(h.Events)
	for _, e := range h.Notable {
		same := func(other client.PastEvent) bool {
			return other.Type == e.Type && other.Token == e.Token && other.Owner == e.Owner && other.At.Equal(e.At)
		}
		if !slices.ContainsFunc(h.Events, same) {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b client.PastEvent) int { return int(min(1, max(-1, b.Ago-a.Ago))) })
	return all
}

// happening colours what should not happen every day.
func happening(kind string) cell {
	switch kind {
	case "granted", "released", "queued", "freed", "value_changed":
		return cellOf(kind)
	case "left", "disconnected":
		return styled(alert, kind)
	}
	return styled(bad, kind)
}

// detail is what else is known of an event.
func detail(e client.PastEvent) string {
	switch e.Type {
	case "granted", "queued", "freed":
		return ""
	}
	text := ""
	if e.HeldFor > 0 {
		text = "held " + humane(e.HeldFor)
	}
	if e.Type == "expired" && e.LastRenewedAgo > 0 {
		text = join(text, "last renewed "+humane(e.LastRenewedAgo)+" before")
	}
	if e.Why != "" {
		text = join(text, "because: "+e.Why)
	}
	return text
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}
