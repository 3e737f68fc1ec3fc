package httpapi

import (
	"net/http"
	"strings"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// listHolds answers from what this sidecar knows, so that it works when nothing else does: then there is most to see. What is in
// jeopardy comes first, and what does not fit is counted.
func (q *call) listHolds() *problem {
	if _, p := q.spans(q.v.prefix); p != nil {
		return p
	}
	var urgent, calm []raftnode.Keeping
	for _, k := range q.api.node.Keeps() {
		switch {
		case !strings.HasPrefix(k.Name, q.v.prefix) || !q.sees(k.Name):
		case k.Jeopardy():
			urgent = append(urgent, k)
		default:
			calm = append(calm, k)
		}
	}
	limit := q.v.page
	if limit == 0 {
		limit = lease.DefaultListLimit
	}
	all := append(urgent, calm...)
	e := &q.out
	e.item()
	e.array("holds")
	for i := range all[:min(limit, len(all))] {
		e.keeping(&all[i])
	}
	e.endArray()
	e.int("total", int64(len(all)))
	e.int("in_jeopardy", int64(len(urgent)))
	e.end()
	return q.answer(http.StatusOK)
}

// Keeping.
func (e *encoder) keeping(k *raftnode.Keeping) {
	words := lockWords
	if k.Space == lease.Elections {
		words = electionWords
	}
	e.item()
	e.string("kind", kindOf(k.Space))
	e.string("name", k.Name)
	e.string("owner", k.Owner)
	if k.Standing == lease.Holding {
		e.string("state", words.holding)
	} else {
		e.string("state", words.waiting)
	}
	e.bool("stream", !k.Request)
	e.int("position", int64(k.Position))
	e.uintOrNull("token", uint64(k.Token))
	e.ms("ttl_ms", k.TTL)
	if k.Standing == lease.Holding {
		e.ms("valid_for_ms", k.ValidFor)
	} else {
		e.null("valid_for_ms")
	}
	e.bool("jeopardy", k.Jeopardy())
	e.stringOrNull("reason", string(doubt(k)))
	e.end()
}

// doubt is why it could not be renewed when that was tried last.
func doubt(k *raftnode.Keeping) lease.Code {
	if k.Doubt == lease.OK && k.Jeopardy() {
		return raftnode.NoQuorum // nobody has answered yet
	}
	return k.Doubt
}
