package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sidelock/sidelock/httpapi/keys"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

const lastEventHeader = "Last-Event-Id"

// events answers with a stream: everything current, or what has been missed, and then whatever happens.
func (q *call) events() *problem {
	after, p := q.resumeAt()
	if p != nil {
		return p
	}
	spans, p := q.spans(q.v.prefix)
	if p != nil {
		return p
	}
	if p := q.openStream(); p != nil {
		return p
	}
	defer q.closeStream()
	f := raftnode.Filter{Space: q.v.kind, Prefix: keys.Common(spans)}
	ctx, cancel := q.context()
	sub, err := q.api.node.Subscribe(ctx, after, f)
	cancel()
	if err != nil {
		return q.failed(err)
	}
	defer sub.Close()
	s := q.stream(sub.Index())
	if q.r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel = context.WithCancel(q.r.Context())
	defer cancel()
	ending, disowned := q.api.node.Ending(), q.keyLife() // the call itself may be over, and another's, when the goroutine looks at it
	go func() {
		select {
		case <-ending:
			cancel()
		case <-disowned:
			cancel()
		case <-ctx.Done():
		}
	}()
	s.spoke = time.Now()
	for s.next(ctx, sub, f) == nil {
		if len(q.out.b) == 0 {
			continue // nothing of it is for this caller
		}
		s.spoke = time.Now()
		if err := s.send(); err != nil {
			q.api.log.Debug("an event stream was not taken", "from", connectionAddr(q.r), "err", err)
			return nil
		}
	}
	return nil
}

// resumeAt is the position after which the caller wants to go on; nil is none. A browser that comes back sends the header, with
// the address as it was at first: so the header counts.
func (q *call) resumeAt() (*raftnode.EventID, *problem) {
	if values := q.r.Header[lastEventHeader]; len(values) > 0 {
		id, ok := raftnode.ParseEventID(values[0])
		if !ok || len(values) > 1 {
			return nil, invalid("Last-Event-ID", "Last-Event-ID is the id of an event, such as 913.1")
		}
		return &id, nil
	}
	if q.v.given.has(pSince) {
		since := q.v.since
		return &since, nil
	}
	return nil, nil
}

// next gathers the frames of the next delivery, or a sign of life. An error ends the stream: the client has gone, or was too slow,
// or this sidecar ends.
func (s *stream) next(ctx context.Context, sub Subscription, f raftnode.Filter) error {
	wait, cancel := context.WithDeadline(ctx, s.spoke.Add(EventsAliveEvery))
	defer cancel()
	d, err := sub.Next(wait)
	quiet := err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded)
	switch {
	case quiet:
	case err != nil:
		return err
	case d.State != nil:
		return s.state(d, f)
	default:
		for i := range d.Events {
			if s.q.sees(d.Events[i].Event.Name) {
				s.event(&d.Events[i])
			}
		}
		// What is not for this caller must not keep him from hearing that the stream lives.
		quiet = len(s.q.out.b) == 0 && time.Since(s.spoke) >= EventsAliveEvery
	}
	if quiet {
		s.frame("alive", sub.Position().String(), func(e *encoder) { e.ms("staleness_ms", sub.Age()) })
	}
	return nil
}

// state gathers, and but for the last sends, the frames of a whole state. Only the last has an id: to come back before it is to begin anew.
func (s *stream) state(d raftnode.Delivery, f raftnode.Filter) error {
	p := pager{state: d.State, filter: f, sees: s.q.sees, space: lease.Locks}
	for {
		locks, elections := p.page()
		more := !p.done()
		id := ""
		if !more {
			id = d.ID.String()
		}
		s.frame("state", id, func(e *encoder) {
			e.uint("index", d.State.Index())
			e.array("locks")
			for i := range locks {
				e.lock(&locks[i], false, false)
			}
			e.endArray()
			e.array("elections")
			for i := range elections {
				e.election(&elections[i], false)
			}
			e.endArray()
			e.bool("more", more)
		})
		if !more {
			return nil
		}
		if err := s.send(); err != nil {
			return err
		}
	}
}

// pager walks through the names in use of a state.
type pager struct {
	state  *lease.Snapshot
	filter raftnode.Filter
	sees   func(name string) bool // what the caller may know of
	space  lease.Space
	after  string
}

func (p *pager) done() bool { return p.space > lease.Elections }

// page returns the next names, about as many as fit a frame.
func (p *pager) page() (locks, elections []lease.Info) {
	size := 0
	for !p.done() && size < maxStateFrame {
		if p.filter.Space != 0 && p.filter.Space != p.space {
			p.turn()
			continue
		}
		names := p.state.Answer(lease.Query{Kind: lease.QueryNames, Space: p.space, Prefix: p.filter.Prefix, After: p.after, Limit: lease.DefaultListLimit})
		for i := range names.Infos {
			in := &names.Infos[i]
			if size >= maxStateFrame {
				p.after = names.Infos[i-1].Name
				return locks, elections
			}
			if in.HolderCount+in.QueueLength == 0 || !p.sees(in.Name) {
				continue
			}
			if whole := p.state.Answer(lease.Query{Kind: lease.QueryName, Space: p.space, Name: in.Name}); whole.Info != nil {
				size += 128 * (1 + len(whole.Info.Holders) + len(whole.Info.Queue))
				if p.space == lease.Locks {
					locks = append(locks, *whole.Info)
				} else {
					elections = append(elections, *whole.Info)
				}
			}
		}
		if p.after = names.Next; p.after == "" {
			p.turn()
		}
	}
	return locks, elections
}

func (p *pager) turn() { p.space, p.after = p.space+1, "" }

// event gathers the frame of one event.
func (s *stream) event(h *raftnode.Happened) {
	ev := &h.Event
	s.frame(ev.Kind.String(), h.ID.String(), func(e *encoder) {
		e.string("kind", kindOf(ev.Space))
		e.string("name", ev.Name)
		e.string("owner", ev.Owner)
		e.uintOrNull("token", uint64(ev.Token))
		e.wall("at", ev.Wall)
		e.string("via_node", ev.Via)
		if ev.Space == lease.Elections {
			e.string("value", ev.Value)
		}
		switch ev.Kind {
		case lease.EventGranted:
			e.ms("waited_ms", ev.Waited)
		case lease.EventExpired:
			e.ms("late_ms", ev.Late)
		case lease.EventLeft:
			e.string("reason", ev.Reason.String())
		}
		if ev.Why != "" {
			e.string("why", ev.Why)
		}
	})
}
