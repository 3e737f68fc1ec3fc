package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"sync"
	"time"
)

// EventsOptions say which events are of interest.
type EventsOptions struct {
	Kind   Kind   // "" is both
	Prefix string // only names that begin so
	After  string // an [Event.ID]: continue after it, if that is still remembered
}

// Event is something that happened to a lock or an election, or, where Type is "state", everything as it is.
type Event struct {
	Type  string // state, granted, released, expired, revoked, disconnected, forced, queued, left, value_changed, freed
	ID    string // to continue after; "" in the midst of a state
	Kind  Kind
	Name  string
	Owner string
	Token uint64 // 0: none
	At    time.Time

	Value  string        // of elections
	Waited time.Duration // of granted
	Late   time.Duration // of expired
	Reason string        // of left
	Why    string        // of forced

	// Of state, which comes first, and again where the past is no longer remembered: forget what you knew. It may come in
	// several parts, which have one Index; More is true on all but the last. A part with another Index begins a new state.
	Index     uint64
	Locks     []LockState
	Elections []Election
	More      bool

	Raw json.RawMessage // the event as it came, also with what is not known here
}

// Events yields everything as it is and then what happens, in order. It goes on through outages without a gap or a
// repeat, and ends with ctx, without an error; a refusal that trying again cannot mend is yielded as an error and ends it.
// Take events in good time: a sidecar waits for nobody, and what is not remembered any more comes as a new state.
func (c *Client) Events(ctx context.Context, o EventsOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		f := eventFeed{c: c, options: o, lines: make(chan said[eventLine])}
		defer f.running.Wait()
		defer cancel()
		for failures := 0; ; {
			began := c.now()
			err := f.follow(ctx, yield)
			switch {
			case ctx.Err() != nil || f.stopped:
				return
			case !temporary(err):
				yield(Event{}, err)
				return
			case c.now().since(began) >= steadyStream:
				failures = 0
			}
			failures++
			if c.onRetry != nil {
				c.onRetry(err)
			}
			sleep(ctx, pause(failures, err))
		}
	}
}

// eventFeed is one call of Events: streams one after the other, each continuing where the last one broke.
type eventFeed struct {
	c       *Client
	options EventsOptions // After is where to continue
	lines   chan said[eventLine]
	running sync.WaitGroup
	stopped bool // by whoever takes the events
}

// follow takes one stream to its end and returns why it ended. One that says nothing for too long is given up.
func (f *eventFeed) follow(ctx context.Context, yield func(Event, error) bool) error {
	p := newParameters()
	p.text("kind", string(f.options.Kind))
	p.text("prefix", f.options.Prefix)
	p.text("after", f.options.After)
	r := request{call: "follow events", method: http.MethodGet, path: "/v1/events", query: p.v}
	s := open(ctx, f.c, r, maxEventLine, f.lines, &f.running)
	defer s.close()
	silence := time.NewTimer(eventsSilence)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-silence.C:
			return &unreachable{r.call, errTooSlow}
		case got := <-f.lines:
			switch {
			case got.from != s:
			case got.err != nil:
				return got.err
			case !f.take(&got.line, yield):
				f.stopped = true
				return nil
			}
			silence.Reset(eventsSilence)
		}
	}
}

// take passes one event on, and returns whether more are wanted.
func (f *eventFeed) take(l *eventLine, yield func(Event, error) bool) bool {
	f.options.After = l.ID // none in the midst of a state: what was known is void by then, and so is the position
	return l.Event == "alive" || yield(l.event(), nil)
}
