package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestBrokenStreamIsResumedWithTheSameLease(t *testing.T) {
	for name, breaks := range map[string]func(*call){"closed": (*call).finish, "broken": (*call).abort} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, s *sidecar) {
				h, stream := s.holding(background, s.client(), HoldOptions{TTL: 15 * time.Second})
				time.Sleep(5 * time.Second)
				stream.alive(15000)
				broke := time.Now()
				breaks(stream)
				again := s.next("POST /v1/locks/nightly/hold")
				if took := time.Since(broke); took > 0 {
					t.Errorf("resumed after %s, want it at once", took)
				}
				if again.lease != stream.lease {
					t.Error("with another lease")
				}
				if again.form.Get("wait") != "0s" || again.form.Get("ttl") != "15s" {
					t.Errorf("resumed with %v: a lease that is forgotten must not stand in line", again.form)
				}
				again.held(7, 15000)
				time.Sleep(9 * time.Second)
				again.alive(15000)
				time.Sleep(9 * time.Second)
				wantAlive(t, h.Context())
				s.letGo(h)
			})
		})
	}
}

func TestResumptionIsTriedUntilTheDeadline(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		began := time.Now()
		h, stream := s.holding(background, s.client(), HoldOptions{})
		time.Sleep(5 * time.Second)
		s.down.Store(true)
		stream.abort()
		time.Sleep(4 * time.Second)
		wantAlive(t, h.Context())
		s.down.Store(false)
		again := s.next("POST /v1/locks/nightly/hold")
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("it was tried again only after %s", took)
		}
		again.refuse(503, "draining")
		again = s.next("POST /v1/locks/nightly/hold")
		again.held(7, 15000)
		time.Sleep(9 * time.Second)
		wantAlive(t, h.Context())
		s.letGo(h)
	})
}

func TestUnreachableSidecarLosesTheHoldAtTheDeadline(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		began := time.Now()
		h, stream := s.holding(background, s.client(), HoldOptions{})
		s.down.Store(true)
		stream.abort()
		<-h.Context().Done()
		if took := time.Since(began); took != 14700*time.Millisecond {
			t.Errorf("the context ended after %s", took)
		}
		wantLost(t, h.Context(), LostError{Token: 7, Reason: Deadline, Silent: true})
	})
}

// Whatever a sidecar says but 409 and 410, the lease is alive until its deadline.
func TestOtherRefusalsOfAResumptionLoseNothing(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		h, stream := s.holding(background, s.client(), HoldOptions{})
		stream.abort()
		for _, refusal := range []struct {
			status int
			code   string
		}{{503, "no_leader"}, {504, "outcome_unknown"}, {429, "too_many_streams"}, {500, "internal"}, {422, "lease_mismatch"}, {403, "forbidden"}} {
			s.next("POST /v1/locks/nightly/hold").refuse(refusal.status, refusal.code)
			wantAlive(t, h.Context())
		}
		s.next("POST /v1/locks/nightly/hold").answer(200, `{"a":"page"}`)
		s.next("POST /v1/locks/nightly/hold").say("no JSON")
		s.next("POST /v1/locks/nightly/hold").held(7, 15000)
		wantAlive(t, h.Context())
		s.letGo(h)
	})
}

func TestRefusedResumptionIsALoss(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(*call)
		want   LostError
	}{
		"ended":      {func(c *call) { c.refuse(410, "lease_expired", `"reason":"expired","ended_ago_ms":3`) }, LostError{Reason: Expired}},
		"forced":     {func(c *call) { c.refuse(410, "lease_expired", `"reason":"forced","why":"stuck"`) }, LostError{Reason: Forced, Why: "stuck"}},
		"not holder": {func(c *call) { c.refuse(409, "not_holder") }, LostError{Reason: Expired}},
		"forgotten":  {func(c *call) { c.refuse(423, "lock_held") }, LostError{Reason: Expired}},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, s *sidecar) {
				h, stream := s.holding(background, s.client(), HoldOptions{})
				time.Sleep(2 * time.Second)
				stream.abort()
				tc.answer(s.next("POST /v1/locks/nightly/hold"))
				tc.want.Token = 7
				wantLost(t, h.Context(), tc.want)
				s.quiet()
			})
		})
	}
}

// A group that has forgotten the lease takes a resumption for something new.
func TestResumptionAsSomebodyNewIsALossAndIsGivenBack(t *testing.T) {
	for name, answer := range map[string]func(*call){
		"granted anew": func(c *call) { c.held(8, 15000) },
		"in line":      func(c *call) { c.queued(1) },
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, s *sidecar) {
				h, stream := s.holding(background, s.client(), HoldOptions{})
				stream.abort()
				again := s.next("POST /v1/locks/nightly/hold")
				answer(again)
				wantLost(t, h.Context(), LostError{Token: 7, Reason: Expired})
				s.next("DELETE /v1/locks/nightly").released()
				if !again.gone() {
					t.Error("the new stream is still open")
				}
			})
		})
	}
}

func TestSilentStreamIsReplacedWithoutBeingClosedFirst(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		began := time.Now()
		h, first := s.holding(background, s.client(), HoldOptions{})
		second := s.next("POST /v1/locks/nightly/hold")
		if took := time.Since(began); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("a second stream after %s", took)
		}
		if first.gone() {
			t.Fatal("the first stream was closed: that releases the lock")
		}
		second.held(7, 15000)
		if !first.gone() {
			t.Error("the first stream is still open")
		}
		time.Sleep(8 * time.Second)
		wantAlive(t, h.Context())
		s.letGo(h)
	})
}

func TestSilentStreamThatSpeaksAgainIsBelieved(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		h, first := s.holding(background, s.client(), HoldOptions{})
		second := s.next("POST /v1/locks/nightly/hold")
		first.alive(15000)
		time.Sleep(5 * time.Second)
		second.abort() // the first one is left
		first.alive(15000)
		time.Sleep(5 * time.Second)
		first.alive(15000)
		s.quiet()
		wantAlive(t, h.Context())
		s.letGo(h)
	})
}

func TestHeldStreamThatAlwaysBreaksIsNotReopenedInATightLoop(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		h, stream := s.holding(background, s.client(), HoldOptions{})
		began, n := time.Now(), 0
		for time.Since(began) < 30*time.Second {
			stream.abort()
			stream = s.next("POST /v1/locks/nightly/hold")
			stream.held(7, 15000)
			n++
		}
		if n > 40 {
			t.Errorf("%d streams in 30 s", n)
		}
		wantAlive(t, h.Context())
		s.letGo(h)
	})
}

func TestEachFailedTryIsReported(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		var told []error
		h, stream := s.holding(background, s.client(WithOnRetry(func(err error) { told = append(told, err) })), HoldOptions{})
		time.Sleep(2 * time.Second)
		stream.abort()
		s.next("POST /v1/locks/nightly/hold").refuse(503, "no_leader")
		s.next("POST /v1/locks/nightly/hold").held(7, 15000)
		if len(told) != 2 || !errors.Is(told[0], ErrUnavailable) || !errors.Is(told[1], ErrUnavailable) {
			t.Errorf("told %v", told)
		}
		synctest.Wait()
		if h.Context().Err() != nil {
			t.Error(context.Cause(h.Context()))
		}
		s.letGo(h)
	})
}

func TestPauseThatASidecarAsksForIsNoLongerThanThereIsTime(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		h, stream := s.holding(background, s.client(), HoldOptions{})
		time.Sleep(5 * time.Second)
		stream.abort()
		s.next("POST /v1/locks/nightly/hold").answer(503, `{"code":"draining"}`, "Retry-After", "30")
		s.next("POST /v1/locks/nightly/hold").held(7, 15000)
		wantAlive(t, h.Context())
		s.letGo(h)
	})
}

func TestSilentStreamThatBreaksWaitsForTheOneBesideIt(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		h, first := s.holding(background, s.client(), HoldOptions{})
		second := s.next("POST /v1/locks/nightly/hold")
		first.abort()
		time.Sleep(3 * time.Second)
		s.quiet()
		second.held(7, 15000)
		wantAlive(t, h.Context())
		s.letGo(h)
	})
}

func TestResumedStreamIsBelievedOnceItSaysHeld(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		h, stream := s.holding(background, s.client(), HoldOptions{})
		time.Sleep(9 * time.Second)
		stream.abort()
		again := s.next("POST /v1/locks/nightly/hold")
		again.alive(15000)
		if h.Valid() > 6*time.Second {
			t.Errorf("valid for %s", h.Valid())
		}
		again.held(7, 15000)
		if h.Valid() < 14*time.Second {
			t.Errorf("valid for %s", h.Valid())
		}
		s.letGo(h)
	})
}
