package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func electionAt(index int, leader string) string {
	return fmt.Sprintf(`{"name":"scheduler","leader":{"owner":%q,"value":"v","token":%d,"leading_for_ms":1,"expires_in_ms":2,"metadata":{}},"candidates":[],"index":%d}`, leader, index, index)
}

// observed runs Observe and notes what it yields.
func observed(c *Client) (seen *[]string, stop func()) {
	ctx, cancel := context.WithCancel(background)
	done := make(chan struct{})
	seen = new([]string)
	go func() {
		defer close(done)
		for e, err := range c.Observe(ctx, "scheduler") {
			switch {
			case err != nil:
				*seen = append(*seen, err.Error())
			case e.Leader == nil:
				*seen = append(*seen, "nobody")
			default:
				*seen = append(*seen, e.Leader.Owner)
			}
		}
		*seen = append(*seen, "end")
	}()
	return seen, func() { cancel(); <-done }
}

func TestObserveYieldsTheStateAndThenEachChange(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		seen, stop := observed(s.client())
		first := s.next("GET /v1/elections/scheduler")
		if first.query.Has("index") || first.query.Has("wait") {
			t.Errorf("first asked with %v", first.query)
		}
		first.answer(200, electionAt(5, "a"))
		second := s.next("GET /v1/elections/scheduler")
		if second.query.Get("index") != "5" || second.query.Get("wait") != "30s" {
			t.Errorf("then asked with %v", second.query)
		}
		time.Sleep(30 * time.Second)
		second.answer(200, electionAt(5, "a")) // nothing has happened
		third := s.next("GET /v1/elections/scheduler")
		third.answer(200, `{"name":"scheduler","leader":null,"candidates":[],"index":9}`)
		s.next("GET /v1/elections/scheduler").refuse(503, "no_leader")
		fourth := s.next("GET /v1/elections/scheduler")
		if fourth.query.Get("index") != "9" {
			t.Errorf("after an outage asked with %v", fourth.query)
		}
		fourth.answer(200, electionAt(12, "b"))
		s.next("GET /v1/elections/scheduler").answer(200, electionAt(3, "c")) // a group begun anew
		last := s.next("GET /v1/elections/scheduler")
		stop()
		if !last.gone() {
			t.Error("the last request goes on")
		}
		if want := "[a nobody b c end]"; fmt.Sprint(*seen) != want {
			t.Errorf("%v, want %s", *seen, want)
		}
	})
}

func TestObserveEndsWithARefusal(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		seen, stop := observed(s.client())
		defer stop()
		s.next("GET /v1/elections/scheduler").refuse(403, "forbidden")
		synctest.Wait()
		if len(*seen) != 2 || (*seen)[1] != "end" {
			t.Errorf("%v", *seen)
		}
	})
}

func TestObserveOfWhatDoesNotWaitIsNoTightLoop(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		_, stop := observed(s.client())
		began := time.Now()
		for range 20 {
			s.next("GET /v1/elections/scheduler").answer(200, electionAt(5, "a"))
		}
		if took := time.Since(began); took < 15*time.Second {
			t.Errorf("20 questions in %s", took)
		}
		stop()
	})
}

// followed runs Events and notes what it yields.
func followed(c *Client, o EventsOptions) (seen *[]string, stop func()) {
	ctx, cancel := context.WithCancel(background)
	done := make(chan struct{})
	seen = new([]string)
	go func() {
		defer close(done)
		for e, err := range c.Events(ctx, o) {
			if err != nil {
				*seen = append(*seen, err.Error())
				continue
			}
			*seen = append(*seen, fmt.Sprint(e.ID, " ", e.Type, " ", e.Name, " ", len(e.Locks), len(e.Elections)))
		}
		*seen = append(*seen, "end")
	}()
	return seen, func() { cancel(); <-done }
}

const aLock = `{"name":"nightly","state":"free","limit":null,"holders":[],"queue":[],"index":7}`

func TestEventsContinueWhereTheyBroke(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		seen, stop := followed(s.client(), EventsOptions{Kind: KindLock, Prefix: "n", After: "3.0"})
		c := s.next("GET /v1/events")
		if q := c.query; q.Get("kind") != "lock" || q.Get("prefix") != "n" || q.Get("after") != "3.0" {
			t.Errorf("asked with %v", q)
		}
		c.say(`{"event":"state","index":7,"locks":[`+aLock+`],"elections":[],"more":true}`,
			`{"event":"state","id":"7.0","index":7,"locks":[`+aLock+`],"elections":[],"more":false}`,
			`{"event":"granted","id":"8.1","kind":"lock","name":"nightly","owner":"a","token":9,"at":"2026-01-02T03:04:05.006Z","waited_ms":3}`)
		time.Sleep(2 * time.Second)
		c.abort()
		c = s.next("GET /v1/events")
		if c.query.Get("after") != "8.1" {
			t.Errorf("continues after %s", c.query.Get("after"))
		}
		c.say(`{"event":"alive","id":"20.0"}`)
		c.finish()
		c = s.next("GET /v1/events")
		if c.query.Get("after") != "20.0" {
			t.Errorf("continues after %s", c.query.Get("after"))
		}
		// A new state that breaks off in its midst has made void what was known: all is asked for anew.
		c.say(`{"event":"state","index":30,"locks":[],"elections":[],"more":true}`)
		c.abort()
		c = s.next("GET /v1/events")
		if c.query.Has("after") {
			t.Errorf("continues after %s", c.query.Get("after"))
		}
		c.say(`{"event":"state","id":"31.0","index":31,"locks":[],"elections":[],"more":false}`, `{"event":"freed","id":"31.0","kind":"lock","name":"nightly"}`)
		stop()
		if !c.gone() {
			t.Error("the stream is still open")
		}
		want := "[ state  1 0 7.0 state  1 0 8.1 granted nightly 0 0  state  0 0 31.0 state  0 0 31.0 freed nightly 0 0 end]"
		if fmt.Sprint(*seen) != want {
			t.Errorf("%v\nwant %s", *seen, want)
		}
	})
}

func TestEventHasAllThatTheLineHas(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		got := make(chan Event, 1)
		go func() {
			for e := range s.client().Events(background, EventsOptions{}) {
				got <- e
				return
			}
		}()
		c := s.next("GET /v1/events")
		c.say(`{"event":"expired","id":"8.1","kind":"election","name":"e","owner":"a","token":9,"at":"2026-01-02T03:04:05.006Z","value":"v","late_ms":5,"waited_ms":6,"reason":"r","why":"w"}`)
		want := Event{Type: "expired", ID: "8.1", Kind: KindElection, Name: "e", Owner: "a", Token: 9, At: time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC),
			Value: "v", Late: 5 * time.Millisecond, Waited: 6 * time.Millisecond, Reason: "r", Why: "w"}
		e := <-got
		if !bytes.Contains(e.Raw, []byte(`"waited_ms":6`)) {
			t.Errorf("the line as it came: %s", e.Raw)
		}
		e.Raw = nil
		if fmt.Sprintf("%+v", e) != fmt.Sprintf("%+v", want) {
			t.Errorf("%+v", e)
		}
		if !c.gone() {
			t.Error("the stream of a sequence that was left is still open")
		}
	})
}

func TestSilentEventStreamIsOpenedAnew(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		_, stop := followed(s.client(), EventsOptions{})
		defer stop()
		began := time.Now()
		first := s.next("GET /v1/events")
		first.say(`{"event":"alive","id":"1.0"}`)
		again := s.next("GET /v1/events")
		if took := time.Since(began); took < eventsSilence || took > eventsSilence+5*time.Second || !first.gone() || again.query.Get("after") != "1.0" {
			t.Errorf("after %s, closed: %v, continues after %s", took, first.gone(), again.query.Get("after"))
		}
	})
}

func TestEventsEndWithARefusal(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		var got []error
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, err := range s.client().Events(background, EventsOptions{}) {
				got = append(got, err)
			}
		}()
		s.next("GET /v1/events").refuse(429, "too_many_streams") // not the last word
		s.next("GET /v1/events").refuse(400, "invalid_request")
		<-done
		if len(got) != 1 || !errors.Is(got[0], ErrInvalid) {
			t.Errorf("%v", got)
		}
	})
}
