package lease

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestLimitsComeFromTheGroupsSettings: what Apply depends on is in the log.
func TestLimitsComeFromTheGroupsSettings(t *testing.T) {
	t.Run("shortest ttl", func(t *testing.T) {
		r := newRig(t, func(s *Settings) { s.MinTTL = 5 * time.Second })
		r.want(r.do(acquire("db", "a", ttl(5*time.Second-1))), InvalidTTL)
		r.want(r.do(create("a", ttl(5*time.Second-1))), InvalidTTL)
		r.held(r.do(acquire("db", "a", ttl(5*time.Second))))
	})
	t.Run("waiters of a name", func(t *testing.T) {
		r := newRig(t, func(s *Settings) { s.MaxWaiters = 2 })
		for i := range 3 {
			r.want(r.do(acquire("db", fmt.Sprint(i), wait)), OK)
		}
		r.want(r.do(acquire("db", "late", wait)), TooManyWaiters)
		r.want(r.do(acquire("db", "2", wait)), OK) // one that stands in line is not new
		r.held(r.do(acquire("web", "late", wait)))
	})
	t.Run("leases", func(t *testing.T) {
		r := newRig(t, func(s *Settings) { s.MaxLeases = 2 })
		r.do(create("s"))
		r.held(r.do(acquire("a", "a")))
		r.want(r.do(acquire("b", "b")), TooManyLeases)
		r.want(r.do(create("t")), TooManyLeases)
		r.held(r.do(acquire("b", "s"))) // no new lease
		r.want(r.do(renew("a", "a")), OK)
		r.want(r.do(release("a", "a")), OK)
		r.held(r.do(acquire("a", "c")))
	})
	t.Run("bytes", func(t *testing.T) {
		r := newRig(t, func(s *Settings) { s.MaxBytes = 2000 })
		big := Pair{"k", strings.Repeat("v", 1000)}
		r.held(r.do(acquire("a", "a", metadata(big))))
		r.want(r.do(acquire("b", "b", metadata(big))), TooManyLeases)
		r.want(r.do(create("b", metadata(big))), TooManyLeases)
		r.do(release("a", "a"))
		if b := r.s.Counts().Bytes; b != 0 {
			t.Fatalf("%d bytes are left", b)
		}
		r.held(r.do(acquire("b", "b", metadata(big))))
	})
	t.Run("free names", func(t *testing.T) {
		r := newRig(t, func(s *Settings) { s.MaxFree = 3 })
		r.do(acquire("cron", "cron", minHold(time.Minute)))
		r.do(release("cron", "cron"))
		for i := range 5 {
			n := fmt.Sprint("n", i)
			r.do(acquire(n, n))
			r.do(release(n, n))
		}
		r.do(acquire("n2", "again"))
		r.do(release("n2", "again"))
		list := r.s.Answer(Query{Kind: QueryNames, Space: Locks, Limit: 10})
		var names []string
		for _, in := range list.Infos {
			names = append(names, in.Name)
		}
		if got := strings.Join(names, " "); got != "cron n2 n3 n4" {
			t.Fatalf("remembers %s", got)
		}
		r.want(r.do(acquire("cron", "x")), MinHold) // never forgotten while its place is taken
	})
}

func TestInvalidCommandsChangeNothing(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		command Command
		code    Code
	}{
		{acquire("", "a"), InvalidName},
		{acquire("-x", "a"), InvalidName},
		{acquire("a/b", "a"), InvalidName},
		{acquire(long[:MaxNameLen+1], "a"), InvalidName},
		{with(acquire("db", "a"), []option{func(c *Command) { c.Lease = "short" }}), InvalidLease},
		{with(acquire("db", "a"), []option{func(c *Command) { c.Lease = ID(long[:MaxLeaseIDLen+1]) }}), InvalidLease},
		{with(acquire("db", "a"), []option{func(c *Command) { c.Lease = "not/for/a/lease/id/at/all" }}), InvalidLease},
		{acquire("db", "a", owner("")), InvalidOwner},
		{acquire("db", "a", owner("a\nb")), InvalidOwner},
		{acquire("db", "a", owner("\xff")), InvalidOwner},
		{acquire("db", "a", owner(long[:MaxOwnerLen+1])), InvalidOwner},
		{acquire("db", "a", ttl(0)), InvalidTTL},
		{acquire("db", "a", ttl(-time.Second)), InvalidTTL},
		{acquire("db", "a", ttl(MaxTTL+1)), InvalidTTL},
		{acquire("db", "a", limit(MaxHolders+1)), InvalidLimit},
		{acquire("db", "a", minHold(-1)), InvalidMinHold},
		{acquire("db", "a", minHold(MaxMinHold+1)), InvalidMinHold},
		{acquire("db", "a", metadata(Pair{"b", ""}, Pair{"a", ""})), InvalidMetadata},
		{acquire("db", "a", metadata(Pair{"a", ""}, Pair{"a", ""})), InvalidMetadata},
		{acquire("db", "a", metadata(Pair{"", "x"})), InvalidMetadata},
		{acquire("db", "a", metadata(Pair{"a", long})), InvalidMetadata},
		{acquire("db", "a", value(long)), InvalidValue},
		{acquire("db", "a", func(c *Command) { c.Space = 9 }), InvalidRequest},
		{renew("db", "a", value("\x07")), InvalidValue},
		{force("db", 1, because(long)), InvalidReason},
		{Command{Op: OpKeepAlive, Renewals: make([]Renewal, MaxKeepAlive+1)}, InvalidRequest},
		{onLease(OpRevokeLease, "white space"), InvalidLease},
		{Command{Op: 99}, InvalidRequest},
	} {
		r := newRig(t)
		if got := r.do(c.command); got.Code != c.code {
			t.Errorf("%+v: %q, want %q", c.command, got.Code, c.code)
		}
		if got := r.s.Counts(); got.Leases+got.LocksHeld+got.Remembered != 0 {
			t.Errorf("%+v: left something behind: %+v", c.command, got)
		}
	}
}

func TestHistoryIsBoundedAndKeepsTheNotable(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "lost", ttl(time.Second)))
	r.pass(time.Second)
	for i := range 3 * HistoryLength {
		n := fmt.Sprint("h", i)
		r.do(acquire("db", n))
		r.do(release("db", n))
	}
	n := r.s.name(nameKey{Locks, "db"})
	if got := recent(n.history); len(got) != HistoryLength || got[HistoryLength-1].kind != EventReleased {
		t.Fatalf("history of %d", len(got))
	}
	if cap(n.history) > 3*HistoryLength {
		t.Fatalf("the history holds room for %d", cap(n.history))
	}
	if got := recent(n.notable); len(got) != 1 || got[0].kind != EventExpired || got[0].owner != "lost" {
		t.Fatalf("notable %+v", got)
	}
}
