package httpapi

import (
	"net/http"
	"time"

	"github.com/sidelock/sidelock/lease"
)

func (q *call) lockHistory() *problem     { return q.history(lease.Locks) }
func (q *call) electionHistory() *problem { return q.history(lease.Elections) }

// history tells what happened to a name, and apart from that what was out of the ordinary.
func (q *call) history(space lease.Space) *problem {
	name, p := q.name()
	if p != nil {
		return p
	}
	answer, p := q.query(lease.Query{Kind: lease.QueryHistory, Space: space, Name: name})
	if p != nil {
		return p
	}
	if answer.Code != lease.OK || answer.Info == nil {
		return q.unanswered(&answer)
	}
	e := &q.out
	e.item()
	e.string("name", name)
	e.pasts("events", answer.History)
	e.pasts("notable", answer.Notable)
	e.uint("index", answer.Info.Index)
	e.end()
	return q.answer(http.StatusOK)
}

// Past.
func (e *encoder) pasts(key string, list []lease.Past) {
	e.array(key)
	for i := range list {
		p := &list[i]
		e.item()
		e.string("event", p.Kind.String())
		e.string("owner", p.Owner)
		e.uint("token", uint64(p.Token))
		e.wall("at", p.Wall)
		// By the wall clock of this sidecar: cluster time stands still while nothing is held, and this is for people.
		e.ms("ago_ms", time.Since(time.UnixMicro(p.Wall)))
		e.string("via_node", p.Via)
		switch p.Kind {
		case lease.EventReleased, lease.EventExpired, lease.EventRevoked, lease.EventDisconnected, lease.EventForced:
			e.ms("held_ms", p.Held)
			e.ms("last_renewed_ago_ms", p.Quiet)
		}
		if p.Why != "" {
			e.string("why", p.Why)
		}
		e.end()
	}
	e.endArray()
}
