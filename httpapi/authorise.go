package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/sidelock/sidelock/httpapi/keys"
)

// authorise finds out whose key the request has, before anything of it is read but its head, and whether that one may make this call.
// What a call needs beyond that shows in its parameters, and is up to its handler.
func (q *call) authorise(ring *keys.Ring) *problem {
	sent, p := bearer(q.r.Header)
	if p != nil {
		return p
	}
	if q.key = ring.Find(sent); q.key == nil {
		q.api.log.Debug("refused: the API key is not known", "op", q.route.op, "from", connectionAddr(q.r))
		return &problem{code: Unauthenticated, detail: "this sidecar does not know the API key that was sent: it is mistyped, or no longer in the sidecar's keys file"}
	}
	q.admin = q.admin || q.key.May(keys.Admin)
	if p := q.lacks(q.route.needs); p != nil {
		return p
	}
	if name, given := q.gin.Params.Get("name"); given && !q.key.Reaches(name) {
		return q.outOfReach("name " + printable(name))
	}
	return nil
}

// bearer is the key that a request has.
func bearer(h http.Header) (string, *problem) {
	values := h["Authorization"]
	if len(values) == 0 {
		return "", &problem{code: Unauthenticated}
	}
	scheme, key, _ := strings.Cut(values[0], " ")
	key = strings.Trim(key, " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || key == "" {
		return "", &problem{code: Unauthenticated, detail: "there must be one Authorization header, and it must be: Bearer KEY"}
	}
	return key, nil
}

// lacks refuses a caller whose key has none of the verbs. Where there are no keys it refuses nobody.
func (q *call) lacks(oneOf keys.Verb) *problem {
	if q.key == nil || q.key.May(oneOf) {
		return nil
	}
	return q.forbidden(fmt.Sprintf("the API key %s lacks the verb that this call takes, %s: it has %s",
		q.key.Name(), strings.ReplaceAll(oneOf.String(), ", ", " or "), q.key.Verbs()))
}

// outOfReach refuses a caller whose key is for other names.
func (q *call) outOfReach(what string) *problem {
	return q.forbidden(fmt.Sprintf("the API key %s does not reach the %s: its prefixes are %s", q.key.Name(), what, q.key.Prefixes()))
}

func (q *call) forbidden(detail string) *problem {
	q.api.log.Debug("refused: the API key may not do this", "op", q.route.op, "key", q.key.Name(), "from", connectionAddr(q.r))
	return &problem{code: Forbidden, detail: detail}
}

// sees tells whether the caller may know of a name.
func (q *call) sees(name string) bool { return q.key == nil || q.key.Reaches(name) }

// spans are the names below a prefix of which the caller may know.
func (q *call) spans(prefix string) ([]keys.Span, *problem) {
	if q.key == nil {
		return []keys.Span{{From: prefix}}, nil
	}
	spans := q.key.Spans(prefix)
	if len(spans) == 0 {
		return nil, q.outOfReach("names that begin with " + printable(prefix))
	}
	return spans, nil
}

// keyLife ends when the caller's key is no longer in force; nil: never.
func (q *call) keyLife() <-chan struct{} {
	if q.key == nil {
		return nil
	}
	return q.key.Life().Done()
}

func (q *call) keyGone() bool { return q.key != nil && q.key.Life().Err() != nil }

// disowned answers a request that was given up because its key is no longer in force.
func (q *call) disowned() *problem {
	p := &problem{code: Unauthenticated}
	if q.proposed {
		p = q.unknownOutcome()
	}
	p.detail = "the API key of this request was removed, or given other rights, while it waited"
	return p
}

// keyName is for logs; "" where there are no keys.
func (q *call) keyName() string {
	if q.key == nil {
		return ""
	}
	return q.key.Name()
}
