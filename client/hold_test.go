package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var background = context.Background()

func TestHoldIsHeldUntilReleased(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		h, stream := s.holding(background, s.client(WithOwner("me")), HoldOptions{TTL: 15 * time.Second, Metadata: map[string]string{"build": "7"}})
		if h.Token() != 7 || h.Lease() != stream.lease || h.Name() != "nightly" {
			t.Errorf("%v: token %d, name %s", h, h.Token(), h.Name())
		}
		if f := stream.form; f.Get("owner") != "me" || f.Get("ttl") != "15s" || f.Get("metadata.build") != "7" || f.Has("wait") || f.Has("lease") {
			t.Errorf("asked with %v", f)
		}
		for range 60 {
			time.Sleep(5 * time.Second)
			stream.alive(14950)
		}
		wantAlive(t, h.Context())
		result := make(chan error, 1)
		go func() { result <- h.Release(background) }()
		del := s.next("DELETE /v1/locks/nightly")
		if err := context.Cause(h.Context()); err != ErrReleased {
			t.Errorf("the context ended with %v", err)
		}
		if del.lease != stream.lease || del.r.URL.RawQuery != "" {
			t.Errorf("the release has lease %q", del.lease)
		}
		if stream.gone() {
			t.Error("the stream was closed before the release: history will say disconnected")
		}
		del.released()
		if err := <-result; err != nil {
			t.Error(err)
		}
		if !stream.gone() {
			t.Error("the stream is still open")
		}
		if err := h.Release(background); err != nil {
			t.Errorf("a second release: %v", err)
		}
		if h.Valid() != 0 {
			t.Errorf("valid for %s", h.Valid())
		}
		s.quiet()
	})
}

func TestContextEndsAGraceBeforeTheDeadlineOfASilentStream(t *testing.T) {
	for _, tc := range []struct {
		grace, want time.Duration
	}{{0, 300 * time.Millisecond}, {2 * time.Second, 2 * time.Second}} {
		in(t, func(t *testing.T, s *sidecar) {
			began := time.Now()
			h, stream := s.holding(background, s.client(), HoldOptions{Grace: tc.grace})
			if v := h.Valid(); v != 15*time.Second-tc.want {
				t.Errorf("valid for %s", v)
			}
			<-h.Context().Done()
			if took := time.Since(began); took != 15*time.Second-tc.want {
				t.Errorf("the context ended after %s, want %s before 15 s", took, tc.want)
			}
			wantLost(t, h.Context(), LostError{Token: 7, Reason: Deadline, Silent: true})
			if h.Valid() != 0 {
				t.Errorf("still valid for %s", h.Valid())
			}
			if stream.gone() {
				t.Error("the stream was closed while the work may still be stopping")
			}
			// Nobody calls Release: a while after the deadline it is given back all the same.
			s.next("POST /v1/locks/nightly/hold") // beside the silent stream
			s.next("DELETE /v1/locks/nightly").released()
			if took := time.Since(began); took != 15*time.Second+lingers {
				t.Errorf("given back after %s", took)
			}
			if !stream.gone() {
				t.Error("the stream is still open")
			}
			var lost *LostError
			if err := h.Release(background); !errors.As(err, &lost) {
				t.Errorf("release: %v", err)
			}
		})
	}
}

func TestDeadlineCountsFromTheRequestWhenItsAnswerIsSlow(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		c := s.client()
		got := make(chan *Hold, 1)
		go func() { h, _ := c.Hold(background, "nightly", HoldOptions{}); got <- h }()
		stream := s.next("POST /v1/locks/nightly/hold")
		time.Sleep(100 * time.Millisecond) // less than a heartbeat: the last word on when this process ran is the request
		stream.held(7, 15000)
		h := <-got
		if v := h.Valid(); v != 14600*time.Millisecond {
			t.Errorf("valid for %s", v)
		}
		s.letGo(h)
	})
}

func TestWhatIsReadAfterAPauseCountsFromBeforeIt(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		c, clock := s.client(), &offClock{}
		c.now = clock.now
		h, stream := s.holding(background, c, HoldOptions{})
		time.Sleep(4 * time.Second)
		stream.alive(15000)
		for range 8 { // whether the heart beats again or not before the line is read
			clock.pause(3 * time.Second)
			stream.alive(15000)
			if v := h.Valid(); v > 12*time.Second-300*time.Millisecond {
				t.Errorf("after a pause of 3 s it is valid for %s", v)
			}
			time.Sleep(heartbeat(15 * time.Second))
			stream.alive(15000)
			if v := h.Valid(); v > 12*time.Second+heartbeat(15*time.Second) {
				t.Errorf("one beat after a pause of 3 s it is valid for %s", v)
			}
			time.Sleep(time.Second)
			stream.alive(15000)
			if v := h.Valid(); v < 14*time.Second {
				t.Errorf("long after the pause it is valid for %s", v)
			}
		}
		s.letGo(h)
	})
}

// offClock is a clock ahead of the timers, as after the process was stopped, or ahead by the wall clock alone, as after
// the machine was suspended.
type offClock struct{ both, wall atomic.Int64 }

func (o *offClock) now() instant {
	i, both, wall := now(), time.Duration(o.both.Load()), time.Duration(o.wall.Load())
	return instant{i.mono.Add(both), i.wall.Add(both + wall)}
}
func (o *offClock) pause(d time.Duration)   { synctest.Wait(); o.both.Add(int64(d)) }
func (o *offClock) suspend(d time.Duration) { synctest.Wait(); o.wall.Add(int64(d)) }

func TestSuspendedMachineLosesTheHoldAtTheNextHeartbeat(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		c, clock := s.client(), &offClock{}
		c.now = clock.now
		h, stream := s.holding(background, c, HoldOptions{})
		time.Sleep(4 * time.Second)
		stream.alive(15000)
		clock.suspend(15 * time.Second)
		if h.Valid() != 0 {
			t.Errorf("valid for %s", h.Valid())
		}
		time.Sleep(heartbeat(15 * time.Second))
		wantLost(t, h.Context(), LostError{Token: 7, Reason: Deadline, Silent: true})
		s.next("DELETE /v1/locks/nightly").released()
	})
}

func TestWhatComesTooLateDoesNotBringTheHoldBack(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		c, clock := s.client(), &offClock{}
		c.now = clock.now
		h, stream := s.holding(background, c, HoldOptions{})
		clock.pause(20 * time.Second)
		stream.alive(15000)
		wantLost(t, h.Context(), LostError{Token: 7, Reason: Deadline, Silent: true})
		s.next("DELETE /v1/locks/nightly").released()
	})
}

func TestWallClockSetBackChangesNothing(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		c, clock := s.client(), &offClock{}
		c.now = clock.now
		h, stream := s.holding(background, c, HoldOptions{})
		clock.suspend(-time.Hour)
		time.Sleep(3 * time.Second)
		stream.alive(15000)
		began := time.Now()
		<-h.Context().Done()
		if took := time.Since(began); took < 14*time.Second || took > 14700*time.Millisecond {
			t.Errorf("the context ended after %s", took)
		}
		s.next("POST /v1/locks/nightly/hold")
		s.next("DELETE /v1/locks/nightly").released()
	})
}

func TestLossIsToldWithItsReason(t *testing.T) {
	for _, tc := range []struct {
		line string
		want LostError
	}{
		{`{"event":"lost","reason":"expired"}`, LostError{Token: 7, Reason: Expired}},
		{`{"event":"lost","reason":"revoked"}`, LostError{Token: 7, Reason: Revoked}},
		{`{"event":"lost","reason":"released"}`, LostError{Token: 7, Reason: Released}},
		{`{"event":"lost","reason":"disconnected"}`, LostError{Token: 7, Reason: Disconnected}},
		{`{"event":"lost","reason":"cluster_replaced"}`, LostError{Token: 7, Reason: ClusterReplaced}},
	} {
		in(t, func(t *testing.T, s *sidecar) {
			h, stream := s.holding(background, s.client(), HoldOptions{})
			time.Sleep(time.Second)
			stream.say(tc.line)
			wantLost(t, h.Context(), tc.want)
			if !stream.gone() {
				t.Error("the stream of what is lost is still open")
			}
			if err := h.Release(background); !errors.Is(err, ErrLost) {
				t.Errorf("release: %v", err)
			}
			s.quiet() // there is nothing to give back
		})
	}
}

func TestForcedHoldIsGivenBackWhenItsWorkHasStopped(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		h, stream := s.holding(background, s.client(), HoldOptions{})
		time.Sleep(time.Second)
		stream.say(`{"event":"lost","reason":"forced","why":"stuck since noon"}`)
		stream.finish()
		wantLost(t, h.Context(), LostError{Token: 7, Reason: Forced, Why: "stuck since noon"})
		s.quiet() // the work is stopping
		result := make(chan error, 1)
		go func() { result <- h.Release(background) }()
		s.next("DELETE /v1/locks/nightly").released()
		if err := <-result; !errors.Is(err, ErrLost) {
			t.Errorf("release: %v", err)
		}
	})
}

func TestEndOfTheCallersContextStopsTheWorkAndKeepsTheLockForIt(t *testing.T) {
	for _, releases := range []bool{true, false} {
		in(t, func(t *testing.T, s *sidecar) {
			began := time.Now()
			cause := errors.New("shutting down")
			ctx, cancel := context.WithCancelCause(background)
			h, stream := s.holding(ctx, s.client(), HoldOptions{})
			cancel(cause)
			synctest.Wait()
			if context.Cause(h.Context()) != cause {
				t.Errorf("the context ended with %v", context.Cause(h.Context()))
			}
			time.Sleep(4 * time.Second)
			stream.alive(15000)
			if stream.gone() {
				t.Fatal("the stream was closed before the work has stopped")
			}
			if releases {
				s.letGo(h)
				return
			}
			s.next("DELETE /v1/locks/nightly").released()
			if took := time.Since(began); took != 15*time.Second+lingers {
				t.Errorf("given back after %s, want it a while after the deadline that was known when the context ended", took)
			}
		})
	}
}

func TestReleaseGoesOnWhenItsContextHasEnded(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		h, stream := s.holding(background, s.client(), HoldOptions{})
		ctx, cancel := context.WithCancel(background)
		cancel()
		if err := h.Release(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		s.next("DELETE /v1/locks/nightly").released()
		if !stream.gone() {
			t.Error("the stream is still open")
		}
	})
}

func TestReleaseThatNobodyAnswersClosesTheStreamAndSaysSo(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		h, stream := s.holding(background, s.client(), HoldOptions{})
		s.down.Store(true)
		began := time.Now()
		done := make(chan error)
		go func() { done <- h.Release(background) }()
		time.Sleep(2 * time.Second)
		if !stream.gone() {
			t.Error("the stream is still open")
		}
		if err := <-done; !errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took != releaseWithin {
			t.Errorf("it took %s", took)
		}
	})
}

func TestReleaseAfterTheConnectionsOwnReleaseIsWell(t *testing.T) {
	for reason, want := range map[string]error{"released": nil, "disconnected": nil, "expired": ErrLost, "forced": ErrLost} {
		in(t, func(t *testing.T, s *sidecar) {
			h, _ := s.holding(background, s.client(), HoldOptions{})
			result := make(chan error, 1)
			go func() { result <- h.Release(background) }()
			s.next("DELETE /v1/locks/nightly").refuse(410, "lease_expired", fmt.Sprintf(`"reason":%q,"ended_ago_ms":5`, reason))
			err := <-result
			if lost := new(LostError); !errors.Is(err, want) || errors.As(err, &lost) != (want != nil) || want != nil && lost.Reason != Reason(reason) {
				t.Errorf("%s: %v, want %v", reason, err, want)
			}
		})
	}
}

func TestJeopardyIsPassedOn(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		var got []string
		h, stream := s.holding(background, s.client(), HoldOptions{OnJeopardy: func(d time.Duration, reason string) {
			got = append(got, fmt.Sprint(d.Round(time.Second), " ", reason))
		}})
		time.Sleep(8 * time.Second)
		stream.say(`{"event":"jeopardy","valid_for_ms":7000,"reason":"no_quorum"}`)
		time.Sleep(4 * time.Second)
		stream.say(`{"event":"jeopardy","valid_for_ms":3000,"reason":"no_quorum"}`)
		time.Sleep(time.Second)
		stream.alive(15000)
		if want := "[6s no_quorum 2s no_quorum]"; fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
		wantAlive(t, h.Context())
		s.letGo(h)
	})
}

func TestSlowCallbackDelaysNothing(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		began := time.Now()
		h, stream := s.holding(background, s.client(), HoldOptions{OnJeopardy: func(time.Duration, string) { time.Sleep(30 * time.Second) }})
		for range 50 { // more than are kept for it
			stream.say(`{"event":"jeopardy","valid_for_ms":6000,"reason":"no_quorum"}`)
		}
		<-h.Context().Done()
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("the context ended after %s", took)
		}
		s.next("DELETE /v1/locks/nightly").released()
	})
}

func TestDeadlinesAreKeptExactly(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		began := time.Now()
		a := s.begin(s.client(), HoldOptions{})
		stream := s.next("POST /v1/locks/nightly/hold")
		stream.held(7, 9990) // no multiple of a heartbeat
		h, _ := a.result(t)
		<-h.Context().Done()
		if took := time.Since(began); took != 9690*time.Millisecond {
			t.Errorf("the context ended after %s", took)
		}
		s.next("DELETE /v1/locks/nightly").released()
		if took := time.Since(began); took != 9990*time.Millisecond+lingers {
			t.Errorf("given back after %s", took)
		}
	})
}

func TestSidecarsTTLIsTheOneThatCounts(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.begin(s.client(), HoldOptions{})
		stream := s.next("POST /v1/locks/nightly/hold")
		stream.say(fmt.Sprintf(`{"event":"held","lease":%q,"token":7,"ttl_ms":2000,"valid_for_ms":2000}`, stream.lease))
		h, err := a.result(t)
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			time.Sleep(600 * time.Millisecond)
			stream.alive(60000) // more than the TTL is not believed
			if v := h.Valid(); v > 2*time.Second || v < 1700*time.Millisecond {
				t.Fatalf("valid for %s", v)
			}
		}
		wantAlive(t, h.Context())
		s.letGo(h)
	})
}

func TestLossWhileTheWorkStopsIsToldByRelease(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		ctx, cancel := context.WithCancel(background)
		h, stream := s.holding(ctx, s.client(), HoldOptions{})
		cancel()
		stream.say(`{"event":"lost","reason":"expired"}`)
		if err := h.Release(background); !errors.Is(err, ErrLost) {
			t.Errorf("%v", err)
		}
		s.quiet()
	})
}
