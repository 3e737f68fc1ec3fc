package client

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// leading wins an election and returns its first stream.
func (s *sidecar) leading(c *Client, o CampaignOptions) (*Leadership, *call) {
	s.t.Helper()
	won := make(chan *Leadership, 1)
	go func() {
		l, err := c.Campaign(background, "scheduler", "10.0.0.1:80", o)
		if err != nil {
			s.t.Error(err)
		}
		won <- l
	}()
	stream := s.next("POST /v1/elections/scheduler/hold")
	stream.say(`{"event":"standby","position":1,"lease":"` + stream.lease + `"}`)
	time.Sleep(time.Second)
	stream.leading(7)
	return <-won, stream
}

func (c *call) leading(token int) {
	c.say(fmt.Sprintf(`{"event":"leading","lease":%q,"token":%d,"ttl_ms":15000,"valid_for_ms":15000}`, c.lease, token))
}

func TestCampaignReturnsWhenItLeads(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		var positions []int
		l, stream := s.leading(s.client(), CampaignOptions{TTL: 15 * time.Second, OnStandby: func(p int) { positions = append(positions, p) }})
		if f := stream.form; f.Get("value") != "10.0.0.1:80" || f.Has("wait") {
			t.Errorf("asked with %v", f)
		}
		if l.Token() != 7 || l.Lease() != stream.lease || l.Name() != "scheduler" || fmt.Sprint(positions) != "[1]" || l.Valid() < 14*time.Second {
			t.Errorf("%v, valid for %s, positions %v", l, l.Valid(), positions)
		}
		done := make(chan error, 1)
		go func() { done <- l.Resign(background) }()
		s.next("DELETE /v1/elections/scheduler").answer(200, `{"name":"scheduler","state":"resigned"}`)
		if err := <-done; err != nil || context.Cause(l.Context()) != ErrReleased {
			t.Errorf("%v, cause %v", err, context.Cause(l.Context()))
		}
	})
}

func TestResumedLeadershipDoesNotSetItsValueBack(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		l, stream := s.leading(s.client(), CampaignOptions{})
		done := make(chan error, 1)
		go func() { done <- l.SetValue(background, "10.0.0.2:80") }()
		put := s.next("PUT /v1/elections/scheduler")
		if put.lease != l.Lease() || put.form.Get("value") != "10.0.0.2:80" {
			t.Errorf("set with %v", put.form)
		}
		put.answer(200, fmt.Sprintf(`{"name":"scheduler","state":"leading","lease":%q,"token":7,"ttl_ms":15000,"valid_for_ms":15000}`, put.lease))
		if err := <-done; err != nil {
			t.Error(err)
		}
		stream.abort()
		again := s.next("POST /v1/elections/scheduler/hold")
		if again.form.Has("value") || again.form.Has("wait") || again.lease != stream.lease {
			t.Errorf("resumed with %v", again.form)
		}
		again.leading(7)
		wantAlive(t, l.Context())
		go func() { done <- l.Resign(background) }()
		s.next("DELETE /v1/elections/scheduler").released()
		<-done
	})
}

func TestSetValueCanBeEmptied(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		l, _ := s.leading(s.client(), CampaignOptions{})
		go func() { _ = l.SetValue(background, "") }()
		if put := s.next("PUT /v1/elections/scheduler"); !put.form.Has("value") {
			t.Errorf("set with %v", put.form)
		}
		go func() { _ = l.Resign(background) }()
		s.next("DELETE /v1/elections/scheduler").released()
	})
}

func TestSetValueEndsWithTheLeadership(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		l, stream := s.leading(s.client(), CampaignOptions{})
		done := make(chan error, 1)
		go func() { done <- l.SetValue(background, "x") }()
		s.next("PUT /v1/elections/scheduler").refuse(503, "no_leader")
		stream.say(`{"event":"lost","reason":"forced","why":"wrong one"}`)
		err := <-done
		var lost *LostError
		if !errors.As(err, &lost) || lost.Why != "wrong one" || lost.Kind != KindElection {
			t.Errorf("%v", err)
		}
		go func() { done <- l.Resign(background) }()
		synctest.Wait()
		for len(s.calls) > 0 { // a try of SetValue may have been under way
			if c := <-s.calls; c.what == "DELETE /v1/elections/scheduler" {
				c.released()
			}
		}
		<-done
	})
}
