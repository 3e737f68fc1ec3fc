package raftnode

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// handClock shows what a test sets.
type handClock struct{ at time.Duration }

var _ Clock = (*handClock)(nil)

func (c *handClock) Steady() time.Duration { return c.at }
func (c *handClock) Boot() time.Duration   { return c.at }

func TestStampsStartWhereTheStateStands(t *testing.T) {
	c := &handClock{at: 90 * time.Hour}
	s := newStamper(c, 12345)
	if got := s.stamp(); got != 12345 {
		t.Errorf("first stamp %d", got)
	}
	c.at += 100 * time.Millisecond
	if got := s.stamp(); got != lease.Time(12345).Add(100*time.Millisecond) {
		t.Errorf("after 100 ms %d", got)
	}
}

// Stamps never run ahead of the clock, never leap, never go back.
func TestStampsNeitherLeapNorGoBackNorRunAhead(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	c := &handClock{}
	s := newStamper(c, 0)
	last := lease.Time(0)
	for range 100_000 {
		step := time.Duration(rng.Int64N(int64(50 * time.Millisecond)))
		switch rng.IntN(100) {
		case 0:
			step = time.Duration(rng.Int64N(int64(time.Hour))) // a stall
		case 1:
			step = -time.Millisecond // a clock that should not do this
		}
		c.at += step
		now := s.stamp()
		if now < last || now.Sub(last) > maxLeap {
			t.Fatalf("from %d to %d in %v", last, now, step)
		}
		if now.Sub(last) > max(step, 0) {
			t.Fatalf("cluster time went on by %v in %v", now.Sub(last), step)
		}
		last = now
	}
}

func TestTimeLostInAStallIsNotMadeUp(t *testing.T) {
	c := &handClock{}
	s := newStamper(c, 0)
	s.stamp()
	c.at = time.Hour
	if got := s.stamp(); got != lease.Time(maxLeap) {
		t.Fatalf("after an hour's stall %v", time.Duration(got))
	}
	for i := 1; i <= 20; i++ {
		c.at += 10 * time.Millisecond
		if got, want := s.stamp(), lease.Time(maxLeap).Add(time.Duration(i)*10*time.Millisecond); got != want {
			t.Fatalf("%v after it %v, want %v", time.Duration(i)*10*time.Millisecond, time.Duration(got), time.Duration(want))
		}
	}
}

func TestValidForCountsFromTheSendAndKeepsAMargin(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for _, c := range []struct{ remaining, ttl, sent, now, want time.Duration }{
		{15 * s, 15 * s, 0, 0, 15*s - 30*ms},
		{15 * s, 15 * s, 100 * s, 100*s + 40*ms, 15*s - 70*ms},
		{1 * s, 1 * s, 0, 0, 995 * ms}, // at least 5 ms
		{1 * s, 24 * time.Hour, 0, 0, 0},
		{3 * s, 3 * s, 0, 4 * s, 0},
		{0, 15 * s, 0, 0, 0},
		{-1, 15 * s, 0, 0, 0},
	} {
		if got := max(0, safeUntil(c.remaining, c.ttl, c.sent)-c.now); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	// The margin covers two clocks, each 0.1 % off.
	for _, ttl := range []time.Duration{s, 15 * s, time.Hour, 24 * time.Hour} {
		if margin(ttl) < ttl/500 || margin(ttl) < 5*ms {
			t.Errorf("margin of %v: %v", ttl, margin(ttl))
		}
	}
}

func TestWallClockBeforeTheProgramIsRefused(t *testing.T) {
	if CheckWallClock(builtAfter.Add(-time.Second)) == nil || CheckWallClock(time.Unix(0, 0)) == nil {
		t.Error("a clock from before was taken")
	}
	if err := CheckWallClock(builtAfter.Add(time.Hour)); err != nil {
		t.Error(err)
	}
}

func TestSystemClocksGoForwards(t *testing.T) {
	var c SystemClock
	for range 1000 {
		a, b := c.Steady(), c.Boot()
		if c.Steady() < a || c.Boot() < b || a <= 0 {
			t.Fatal("a clock went backwards")
		}
	}
}
