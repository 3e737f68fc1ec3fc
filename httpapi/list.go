package httpapi

import (
	"net/http"
	"strings"

	"github.com/sidelock/sidelock/httpapi/keys"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// list answers with a page of names. The encoder of one entry is the space's own.
func (q *call) list(space lease.Space, encode func(*lease.Info)) *problem {
	spans, p := q.spans(q.v.prefix)
	if p != nil {
		return p
	}
	ask := lease.Query{Kind: lease.QueryNames, Space: space, Prefix: q.v.prefix, After: q.v.after, Limit: q.v.page}
	if ask.Limit == 0 {
		ask.Limit = lease.DefaultListLimit
	}
	var page lease.Answer
	if len(spans) == 1 && !spans[0].One {
		page, p = q.query(ask)
	} else {
		page, p = q.pieces(ask, spans)
	}
	if p != nil {
		return p
	}
	if page.Code != lease.OK {
		return q.unanswered(&page)
	}
	q.out.item()
	q.out.array(space.String())
	for i := range page.Infos {
		encode(&page.Infos[i])
	}
	q.out.endArray()
	q.out.stringOrNull("next", page.Next)
	q.out.end()
	return q.answer(http.StatusOK)
}

// pieces puts the page of a caller who may see only some of the names together: one question for each span of them. The index of the
// answer is that of the first, since when all of it has been true or has become so.
func (q *call) pieces(ask lease.Query, spans []keys.Span) (page lease.Answer, p *problem) {
	ctx, cancel := q.context()
	defer cancel()
	var at raftnode.ReadInfo
	room := lease.MaxPageBytes
	for _, span := range spans {
		piece, more := within(ask, span)
		switch {
		case !more:
			continue
		case len(page.Infos) == ask.Limit || room < 0:
			page.Next = page.Infos[len(page.Infos)-1].Name // there may be more, in the spans that are left
			q.readAt(at)
			return page, nil
		}
		piece.Limit = min(piece.Limit, ask.Limit-len(page.Infos))
		answer, info, err := q.api.node.Query(ctx, piece, q.v.consistency)
		if err != nil {
			return answer, q.failed(err)
		}
		if answer.Code != lease.OK {
			return answer, nil
		}
		if at.Index == 0 {
			at.Index = info.Index
		}
		at.Staleness = max(at.Staleness, info.Staleness)
		for i := range answer.Infos {
			if in := &answer.Infos[i]; !span.One || in.Name == span.From {
				page.Infos = append(page.Infos, *in)
				room -= weight(in)
			}
		}
		if answer.Next != "" && !span.One {
			page.Next = answer.Next
			break
		}
	}
	q.readAt(at)
	return page, nil
}

// within narrows a question down to a span; there is nothing to ask if all of that comes before ask.After.
func within(ask lease.Query, span keys.Span) (lease.Query, bool) {
	if span.One {
		ask.Limit = 1
	}
	ask.Prefix = span.From
	switch {
	case ask.After < span.From:
		ask.After = "" // which says nothing here
		return ask, true
	case span.One:
		return ask, false
	}
	return ask, strings.HasPrefix(ask.After, span.From)
}

// weight is about how many bytes an entry has.
func weight(in *lease.Info) int {
	n := 256
	for i := range in.Holders {
		h := &in.Holders[i]
		n += 256 + len(h.Owner) + len(h.Value)
		for _, p := range h.Metadata {
			n += len(p.Key) + len(p.Value)
		}
	}
	return n
}
