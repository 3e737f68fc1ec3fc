package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// asking is a call under way that returns a lock.
type asking struct {
	lock *Lock
	err  error
	done chan struct{}
}

func ask(f func() (*Lock, error)) *asking {
	a := &asking{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.lock, a.err = f()
	}()
	return a
}

func (a *asking) result(t *testing.T) (*Lock, error) {
	t.Helper()
	synctest.Wait()
	select {
	case <-a.done:
		return a.lock, a.err
	default:
		t.Fatal("it still waits")
		return nil, nil
	}
}

func (s *sidecar) try(c *Client, o LockOptions) *asking {
	return ask(func() (*Lock, error) { return c.TryLock(background, "nightly", o) })
}

// locked takes a lock with token 7 and 15 s.
func (s *sidecar) locked(c *Client) *Lock {
	s.t.Helper()
	a := s.try(c, LockOptions{})
	s.next("POST /v1/locks/nightly").grant(201, 7, 15000)
	l, err := a.result(s.t)
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

func TestTryLockTakesAFreeLock(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.try(s.client(WithOwner("me")), LockOptions{TTL: 20 * time.Second, Limit: 3, MinHold: time.Minute, Wait: time.Hour, Metadata: map[string]string{"a b": "c&d"}})
		call := s.next("POST /v1/locks/nightly")
		want := map[string]string{"owner": "me", "ttl": "20s", "limit": "3", "min_hold": "1m0s", "metadata.a b": "c&d"}
		for k, v := range want {
			if call.form.Get(k) != v {
				t.Errorf("%s is %q", k, call.form.Get(k))
			}
		}
		if len(call.form) != len(want) || call.r.URL.RawQuery != "" || !leaseRule.MatchString(call.lease) || strings.HasPrefix(call.lease, "sl_") {
			t.Errorf("asked with %v, %q, lease %q", call.form, call.r.URL.RawQuery, call.lease)
		}
		call.grant(201, 7, 15000)
		l, err := a.result(t)
		if err != nil || l.Token() != 7 || l.Lease() != call.lease || l.Valid() != 15*time.Second || l.Name() != "nightly" {
			t.Errorf("%v, %v", l, err)
		}
	})
}

func TestLockIsValidFromWhenItWasAskedFor(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.try(s.client(), LockOptions{})
		call := s.next("POST /v1/locks/nightly")
		time.Sleep(3 * time.Second)
		call.grant(201, 7, 15000)
		l, err := a.result(t)
		if err != nil || l.Valid() != 12*time.Second {
			t.Fatalf("valid for %s, %v", l.Valid(), err)
		}
		time.Sleep(12 * time.Second)
		if l.Valid() != 0 {
			t.Errorf("at its end it is valid for %s", l.Valid())
		}
	})
}

func TestSuspendedMachineEndsALocksValidity(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		c, clock := s.client(), &offClock{}
		c.now = clock.now
		l := s.locked(c)
		clock.suspend(14 * time.Second)
		if l.Valid() != time.Second {
			t.Errorf("valid for %s", l.Valid())
		}
	})
}

// A call is repeated with the same lease, so that it has one effect.
func TestUnansweredTriesAreRepeatedWithTheSameLease(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.try(s.client(), LockOptions{})
		first := s.next("POST /v1/locks/nightly")
		first.abort()
		for _, refusal := range []struct {
			status int
			code   string
		}{{503, "no_leader"}, {504, "outcome_unknown"}, {429, "overloaded"}, {503, "draining"}} {
			c := s.next("POST /v1/locks/nightly")
			if c.lease != first.lease {
				t.Error("another lease")
			}
			c.refuse(refusal.status, refusal.code, `"lease":"`+c.lease+`"`)
		}
		half := s.next("POST /v1/locks/nightly")
		half.do(func() {
			half.w.Header().Set("Content-Type", "application/json")
			half.w.Header().Set("Content-Length", "500")
			half.w.WriteHeader(201)
			_, _ = half.w.Write([]byte(`{"name":"nightly"`))
		})
		half.abort()
		s.next("POST /v1/locks/nightly").grant(200, 7, 15000)
		if l, err := a.result(t); err != nil || l.Token() != 7 {
			t.Errorf("%v %v", l, err)
		}
	})
}

func TestTriesAreSpreadAndEndWithPatience(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		s.down.Store(true)
		var at []time.Time
		began := time.Now()
		_, err := s.client(WithOnRetry(func(error) { at = append(at, time.Now()) })).TryLock(background, "nightly", LockOptions{})
		if !errors.Is(err, ErrUnavailable) || !errors.Is(err, errRefused) {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took != DefaultRetryFor {
			t.Errorf("it gave up after %s", took)
		}
		if len(at) < 6 || len(at) > 20 {
			t.Errorf("%d tries", len(at))
		}
		for i := 1; i < len(at); i++ {
			if d := at[i].Sub(at[i-1]); d < firstPause/2 || d > longestPause {
				t.Errorf("a pause of %s", d)
			}
		}
	})
}

func TestEndOfTheContextEndsACallAtOnce(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		ctx, cancel := context.WithTimeout(background, 3*time.Second)
		defer cancel()
		began := time.Now()
		a := ask(func() (*Lock, error) { return s.client().TryLock(ctx, "nightly", LockOptions{}) })
		first := s.next("POST /v1/locks/nightly")
		first.refuse(503, "no_leader")
		s.next("POST /v1/locks/nightly")
		<-a.done
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("after %s", took)
		}
		if !errors.Is(a.err, context.DeadlineExceeded) || !errors.Is(a.err, ErrUnavailable) || !strings.Contains(a.err.Error(), "no_leader") {
			t.Errorf("%v: want both why it ended and what it had met with", a.err)
		}
		if del := s.next("DELETE /v1/locks/nightly"); del.lease != first.lease {
			t.Error("another lease is given back")
		} else {
			del.released()
		}
	})
}

func TestHungSidecarIsAskedAgain(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.try(s.client(WithRetryFor(time.Minute)), LockOptions{})
		began := time.Now()
		hung := s.next("POST /v1/locks/nightly")
		again := s.next("POST /v1/locks/nightly")
		if took := time.Since(began); took < answerWithin || took > answerWithin+time.Second || !hung.gone() {
			t.Errorf("again after %s, hung up: %v", took, hung.gone())
		}
		again.grant(201, 7, 15000)
		if _, err := a.result(t); err != nil {
			t.Error(err)
		}
	})
}

func TestRefusalsAreFinal(t *testing.T) {
	for code, tc := range map[string]struct {
		status int
		is     error
	}{
		"lock_held": {423, ErrHeld}, "min_hold": {423, ErrHeld}, "invalid_ttl": {400, ErrInvalid}, "lease_mismatch": {422, ErrInvalid},
		"forbidden": {403, ErrForbidden}, "internal": {500, nil},
	} {
		in(t, func(t *testing.T, s *sidecar) {
			a := s.try(s.client(), LockOptions{})
			s.next("POST /v1/locks/nightly").refuse(tc.status, code, `"retryable":true`)
			_, err := a.result(t)
			var refused *Error
			if !errors.As(err, &refused) || refused.Code != code || tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("%s: %v", code, err)
			}
			s.quiet()
		})
	}
}

func TestLeaseThatEndedBeforeItWasHeardOfIsReplaced(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := s.try(s.client(), LockOptions{})
		first := s.next("POST /v1/locks/nightly")
		first.abort()
		s.next("POST /v1/locks/nightly").refuse(410, "lease_expired", `"reason":"expired"`)
		second := s.next("POST /v1/locks/nightly")
		if second.lease == first.lease {
			t.Error("the same lease")
		}
		second.grant(201, 8, 15000)
		if l, err := a.result(t); err != nil || l.Token() != 8 {
			t.Errorf("%v %v", l, err)
		}
		a = s.try(s.client(), LockOptions{LeaseID: first.lease})
		s.next("POST /v1/locks/nightly").refuse(410, "lease_expired", `"reason":"expired"`)
		if _, err := a.result(t); !errors.Is(err, ErrLost) {
			t.Errorf("a lease of the caller's choice: %v", err)
		}
		s.quiet()
	})
}

func TestLockWaitsInLineAndClaimsWhatItGot(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := ask(func() (*Lock, error) {
			return s.client().Lock(background, "nightly", LockOptions{Wait: 2 * time.Minute})
		})
		call := s.next("POST /v1/locks/nightly")
		if call.form.Get("wait") != "2m0s" {
			t.Errorf("waits %s", call.form.Get("wait"))
		}
		time.Sleep(time.Minute)
		call.grant(201, 7, 15000)
		// By what was sent a minute ago nothing is valid any more: it renews before it says that it has the lock.
		renewal := s.next("PUT /v1/locks/nightly")
		time.Sleep(100 * time.Millisecond)
		renewal.grant(200, 7, 15000)
		l, err := a.result(t)
		if err != nil || renewal.lease != call.lease || l.Valid() != 14900*time.Millisecond {
			t.Errorf("%v %v", l, err)
		}
	})
}

func TestGrantLostBeforeItWasClaimedIsAskedForAnew(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := ask(func() (*Lock, error) { return s.client().Lock(background, "nightly", LockOptions{}) })
		call := s.next("POST /v1/locks/nightly")
		if call.form.Get("wait") != "24h0m0s" {
			t.Errorf("waits %s", call.form.Get("wait"))
		}
		time.Sleep(time.Minute)
		call.grant(201, 7, 15000)
		s.next("PUT /v1/locks/nightly").refuse(410, "lease_expired", `"reason":"expired"`)
		again := s.next("POST /v1/locks/nightly")
		if again.lease == call.lease {
			t.Error("with the lease that has ended")
		}
		again.grant(201, 8, 15000)
		if l, err := a.result(t); err != nil || l.Token() != 8 {
			t.Errorf("%v %v", l, err)
		}
	})
}

func TestLockWithoutLimitStandsInLineAgainAfterTheLongestWait(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		a := ask(func() (*Lock, error) { return s.client().Lock(background, "nightly", LockOptions{}) })
		s.next("POST /v1/locks/nightly").refuse(423, "wait_timeout")
		s.next("POST /v1/locks/nightly").grant(201, 7, 15000)
		if _, err := a.result(t); err != nil {
			t.Error(err)
		}
	})
}

func TestEndOfTheWaitOfALock(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		c := s.client()
		a := ask(func() (*Lock, error) { return c.Lock(background, "nightly", LockOptions{Wait: 10 * time.Second}) })
		call := s.next("POST /v1/locks/nightly")
		time.Sleep(10 * time.Second)
		call.refuse(423, "wait_timeout")
		if _, err := a.result(t); !errors.Is(err, ErrHeld) {
			t.Errorf("%v", err)
		}
		a = ask(func() (*Lock, error) { return c.Lock(background, "nightly", LockOptions{Wait: 10 * time.Second}) })
		time.Sleep(4 * time.Second)
		s.next("POST /v1/locks/nightly").abort()
		again := s.next("POST /v1/locks/nightly")
		if d, err := time.ParseDuration(again.form.Get("wait")); err != nil || d > 6*time.Second || d < 5*time.Second {
			t.Errorf("after a failure 4 s on it waits %s more", d)
		}
		again.refuse(423, "lock_held")
		if _, err := a.result(t); !errors.Is(err, ErrHeld) {
			t.Errorf("%v", err)
		}
		s.quiet()
	})
}

func TestRenewalCountsFromWhenItWasSent(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		l := s.locked(s.client())
		time.Sleep(5 * time.Second)
		done := make(chan error, 1)
		go func() { done <- l.Renew(background) }()
		call := s.next("PUT /v1/locks/nightly")
		if call.lease != l.Lease() || len(call.form) != 0 {
			t.Errorf("renewed with %v", call.form)
		}
		time.Sleep(4 * time.Second)
		call.grant(200, 7, 15000)
		if err := <-done; err != nil || l.Valid() != 11*time.Second {
			t.Errorf("valid for %s, %v", l.Valid(), err)
		}
	})
}

func TestAnswerToAnEarlierRenewalDoesNotShortenALaterOne(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		l := s.locked(s.client())
		go func() { _ = l.Renew(background) }()
		early := s.next("PUT /v1/locks/nightly")
		time.Sleep(5 * time.Second)
		go func() { _ = l.Renew(background) }()
		s.next("PUT /v1/locks/nightly").grant(200, 7, 15000)
		synctest.Wait()
		early.grant(200, 7, 15000)
		synctest.Wait()
		if l.Valid() != 15*time.Second {
			t.Errorf("valid for %s", l.Valid())
		}
	})
}

func TestRenewalWithoutAnAnswerIsALossAtTheDeadline(t *testing.T) {
	for _, hangs := range []bool{true, false} {
		in(t, func(t *testing.T, s *sidecar) {
			began := time.Now()
			l := s.locked(s.client())
			time.Sleep(10 * time.Second)
			s.down.Store(!hangs)
			if !hangs {
				l.c.CloseIdleConnections()
			}
			var lost *LostError
			if err := l.Renew(background); !errors.As(err, &lost) || !lost.Silent || lost.Reason != Deadline || lost.Token != 7 {
				t.Errorf("%v", err)
			}
			if took := time.Since(began); took != 15*time.Second {
				t.Errorf("after %s", took)
			}
		})
	}
}

func TestLostLockIsNotValid(t *testing.T) {
	for code, status := range map[string]int{"lease_expired": 410, "not_holder": 409} {
		in(t, func(t *testing.T, s *sidecar) {
			l := s.locked(s.client())
			done := make(chan error, 1)
			go func() { done <- l.Renew(background) }()
			s.next("PUT /v1/locks/nightly").refuse(status, code, `"reason":"forced","why":"stuck"`)
			if err := <-done; !errors.Is(err, ErrLost) || l.Valid() != 0 {
				t.Errorf("%v, valid for %s", err, l.Valid())
			}
		})
	}
}

func TestRenewalOfAnotherGrantProlongsNothing(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		l := s.locked(s.client())
		time.Sleep(5 * time.Second)
		done := make(chan error, 1)
		go func() { done <- l.Renew(background) }()
		s.next("PUT /v1/locks/nightly").grant(200, 8, 15000)
		if err := <-done; !errors.Is(err, ErrNotSidelock) || l.Valid() != 10*time.Second {
			t.Errorf("%v, valid for %s", err, l.Valid())
		}
	})
}

func TestOtherErrorsOfARenewalLeaveTheLockValid(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		l := s.locked(s.client())
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		if err := l.Renew(ctx); errors.Is(err, ErrLost) || !errors.Is(err, context.DeadlineExceeded) || l.Valid() != 14*time.Second {
			t.Errorf("%v, valid for %s", err, l.Valid())
		}
		s.next("PUT /v1/locks/nightly")
		done := make(chan error, 1)
		go func() { done <- l.Renew(background) }()
		s.next("PUT /v1/locks/nightly").refuse(500, "internal")
		if err := <-done; errors.Is(err, ErrLost) || l.Valid() == 0 {
			t.Errorf("%v, valid for %s", err, l.Valid())
		}
	})
}

func TestUnlockedLockIsNotValidWhateverComesAfter(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		l := s.locked(s.client())
		go func() { _ = l.Renew(background) }()
		renewal := s.next("PUT /v1/locks/nightly")
		done := make(chan error, 1)
		go func() { done <- l.Unlock(background) }()
		del := s.next("DELETE /v1/locks/nightly")
		if l.Valid() != 0 {
			t.Errorf("valid for %s while it is being released", l.Valid())
		}
		renewal.grant(200, 7, 15000)
		del.refuse(503, "no_leader")
		s.next("DELETE /v1/locks/nightly").refuse(410, "lease_expired", `"reason":"released"`)
		if err := <-done; err != nil {
			t.Errorf("the first try has done it: %v", err)
		}
		if l.Valid() != 0 {
			t.Errorf("valid for %s", l.Valid())
		}
	})
}

func TestLeaseIDsAreInNoText(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		var told []error
		c := s.client(WithOnRetry(func(err error) { told = append(told, err) }))
		h, stream := s.holding(background, c, HoldOptions{})
		secret := stream.lease
		texts := []string{fmt.Sprintf("%v %+v %#v %s", h, h, h, h)}
		s.letGo(h)
		a := s.try(c, LockOptions{LeaseID: secret})
		call := s.next("POST /v1/locks/nightly")
		call.abort()
		s.next("POST /v1/locks/nightly").answer(504, `{"code":"outcome_unknown","title":"t","detail":"d","lease":"`+secret+`"}`)
		s.next("POST /v1/locks/nightly").answer(200, `{"lease":"`+secret+`","token":"`+secret+`"}`)
		_, err := a.result(t)
		for _, e := range append(told, err) {
			texts = append(texts, fmt.Sprintf("%v %+v %s", e, e, e))
		}
		a = s.try(c, LockOptions{LeaseID: secret + "/"})
		_, err = a.result(t)
		texts = append(texts, err.Error())
		l := s.locked(c)
		texts = append(texts, fmt.Sprintf("%v %+v %#v %s", l, l, l, l))
		for _, text := range texts {
			if strings.Contains(text, secret) || strings.Contains(text, l.Lease()) {
				t.Errorf("%s", text)
			}
		}
		if len(texts) < 6 {
			t.Errorf("only %d texts", len(texts))
		}
	})
}
