package httpapi

import (
	"net/http"
	"strings"
	"time"
)

// stream is an answer that goes on: one frame after another, as a line of JSON each or as server-sent events. It belongs to one
// goroutine.
type stream struct {
	q       *call
	control *http.ResponseController
	sse     bool
	spoke   time.Time // of events: when the last frame went out
}

// openStream takes one of the sidecar's streams; closeStream gives it back.
func (q *call) openStream() *problem {
	if q.api.streams.Add(1) > MaxStreams {
		q.api.streams.Add(-1)
		return &problem{code: TooManyStreams}
	}
	return nil
}

func (q *call) closeStream() { q.api.streams.Add(-1) }

// stream begins the answer.
func (q *call) stream(index uint64) *stream {
	s := &stream{q: q, control: http.NewResponseController(bare(q.gin.Writer)), sse: wantsEventStream(q.r)}
	h := q.gin.Writer.Header()
	h["Content-Type"] = []string{"application/x-ndjson"}
	if s.sse {
		h["Content-Type"] = []string{"text/event-stream"}
	}
	h["X-Accel-Buffering"] = []string{"no"} // a proxy that gathers frames would make them late
	q.index(index)
	q.gin.Writer.WriteHeader(http.StatusOK)
	q.gin.Writer.WriteHeaderNow()
	_ = s.control.Flush() // a client waits for the header, and the first frame may be long in coming; if this fails, so will that
	q.took = time.Since(q.start)
	return s
}

// bare is net/http's own writer, whose Flush tells whether it could: gin's does not.
func bare(w http.ResponseWriter) http.ResponseWriter {
	if outer, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return outer.Unwrap()
	}
	return w
}

// wantsEventStream looks for the media type that browsers ask for.
func wantsEventStream(r *http.Request) bool {
	for _, accept := range r.Header["Accept"] {
		for part := range strings.SplitSeq(accept, ",") {
			media, _, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(media), "text/event-stream") {
				return true
			}
		}
	}
	return false
}

// frame gathers one frame; members encodes what it has beside its event and id. id may be empty.
func (s *stream) frame(event, id string, members func(e *encoder)) {
	e := &s.q.out
	if s.sse {
		if id != "" || event == "state" { // an empty one has the client forget its own: in the midst of a state it has to begin anew
			e.b = append(append(append(e.b, "id: "...), id...), '\n')
		}
		e.b = append(append(append(e.b, "event: "...), event...), "\ndata: "...)
	}
	e.b = append(e.b, '{')
	e.string("event", event)
	if id != "" {
		e.string("id", id)
	}
	if members != nil {
		members(e)
	}
	e.end()
	e.b = append(e.b, '\n')
	if s.sse {
		e.b = append(e.b, '\n')
	}
}

// send writes the gathered frames, or fails if the client does not take them in time.
func (s *stream) send() error {
	out := s.q.out.b
	s.q.out.b = out[:0]
	// Where there is no deadline to be had, in tests, there is no slow client either.
	if s.control.SetWriteDeadline(time.Now().Add(StreamWrite)) == nil {
		defer s.control.SetWriteDeadline(time.Time{})
	}
	if _, err := s.q.gin.Writer.Write(out); err != nil {
		return err
	}
	return s.control.Flush()
}
