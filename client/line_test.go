package client

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// attempt is a Hold under way.
type attempt struct {
	cancel context.CancelCauseFunc
	hold   *Hold
	err    error
	done   chan struct{}
}

func (s *sidecar) begin(c *Client, o HoldOptions) *attempt {
	a := &attempt{done: make(chan struct{})}
	var ctx context.Context
	ctx, a.cancel = context.WithCancelCause(background)
	go func() {
		defer close(a.done)
		a.hold, a.err = c.Hold(ctx, "nightly", o)
	}()
	return a
}

// result is how it ended; the test fails if it has not.
func (a *attempt) result(t *testing.T) (*Hold, error) {
	t.Helper()
	synctest.Wait()
	select {
	case <-a.done:
		return a.hold, a.err
	default:
		t.Fatal("Hold still waits")
		return nil, nil
	}
}

func (a *attempt) stillWaits(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case <-a.done:
		t.Fatalf("Hold returned %v, %v", a.hold, a.err)
	default:
	}
}

func TestPositionIsToldWhenItChanges(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		var got []int
		a := s.begin(s.client(), HoldOptions{OnQueued: func(p int) { got = append(got, p) }})
		stream := s.next("POST /v1/locks/nightly/hold")
		for _, p := range []int{3, 3, 2, 2, 1} {
			stream.queued(p)
			time.Sleep(5 * time.Second)
		}
		a.stillWaits(t)
		stream.held(9, 15000)
		h, err := a.result(t)
		if err != nil || fmt.Sprint(got) != "[3 2 1]" || h.Token() != 9 {
			t.Errorf("%v, %v, positions %v", h, err, got)
		}
		s.letGo(h)
	})
}

func TestEndOfTheContextLeavesTheLine(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.begin(s.client(), HoldOptions{})
		stream := s.next("POST /v1/locks/nightly/hold")
		stream.queued(1)
		cause := errors.New("no longer wanted")
		a.cancel(cause)
		if _, err := a.result(t); !errors.Is(err, cause) {
			t.Errorf("%v", err)
		}
		if !stream.gone() {
			t.Error("it still stands in line")
		}
		s.quiet()
	})
}

// What was asked on a connection that broke may have been granted.
func TestEndOfTheContextGivesBackWhatMayHaveBeenGranted(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.begin(s.client(), HoldOptions{})
		stream := s.next("POST /v1/locks/nightly/hold")
		stream.queued(1)
		stream.abort()
		again := s.next("POST /v1/locks/nightly/hold")
		a.cancel(nil)
		if _, err := a.result(t); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("%v: want both why it ended and what it had met with", err)
		}
		if !again.gone() {
			t.Error("the request goes on")
		}
		if del := s.next("DELETE /v1/locks/nightly"); del.lease != stream.lease {
			t.Error("another lease is given back")
		} else {
			del.refuse(410, "lease_expired", `"reason":"disconnected"`)
		}
		s.quiet()
	})
}

func TestBrokenStreamInLineIsResumedWithTheSameLease(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.begin(s.client(), HoldOptions{Wait: time.Minute, Limit: 3})
		stream := s.next("POST /v1/locks/nightly/hold")
		if f := stream.form; f.Get("wait") != "1m0s" || f.Get("limit") != "3" {
			t.Errorf("asked with %v", f)
		}
		stream.queued(2)
		time.Sleep(4 * time.Second)
		stream.abort()
		again := s.next("POST /v1/locks/nightly/hold")
		if again.lease != stream.lease {
			t.Error("another lease: the place in line is lost")
		}
		if d, err := time.ParseDuration(again.form.Get("wait")); err != nil || d < 55*time.Second || d > 56*time.Second {
			t.Errorf("waits for %s more", d)
		}
		a.stillWaits(t)
		again.held(9, 15000)
		h, err := a.result(t)
		if err != nil {
			t.Fatal(err)
		}
		s.letGo(h)
	})
}

func TestLeaseThatEndedInLineIsReplaced(t *testing.T) {
	for name, end := range map[string]func(*sidecar, *call){
		"resumption answered 410": func(s *sidecar, c *call) {
			c.abort()
			s.next("POST /v1/locks/nightly/hold").refuse(410, "lease_expired", `"reason":"expired"`)
		},
		"stream said so": func(_ *sidecar, c *call) {
			c.say(`{"event":"lost","reason":"expired"}`)
			c.finish()
		},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, s *sidecar) {
				a := s.begin(s.client(), HoldOptions{})
				stream := s.next("POST /v1/locks/nightly/hold")
				stream.queued(2)
				end(s, stream)
				again := s.next("POST /v1/locks/nightly/hold")
				if again.lease == stream.lease {
					t.Error("the same lease again")
				}
				again.held(9, 15000)
				h, err := a.result(t)
				if err != nil || h.Lease() != again.lease {
					t.Fatal(err)
				}
				s.letGo(h)
			})
		})
	}
}

func TestLeaseOfTheCallersChoiceIsNotReplaced(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		chosen := NewLeaseID()
		a := s.begin(s.client(), HoldOptions{LeaseID: chosen})
		stream := s.next("POST /v1/locks/nightly/hold")
		if stream.lease != chosen {
			t.Error("another lease")
		}
		stream.refuse(410, "lease_expired", `"reason":"revoked"`)
		if _, err := a.result(t); !errors.Is(err, ErrLost) {
			t.Errorf("%v", err)
		}
		s.quiet()
	})
}

func TestNoWaitIsRefusedAtOnce(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.begin(s.client(), HoldOptions{NoWait: true, Shared: true})
		stream := s.next("POST /v1/locks/nightly/hold")
		if f := stream.form; f.Get("wait") != "0s" || f.Get("mode") != "shared" {
			t.Errorf("asked with %v", f)
		}
		stream.refuse(423, "lock_held", `"queue_length":1,"holders":[{"owner":"web-1","token":41,"held_for_ms":8200}]`)
		_, err := a.result(t)
		var refused *Error
		if !errors.Is(err, ErrHeld) || !errors.As(err, &refused) || refused.Holders[0].Token != 41 || refused.Holders[0].HeldFor != 8200*time.Millisecond {
			t.Errorf("%v", err)
		}
		s.quiet()
	})
}

func TestNoWaitEndsInAnOutage(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		s.down.Store(true)
		a := s.begin(s.client(WithRetryFor(5*time.Second)), HoldOptions{NoWait: true})
		time.Sleep(4 * time.Second)
		a.stillWaits(t)
		time.Sleep(4 * time.Second)
		if _, err := a.result(t); !errors.Is(err, ErrUnavailable) || !errors.Is(err, errRefused) {
			t.Errorf("%v", err)
		}
	})
}

func TestEndOfTheWaitIsHeldByOthers(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.begin(s.client(), HoldOptions{Wait: 10 * time.Second})
		stream := s.next("POST /v1/locks/nightly/hold")
		stream.queued(1)
		time.Sleep(10 * time.Second)
		a.stillWaits(t) // it is the sidecar's to say
		stream.say(`{"event":"lost","reason":"wait_timeout"}`)
		if _, err := a.result(t); !errors.Is(err, ErrHeld) {
			t.Errorf("%v", err)
		}
		s.quiet()
	})
}

func TestEndOfTheWaitIsNoticedWithoutASidecar(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.begin(s.client(), HoldOptions{Wait: 10 * time.Second})
		stream := s.next("POST /v1/locks/nightly/hold")
		stream.queued(1)
		stream.abort()
		s.next("POST /v1/locks/nightly/hold") // is never answered
		time.Sleep(10*time.Second + longestHeartbeat)
		if _, err := a.result(t); !errors.Is(err, ErrHeld) {
			t.Errorf("in line, then nothing: %v", err)
		}
		s.next("DELETE /v1/locks/nightly").released() // for all that is known it may have been granted
		s.down.Store(true)
		a = s.begin(s.client(), HoldOptions{Wait: 10 * time.Second})
		time.Sleep(10*time.Second + longestHeartbeat)
		if _, err := a.result(t); !errors.Is(err, ErrUnavailable) {
			t.Errorf("never in line: %v", err)
		}
	})
}

func TestLeaseThatSomebodyEndedInLineIsNotReplaced(t *testing.T) {
	for _, reason := range []Reason{Revoked, Released} {
		in(t, func(t *testing.T, s *sidecar) {
			a := s.begin(s.client(), HoldOptions{})
			stream := s.next("POST /v1/locks/nightly/hold")
			stream.queued(1)
			stream.say(fmt.Sprintf(`{"event":"lost","reason":%q}`, reason))
			var refused *Error
			if _, err := a.result(t); !errors.As(err, &refused) || refused.Reason != reason {
				t.Errorf("%v", err)
			}
			s.quiet()
		})
	}
}

func TestSilentLineIsAskedAgain(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.begin(s.client(), HoldOptions{})
		first := s.next("POST /v1/locks/nightly/hold")
		first.queued(1)
		second := s.next("POST /v1/locks/nightly/hold") // after queuedSilence
		if first.gone() {
			t.Error("the first stream was closed: the place in line may be lost")
		}
		third := s.next("POST /v1/locks/nightly/hold") // the second never said anything
		if !second.gone() {
			t.Error("the second request goes on")
		}
		third.queued(1)
		if !first.gone() {
			t.Error("the first stream is still open")
		}
		third.held(9, 15000)
		h, err := a.result(t)
		if err != nil {
			t.Fatal(err)
		}
		s.letGo(h)
	})
}

func TestGrantThatWasReadTooLateIsNotReliedOn(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		c, clock := s.client(), &offClock{}
		c.now = clock.now
		a := s.begin(c, HoldOptions{})
		stream := s.next("POST /v1/locks/nightly/hold")
		stream.queued(1)
		time.Sleep(4 * time.Second)
		clock.pause(16 * time.Second)
		stream.held(9, 15000) // it lay there while the process was stopped, for all that one can know
		a.stillWaits(t)
		time.Sleep(2 * time.Second)
		stream.alive(15000)
		h, err := a.result(t)
		if err != nil || h.Token() != 9 || h.Valid() < 14*time.Second {
			t.Fatal(h, err)
		}
		s.letGo(h)
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.begin(s.client(), HoldOptions{})
		began := time.Now()
		s.next("POST /v1/locks/nightly/hold").answer(429, `{"code":"too_many_streams"}`, "Retry-After", "7")
		stream := s.next("POST /v1/locks/nightly/hold")
		if took := time.Since(began); took < 7*time.Second || took > 9*time.Second {
			t.Errorf("asked again after %s", took)
		}
		stream.held(9, 15000)
		h, _ := a.result(t)
		s.letGo(h)
	})
}

func TestDefiniteRefusalsAreNotRepeated(t *testing.T) {
	for code, status := range map[string]int{
		"invalid_ttl": 400, "forbidden": 403, "not_found": 404, "lease_mismatch": 422, "internal": 500, "body_too_large": 413,
	} {
		in(t, func(t *testing.T, s *sidecar) {
			a := s.begin(s.client(), HoldOptions{})
			s.next("POST /v1/locks/nightly/hold").refuse(status, code)
			var refused *Error
			if _, err := a.result(t); !errors.As(err, &refused) || refused.Code != code || refused.Status != status {
				t.Errorf("%v", err)
			}
			s.quiet()
		})
	}
}

func TestNonsenseInLineIsAnErrorAndNotRepeated(t *testing.T) {
	long := make([]byte, maxHoldLine+1)
	for i := range long {
		long[i] = 'x'
	}
	for name, answer := range map[string]func(*call){
		"a page": func(c *call) { c.answer(200, "<html>", "Content-Type", "text/html") },
		"another type of stream": func(c *call) {
			c.answer(200, `{"event":"held","lease":"`+c.lease+`","token":7,"ttl_ms":15000,"valid_for_ms":15000}`, "Content-Type", "text/event-stream")
		},
		"no JSON":          func(c *call) { c.say("hello") },
		"two values":       func(c *call) { c.say(`{"event":"queued","position":1} {}`) },
		"no event":         func(c *call) { c.say(`{}`) },
		"no token":         func(c *call) { c.say(`{"event":"held","lease":"x","ttl_ms":1,"valid_for_ms":1}`) },
		"a negative token": func(c *call) { c.say(`{"event":"held","lease":"x","token":-1,"ttl_ms":1,"valid_for_ms":1}`) },
		"valid beyond its TTL": func(c *call) {
			c.say(`{"event":"held","lease":"` + c.lease + `","token":7,"ttl_ms":1,"valid_for_ms":2}`)
		},
		"another lease":         func(c *call) { c.say(`{"event":"held","lease":"x","token":7,"ttl_ms":15000,"valid_for_ms":15000}`) },
		"a line without an end": func(c *call) { go func() { c.ops <- func() { c.say0(string(long)) } }() },
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, s *sidecar) {
				a := s.begin(s.client(), HoldOptions{})
				answer(s.next("POST /v1/locks/nightly/hold"))
				if _, err := a.result(t); !errors.Is(err, ErrNotSidelock) {
					t.Errorf("%v", err)
				}
				s.next("DELETE /v1/locks/nightly").released()
				s.quiet()
			})
		})
	}
}

func TestRefusalThatIsNoSidecarsIsAnErrorAndNotRepeated(t *testing.T) {
	for status, header := range map[int][]string{
		404: {"Content-Type", "text/html"}, 423: {"Content-Type", "application/json"}, 307: {"Location", "http://elsewhere/"}, 418: {"Content-Type", "text/plain"},
	} {
		in(t, func(t *testing.T, s *sidecar) {
			a := s.begin(s.client(), HoldOptions{})
			s.next("POST /v1/locks/nightly/hold").answer(status, `{"code":"lock_held"}`, header...)
			if _, err := a.result(t); !errors.Is(err, ErrNotSidelock) {
				t.Errorf("%v", err)
			}
			s.quiet()
		})
	}
}

func TestUnknownEventsAndFieldsAreLetPass(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.begin(s.client(), HoldOptions{})
		stream := s.next("POST /v1/locks/nightly/hold")
		stream.say(`{"event":"weather","sun":true}`, "")
		stream.say(`{"event":"queued","position":1,"lease":"x","ahead":["web-1"]}`)
		stream.held(9, 15000)
		h, err := a.result(t)
		if err != nil {
			t.Fatal(err)
		}
		s.letGo(h)
	})
}

func TestHalfALineIsNone(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		h, stream := s.holding(background, s.client(), HoldOptions{})
		stream.do(func() { stream.say0(`{"event":"lost","reason":"expired"}`) }) // without the newline
		stream.finish()
		s.next("POST /v1/locks/nightly/hold").held(7, 15000)
		wantAlive(t, h.Context())
		s.letGo(h)
	})
}

func TestContradictoryOptionsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		c := s.client()
		for _, tc := range []struct {
			name  string
			o     HoldOptions
			param string
		}{
			{"", HoldOptions{}, "name"}, {"a/b", HoldOptions{}, "name"}, {"..", HoldOptions{}, "name"}, {"a b", HoldOptions{}, "name"},
			{"a", HoldOptions{NoWait: true, Wait: time.Second}, "wait"}, {"a", HoldOptions{Grace: 8 * time.Second}, "ttl"},
			{"a", HoldOptions{Grace: -1}, "ttl"}, {"a", HoldOptions{LeaseID: "short"}, "lease"}, {"a", HoldOptions{LeaseID: "with a newline\nin its midst"}, "lease"},
		} {
			_, err := c.Hold(background, tc.name, tc.o)
			var refused *Error
			if !errors.Is(err, ErrInvalid) || !errors.As(err, &refused) || refused.Param != tc.param {
				t.Errorf("%q %+v: %v", tc.name, tc.o, err)
			}
		}
		s.quiet()
	})
}

func TestEndedContextAsksNothing(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		ctx, cancel := context.WithCancel(background)
		cancel()
		c := s.client()
		_, err := c.Hold(ctx, "nightly", HoldOptions{})
		_, err2 := c.TryLock(ctx, "nightly", LockOptions{})
		if !errors.Is(err, context.Canceled) || !errors.Is(err2, context.Canceled) {
			t.Errorf("%v, %v", err, err2)
		}
		s.quiet()
	})
}
