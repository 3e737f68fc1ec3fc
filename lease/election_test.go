package lease

import (
	"testing"
	"time"
)

func leader(r *rig, name string) Holder {
	r.t.Helper()
	info := r.s.Answer(Query{Kind: QueryName, Space: Elections, Name: name}).Info
	if len(info.Holders) != 1 {
		r.t.Fatalf("%d leaders", len(info.Holders))
	}
	return info.Holders[0]
}

// TestElectionHasOneLeaderPerTokenAndTokensRise is property P13.
func TestElectionHasOneLeaderPerTokenAndTokensRise(t *testing.T) {
	r := newRig(t)
	r.held(r.do(campaign("sched", "a", value("a:80"))))
	r.queued(r.do(campaign("sched", "b", value("b:80"))), 1)
	first := leader(r, "sched")
	r.want(r.do(release("sched", "a", election)), OK) // resigns
	second := leader(r, "sched")
	if second.Value != "b:80" || second.Token <= first.Token {
		t.Fatalf("%+v after %+v", second, first)
	}
	r.want(r.do(campaign("sched", "c", shared)), InvalidLimit) // never two
}

func TestStandbyKeepsItsFullTTLAndRenewsInLine(t *testing.T) {
	r := newRig(t)
	r.do(campaign("sched", "a", ttl(time.Minute)))
	if got := r.queued(r.do(campaign("sched", "b", ttl(time.Minute))), 1); got.Remaining != time.Minute {
		t.Fatalf("stands by with %v", got.Remaining)
	}
	r.later(30 * time.Second)
	if got := r.queued(r.do(renew("sched", "b", election)), 1); got.Remaining != time.Minute {
		t.Fatalf("renewed to %v", got.Remaining)
	}
	r.pass(30 * time.Second)
	if leader(r, "sched").Owner != "b" {
		t.Fatal("the standby does not follow")
	}
	r.do(acquire("lock", "x"))
	r.do(acquire("lock", "y", wait))
	r.want(r.do(renew("lock", "y")), NotHolder) // a lock's waiter has nothing to renew
}

func TestValueChangesByRenewalAndFollowsItsCandidate(t *testing.T) {
	r := newRig(t)
	r.do(campaign("sched", "a", value("old")))
	before := r.s.Answer(Query{Kind: QueryName, Space: Elections, Name: "sched"}).Info.Index
	r.do(renew("sched", "a", election))
	if now := r.s.Answer(Query{Kind: QueryName, Space: Elections, Name: "sched"}).Info; now.Index != before {
		t.Fatal("a plain renewal counts as a change")
	}
	r.do(renew("sched", "a", election, value("new")))
	info := r.s.Answer(Query{Kind: QueryName, Space: Elections, Name: "sched"}).Info
	if info.Holders[0].Value != "new" || info.Index != r.index || len(r.events) != 1 || r.events[0].Kind != EventValueChanged {
		t.Fatalf("%+v, events %+v", info, r.events)
	}
	r.do(campaign("sched", "b", value("standby")))
	r.do(renew("sched", "b", election, value("standby2")))
	r.want(r.do(renew("sched", "b", election)), OK)
	r.do(release("sched", "a", election))
	if got := leader(r, "sched").Value; got != "standby2" {
		t.Fatalf("value %q", got)
	}
	r.do(renew("sched", "b", election, value("")))
	if got := leader(r, "sched").Value; got != "" {
		t.Fatalf("value %q", got)
	}
}
