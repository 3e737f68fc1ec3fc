//go:build sidelock_next

package httpapi

import (
	"net/http"

	"github.com/sidelock/sidelock/lease"
)

// The calls of a release that does not exist (lease/level_next.go): the group's note.

func init() {
	routes = append(routes,
		route{method: "PUT", path: "/v1/note", op: "note_put", does: "keep value as the group's note", needs: write, params: set(pValue), handle: (*call).putNote},
		route{method: "GET", path: "/v1/note", op: "note_get", does: "the group's note", needs: read, params: set(pConsistency), handle: (*call).getNote})
}

func (q *call) putNote() *problem {
	out, p := q.do(lease.Command{Op: lease.OpNote, Value: q.v.value})
	if p != nil {
		return p
	}
	q.index(out.Index)
	return q.note(out.Value)
}

func (q *call) getNote() *problem {
	answer, p := q.query(lease.Query{Kind: lease.QueryNote})
	if p != nil {
		return p
	}
	if answer.Code != lease.OK {
		return &problem{code: answer.Code, detail: "the group is below the level of notes"}
	}
	return q.note(answer.Why)
}

func (q *call) note(text string) *problem {
	q.out.item()
	q.out.string("note", text)
	q.out.end()
	return q.answer(http.StatusOK)
}
