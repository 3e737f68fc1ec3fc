package lease

import (
	"testing"
	"time"
)

// TestReleaseSaidAgainIsAnsweredAlike is property P5: a new command with the same lease, not a duplicate.
func TestReleaseSaidAgainIsAnsweredAlike(t *testing.T) {
	r := newRig(t)
	grant := r.held(r.do(acquire("db", "a")))
	for range 3 {
		if got := r.want(r.do(release("db", "a")), OK); got.Token != grant.Token || got.Standing != Absent {
			t.Fatalf("%+v", got)
		}
		r.later(5 * time.Second)
	}
	r.pass(RememberReleased)
	r.want(r.do(release("db", "a")), LeaseExpired)
}

func TestReleaseAfterExpiryTellsTheLoss(t *testing.T) {
	r := newRig(t)
	grant := r.held(r.do(acquire("db", "a")))
	r.later(20 * time.Second)
	r.pass(0)
	r.later(3 * time.Second)
	got := r.want(r.do(release("db", "a")), LeaseExpired)
	if got.Reason != Expired || got.EndedAgo != 3*time.Second || got.Token != grant.Token {
		t.Fatalf("%+v", got)
	}
}

// TestOldReleaseNeverFreesANewerGrant is property P5 for both kinds of leases.
func TestOldReleaseNeverFreesANewerGrant(t *testing.T) {
	t.Run("another lease's", func(t *testing.T) {
		r := newRig(t)
		r.do(acquire("db", "a"))
		r.do(release("db", "a"))
		r.held(r.do(acquire("db", "b")))
		r.want(r.do(release("db", "a")), OK)
		r.wantHolders("db", "b")
	})
	t.Run("an expired lease's", func(t *testing.T) {
		r := newRig(t)
		r.do(acquire("db", "a"))
		r.pass(16 * time.Second)
		r.held(r.do(acquire("db", "b")))
		r.want(r.do(release("db", "a")), LeaseExpired)
		r.wantHolders("db", "b")
	})
	t.Run("the same explicit lease's newer grant", func(t *testing.T) {
		r := newRig(t)
		r.do(create("s"))
		first := r.held(r.do(acquire("db", "s"))).Token
		r.want(r.do(release("db", "s", token(first))), OK)
		r.held(r.do(acquire("db", "s")))
		if got := r.want(r.do(release("db", "s", token(first))), OK); got.Token != first {
			t.Fatalf("%+v", got)
		}
		r.wantHolders("db", "s")
	})
	t.Run("the same explicit lease's newer place in the queue", func(t *testing.T) {
		r := newRig(t)
		r.do(create("s"))
		first := r.held(r.do(acquire("db", "s"))).Token
		r.want(r.do(release("db", "s", token(first))), OK)
		r.do(acquire("db", "b"))
		r.do(acquire("db", "s", wait))
		r.want(r.do(release("db", "s", token(first))), OK)
		r.wantQueue("db", "s")
		r.want(r.do(release("db", "s", token(first+77))), StaleToken)
		r.wantQueue("db", "s")
		r.want(r.do(release("db", "s")), OK) // without a token it means the queue
		r.wantQueue("db")
	})
}

func TestExplicitLeaseReleasesByToken(t *testing.T) {
	r := newRig(t)
	r.do(create("s"))
	grant := r.held(r.do(acquire("db", "s")))
	r.want(r.do(release("db", "s")), TokenRequired)
	r.want(r.do(release("db", "s", token(grant.Token+1))), StaleToken)
	r.want(r.do(release("other", "s", token(grant.Token))), NotHolder)
	r.wantHolders("db", "s")
	r.want(r.do(release("db", "s", token(grant.Token))), OK)
	r.wantHolders("db")
	r.want(r.do(onLease(OpRenewLease, "s")), OK) // the lease lives on
}

func TestExplicitLeaseRemembersItsLastReleasesOnly(t *testing.T) {
	r := newRig(t)
	r.do(create("s"))
	var first Token
	for i := range ReleasedRing + 1 {
		grant := r.held(r.do(acquire("db", "s")))
		r.want(r.do(release("db", "s", token(grant.Token))), OK)
		if i == 0 {
			first = grant.Token
		}
	}
	r.want(r.do(release("db", "s", token(first+1))), OK)
	r.want(r.do(release("db", "s", token(first))), NotHolder)
}

func TestImplicitLeaseWithAnotherTokenReleasesNothing(t *testing.T) {
	r := newRig(t)
	grant := r.held(r.do(acquire("db", "a")))
	r.want(r.do(release("db", "a", token(grant.Token-1))), StaleToken)
	r.wantHolders("db", "a")
	r.want(r.do(release("db", "a", token(grant.Token))), OK)
}

func TestLeaseOfAnotherNameIsRefused(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a"))
	for _, c := range []Command{acquire("web", "a"), renew("web", "a"), release("web", "a"), withdraw("web", "a", 1),
		campaign("db", "a"), create("a")} {
		r.want(r.do(c), LeaseMismatch)
	}
	r.wantHolders("db", "a")
}

func TestRevocationReleasesEverything(t *testing.T) {
	r := newRig(t)
	r.do(create("s"))
	r.do(acquire("a", "s"))
	r.do(acquire("b", "x"))
	r.do(acquire("b", "s", wait))
	r.do(campaign("e", "s"))
	r.do(acquire("a", "next", wait))
	got := r.do(onLease(OpRenewLease, "s"))
	if len(got.Places) != 3 || got.Places[1].Position != 1 || got.Places[2].Space != Elections {
		t.Fatalf("places %+v", got.Places)
	}
	r.want(r.do(onLease(OpRevokeLease, "s")), OK)
	r.wantHolders("a", "next")
	r.wantQueue("b")
	r.want(r.do(onLease(OpRevokeLease, "s")), OK) // said again
	if got := r.want(r.do(renew("a", "s")), LeaseExpired); got.Reason != Revoked {
		t.Fatalf("%+v", got)
	}
}

// TestEndedLeaseIsRememberedWithItsReason, for at least a minute, and longer where it did not end by release.
func TestEndedLeaseIsRememberedWithItsReason(t *testing.T) {
	for _, c := range []struct {
		reason EndReason
		end    func(*rig, Token)
		keep   time.Duration
	}{
		{Expired, func(r *rig, _ Token) { r.pass(15 * time.Second) }, RememberEnded},
		{Released, func(r *rig, _ Token) { r.do(release("db", "a")) }, RememberReleased},
		{Revoked, func(r *rig, _ Token) { r.do(onLease(OpRevokeLease, "a")) }, RememberEnded},
		{Forced, func(r *rig, grant Token) { r.do(force("db", grant, because("broken"))) }, RememberEnded},
	} {
		t.Run(c.reason.String(), func(t *testing.T) {
			r := newRig(t)
			grant := r.held(r.do(acquire("db", "a")))
			c.end(r, grant.Token)
			for _, again := range []Command{renew("db", "a"), onLease(OpRenewLease, "a"), acquire("db", "a", wait)} {
				got := r.want(r.do(again), LeaseExpired)
				if got.Reason != c.reason || (c.reason == Forced) != (got.Why == "broken") {
					t.Fatalf("%+v", got)
				}
			}
			r.pass(c.keep)
			ended := r.s.Answer(Query{Kind: QueryLease, Lease: id("a")})
			if ended.Code != LeaseExpired || ended.Ended != c.reason || ended.EndAgo != int64(c.keep) {
				t.Fatalf("after %v: %+v", c.keep, ended)
			}
			r.pass(1)
			if got := r.s.Answer(Query{Kind: QueryLease, Lease: id("a")}); got.Code != LeaseExpired || got.Ended != NotEnded {
				t.Fatalf("remembered too long: %+v", got)
			}
		})
	}
}

func TestForcedReleaseFreesAtTheOldDeadline(t *testing.T) {
	r := newRig(t)
	grant := r.held(r.do(acquire("db", "a", ttl(10*time.Second))))
	r.do(acquire("db", "b", wait))
	r.want(r.do(force("db", grant.Token+5)), StaleToken)
	r.later(4 * time.Second)
	r.do(Command{Op: OpKeepAlive, Renewals: []Renewal{{Lease: id("b")}}})
	r.want(r.do(force("db", grant.Token, because("stuck"))), OK)
	got := r.want(r.do(renew("db", "a")), LeaseExpired)
	if got.Reason != Forced || got.Why != "stuck" {
		t.Fatalf("%+v", got)
	}
	if a := r.s.Answer(Query{Kind: QueryName, Space: Locks, Name: "db", Token: grant.Token}); a.Code != StaleToken {
		t.Fatalf("the token is current: %+v", a)
	}
	r.pass(6*time.Second - 1)
	r.wantHolders("db", "a")
	r.pass(1)
	r.wantHolders("db", "b")
}

func TestForcedReleaseFreesAtTheHoldersOwnRelease(t *testing.T) {
	t.Run("implicit", func(t *testing.T) {
		r := newRig(t)
		grant := r.held(r.do(acquire("db", "a", ttl(24*time.Hour))))
		r.do(force("db", grant.Token))
		r.pass(2 * RememberEnded) // the place outlives the memory of the lease
		r.do(acquire("db", "b", wait))
		r.want(r.do(release("db", "a")), OK)
		r.wantHolders("db", "b")
	})
	t.Run("implicit, said again", func(t *testing.T) {
		r := newRig(t)
		grant := r.held(r.do(acquire("db", "a")))
		r.do(force("db", grant.Token))
		r.want(r.do(release("db", "a")), OK)
		r.held(r.do(acquire("db", "b")))
		r.want(r.do(release("db", "a")), OK)
		r.wantHolders("db", "b")
	})
	t.Run("explicit", func(t *testing.T) {
		r := newRig(t)
		r.do(create("s"))
		grant := r.held(r.do(acquire("db", "s")))
		r.do(force("db", grant.Token, because("stuck")))
		if got := r.want(r.do(renew("db", "s")), NotHolder); got.Reason != Forced || got.Why != "stuck" {
			t.Fatalf("%+v", got)
		}
		r.queued(r.do(acquire("db", "s", wait)), 1)
		r.want(r.do(release("db", "s", token(grant.Token))), OK) // frees the old place, and the queue moves on
		r.wantHolders("db", "s")
		r.want(r.do(release("db", "s", token(grant.Token))), OK) // said again
		r.wantHolders("db", "s")
	})
	t.Run("explicit, beside its own newer grant", func(t *testing.T) {
		r := newRig(t)
		r.do(create("s"))
		old := r.held(r.do(acquire("db", "s", limit(2))))
		r.do(force("db", old.Token))
		r.held(r.do(acquire("db", "s", limit(2))))
		r.want(r.do(release("db", "s", token(old.Token))), OK)
		r.wantHolders("db", "s")
		if h := r.s.Answer(Query{Kind: QueryName, Space: Locks, Name: "db"}).Info.Holders; len(h) != 1 || h[0].Ended != NotEnded {
			t.Fatalf("%+v", h)
		}
	})
	t.Run("not before min_hold", func(t *testing.T) {
		r := newRig(t)
		grant := r.held(r.do(acquire("db", "a", minHold(5*time.Second))))
		r.do(acquire("db", "b", wait))
		r.do(force("db", grant.Token))
		r.want(r.do(release("db", "a")), OK)
		r.pass(5*time.Second - 1)
		r.wantHolders("db", "a")
		r.pass(1)
		r.wantHolders("db", "b")
	})
}

func TestImmediateForcedReleaseFreesAtOnce(t *testing.T) {
	r := newRig(t)
	grant := r.held(r.do(acquire("db", "a", minHold(time.Hour))))
	r.do(acquire("db", "b", wait))
	r.want(r.do(force("db", grant.Token, immediate)), OK)
	r.wantHolders("db", "b")
	t.Run("also after one that was not", func(t *testing.T) {
		r := newRig(t)
		grant := r.held(r.do(acquire("db", "a")))
		r.want(r.do(force("db", grant.Token)), OK)
		r.wantHolders("db", "a")
		r.want(r.do(force("db", grant.Token, immediate)), OK)
		r.wantHolders("db")
		r.want(r.do(force("db", grant.Token)), StaleToken)
	})
}

// TestPlaceStaysTakenUntilMinHoldHoweverItEnds is for cron: two machines' clocks must not make a job run twice.
func TestPlaceStaysTakenUntilMinHoldHoweverItEnds(t *testing.T) {
	for name, end := range map[string]func(*rig, Token){
		"release": func(r *rig, _ Token) { r.want(r.do(release("job", "a")), OK) },
		"expiry":  func(r *rig, _ Token) { r.pass(15 * time.Second) },
		"revoke":  func(r *rig, _ Token) { r.want(r.do(onLease(OpRevokeLease, "a")), OK) },
		"force":   func(r *rig, grant Token) { r.want(r.do(force("job", grant)), OK) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			grant := r.held(r.do(acquire("job", "a", minHold(time.Minute))))
			r.later(time.Second)
			end(r, grant.Token)
			r.wantHolders("job", "a")
			got := r.do(acquire("job", "b"))
			code := MinHold
			if name == "force" {
				code = LockHeld // its former holder may still believe that it holds
			}
			r.want(got, code)
			left := Time(time.Minute).Sub(r.s.Now())
			if got.RetryAfter != left || got.Holders[0].MinHoldUntil != left || got.Holders[0].Ended == NotEnded {
				t.Fatalf("retry after %v of %v: %+v", got.RetryAfter, left, got.Holders[0])
			}
			r.pass(left - 1)
			r.want(r.do(acquire("job", "b")), code)
			r.pass(1)
			r.held(r.do(acquire("job", "b")))
		})
	}
}

func TestGrantGivenBackHasNoMinHold(t *testing.T) {
	r := newRig(t)
	r.do(acquire("job", "a", minHold(time.Hour), attempt(1)))
	r.do(withdraw("job", "a", 1))
	r.held(r.do(acquire("job", "b")))
}

func TestMinHoldDoesNotEndWhatIsAlive(t *testing.T) {
	r := newRig(t)
	r.do(acquire("job", "a", ttl(time.Hour), minHold(time.Second)))
	r.pass(time.Minute)
	r.wantHolders("job", "a")
	r.do(release("job", "a"))
	r.wantHolders("job")
}
