package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/sidelock/sidelock/httpapi/keys"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

const (
	leaseHeader     = "Sidelock-Lease"
	indexHeader     = "Sidelock-Index"
	nodeHeader      = "Sidelock-Node"
	stalenessHeader = "Sidelock-Staleness-Ms"
)

// Header values that are the same in every answer.
var (
	typeJSON    = []string{"application/json"}
	typeProblem = []string{"application/problem+json"}
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"}
	challenge   = []string{`Bearer realm="sidelock"`}
)

// call is one request on its way through a handler. It is pooled: nothing in it outlives the request.
type call struct {
	api   *API
	route *route
	gin   *gin.Context
	r     *http.Request
	v     values
	body  []byte
	out   encoder

	// proposed is set once a command has gone to the node: from there on a failure of ours is an unknown outcome.
	proposed bool
	lease    lease.ID // of that command

	keyed bool          // callers need a key here, but for what is open
	key   *keys.Key     // the caller's; nil: none was needed
	admin bool          // the caller is an administrator
	start time.Time     // when the request came
	took  time.Duration // until a stream began; 0: it is none
}

var calls = sync.Pool{New: func() any { return new(call) }}

// serve makes gin's handler for a route.
func (a *API) serve(r *route, d door) gin.HandlerFunc {
	return func(c *gin.Context) {
		q := calls.Get().(*call)
		q.api, q.route, q.gin, q.r, q.admin, q.keyed, q.start = a, r, c, c.Request, d.admin, d.keys != nil, time.Now()
		code := q.run(&d)
		if q.took == 0 {
			q.took = time.Since(q.start)
		}
		a.recorder.Request(r.op, label(code), q.took.Seconds())
		q.recycle()
	}
}

// run answers the request and returns the code of the answer.
func (q *call) run(d *door) (code lease.Code) {
	defer func() {
		if cause := recover(); cause != nil {
			code = q.panicked(cause)
		}
	}()
	h := q.gin.Writer.Header()
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	p := q.admit(d)
	if p == nil {
		h[nodeHeader] = q.api.nodeName
		p = q.route.handle(q)
	}
	if p == nil {
		return lease.OK
	}
	q.refuse(p)
	return p.code
}

// admit does what comes before every handler.
func (q *call) admit(d *door) (p *problem) {
	if d.check != nil {
		if p = d.check(q.r); p != nil {
			return p
		}
	}
	if q.keyed && q.route.needs != open {
		if p = q.authorise(d.keys); p != nil {
			return p
		}
	}
	if q.route.is(lax) {
		return nil
	}
	q.gin.Writer.Header()[nodeHeader] = q.api.nodeName
	q.v.minTTL = q.api.node.MinTTL()
	if q.body, p = readBody(q.gin.Writer, q.r, q.body[:0]); p != nil {
		return p
	}
	if p = decode(q.r, q.body, q.route.params, &q.v); p != nil {
		return p
	}
	if q.route.is(fresh) && q.api.draining() {
		return &problem{code: raftnode.Draining}
	}
	return nil
}

func (q *call) recycle() {
	if cap(q.body)+cap(q.out.b) > maxPooledBuffer {
		return
	}
	*q = call{body: q.body[:0], out: encoder{q.out.b[:0]}, v: values{metadata: nil}}
	calls.Put(q)
}

// panicked keeps a fault of ours from becoming a broken connection, and the answer honest.
func (q *call) panicked(cause any) lease.Code {
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	q.api.log.Error("a handler panicked", "op", q.route.op, "cause", cause, "stack", string(debug.Stack()))
	p := &problem{code: Internal}
	if q.proposed {
		p = q.unknownOutcome()
	}
	if !q.gin.Writer.Written() {
		q.refuse(p)
	}
	return p.code
}

func (q *call) unknownOutcome() *problem {
	return &problem{code: raftnode.OutcomeUnknown, lease: q.lease}
}

// context bounds what follows by RequestTimeout and the caller's wait, and a wait by the life of the caller's key.
func (q *call) context() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(q.r.Context(), RequestTimeout+q.v.wait)
	if q.key == nil || q.v.wait == 0 {
		return ctx, cancel
	}
	stop := context.AfterFunc(q.key.Life(), cancel)
	return ctx, func() { stop(); cancel() }
}

// do brings a command to its result; a refusal by the state machine becomes a problem.
func (q *call) do(c lease.Command) (raftnode.Outcome, *problem) {
	ctx, cancel := q.context()
	defer cancel()
	q.proposed, q.lease = true, c.Lease
	var out raftnode.Outcome
	var err error
	switch {
	case c.Op == lease.OpAcquire && c.Space == lease.Locks:
		out, err = q.api.node.Acquire(ctx, c, q.v.wait)
	case c.Op == lease.OpRenew && q.v.wait > 0:
		out, err = q.api.node.RenewUntilChange(ctx, c, q.v.wait)
	default:
		out, err = q.api.node.Do(ctx, c)
	}
	if q.v.wait > 0 && q.keyGone() {
		return out, q.disowned() // as one who hung up: what was granted meanwhile may have been taken back
	}
	return out, q.unsettled(&out, err)
}

// unsettled turns whatever is no success into a problem.
func (q *call) unsettled(out *raftnode.Outcome, err error) *problem {
	switch {
	case err != nil:
		return q.failed(err)
	case out.Code != lease.OK:
		return &problem{code: out.Code, param: out.Param, result: &out.Result}
	}
	return nil
}

// query asks the state; a refusal is left to the handler.
func (q *call) query(ask lease.Query) (lease.Answer, *problem) {
	ctx, cancel := q.context()
	defer cancel()
	var answer lease.Answer
	var info raftnode.ReadInfo
	var err error
	if q.v.given.has(pIndex) {
		answer, info, err = q.api.node.QueryChange(ctx, ask, q.v.consistency, q.v.index, q.v.wait)
	} else {
		answer, info, err = q.api.node.Query(ctx, ask, q.v.consistency)
	}
	if err != nil {
		return answer, q.failed(err)
	}
	if q.v.wait > 0 && q.keyGone() { // a local read does not look at why the wait ended
		return answer, q.disowned()
	}
	q.readAt(info)
	return answer, nil
}

// readAt says at which index a read holds true and, of a local one, how old it is.
func (q *call) readAt(info raftnode.ReadInfo) {
	q.index(info.Index)
	if q.v.consistency == raftnode.Local {
		q.gin.Writer.Header()[stalenessHeader] = []string{strconv.FormatInt(info.Staleness.Milliseconds(), 10)}
	}
}

// failed turns an error of the node into a problem. Whatever is not known to have done nothing is unknown.
func (q *call) failed(err error) *problem {
	switch {
	case q.r.Context().Err() != nil:
		return &problem{code: clientGone}
	case q.v.wait > 0 && q.keyGone():
		return q.disowned()
	}
	var e *raftnode.Error
	if errors.As(err, &e) {
		if _, known := classes[e.Code]; known {
			p := &problem{code: e.Code, detail: e.Detail}
			if e.Code == raftnode.OutcomeUnknown {
				p.lease = q.lease
			}
			return p
		}
	}
	q.api.log.Error("the node failed in an unexpected way", "op", q.route.op, "err", err)
	switch {
	case q.proposed:
		return q.unknownOutcome()
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{code: raftnode.NoQuorum}
	}
	return &problem{code: Internal}
}

// gaveUp answers a request that was given up because its client closed its side. It may have closed only that, and still read: it must not be
// told that all is well.
func (q *call) gaveUp() *problem {
	if q.proposed {
		return q.unknownOutcome()
	}
	return &problem{code: raftnode.NoLeader, detail: "the caller closed its side of the connection, and the request was given up"}
}

func (q *call) index(index uint64) {
	q.gin.Writer.Header()[indexHeader] = []string{strconv.FormatUint(index, 10)}
}

// refuse answers with a problem document.
func (q *call) refuse(p *problem) {
	if p.code == clientGone {
		p = q.gaveUp()
	}
	c, known := classes[p.code]
	if !known {
		q.api.log.Error("a code has no status", "op", q.route.op, "code", string(p.code))
		p = &problem{code: Internal}
		if q.proposed {
			p = q.unknownOutcome()
		}
		c = classes[p.code]
	}
	h := q.gin.Writer.Header()
	if p.code == Unauthenticated {
		h["Www-Authenticate"] = challenge
	}
	if s := p.retryAfter(c.status); s > 0 {
		h["Retry-After"] = []string{strconv.FormatInt(s, 10)}
	}
	if p.result != nil {
		q.index(p.result.Index)
	}
	q.out.b = q.out.b[:0]
	p.write(&q.out, c)
	q.out.b = append(q.out.b, '\n')
	q.send(c.status, typeProblem)
}

// answer sends the JSON that has been encoded, with a newline for those who read it in a terminal.
func (q *call) answer(status int) *problem {
	q.out.b = append(q.out.b, '\n')
	q.send(status, typeJSON)
	return nil
}

func (q *call) send(status int, contentType []string) {
	w := q.gin.Writer
	h := w.Header()
	h["Content-Type"] = contentType
	if _, named := h[nodeHeader]; named {
		if _, indexed := h[indexHeader]; !indexed {
			q.index(q.api.node.Status().StateIndex)
		}
	}
	large := len(q.out.b) > LargeAnswerBytes
	if large {
		h["Content-Length"] = []string{strconv.Itoa(len(q.out.b))}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(LargeAnswerWrite))
	}
	w.WriteHeader(status)
	if _, err := w.Write(q.out.b); err != nil {
		q.api.log.Debug("an answer was not taken", "op", q.route.op, slog.String("from", connectionAddr(q.r)), "err", err)
	}
	if large {
		// The deadline is the connection's and would strike the next answer on it.
		w.Flush()
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	}
}
