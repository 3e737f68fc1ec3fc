package lease

import (
	"strings"
	"testing"
	"time"
)

func TestNameIsDescribedWithHoldersAndQueue(t *testing.T) {
	r := newRig(t)
	free := r.s.Answer(Query{Kind: QueryName, Space: Locks, Name: "db"})
	if free.Code != OK || len(free.Info.Holders) != 0 || free.Info.Index != 0 {
		t.Fatalf("%+v", free.Info) // a name nobody uses is free, not unknown
	}
	grant := r.do(acquire("db", "a", limit(2), metadata(Pair{"k", "v"})))
	r.do(acquire("db", "b", shared))
	r.later(2 * time.Second)
	r.do(acquire("db", "c", wait))
	r.later(time.Second)
	r.do(renew("db", "a"))
	got := r.s.Answer(Query{Kind: QueryName, Space: Locks, Name: "db", Token: grant.Token})
	in := got.Info
	if got.Code != OK || in.Limit != 2 || in.HolderCount != 2 || in.QueueLength != 1 || in.Index != 5 {
		t.Fatalf("%+v", in)
	}
	h := in.Holders[0]
	if h.Owner != "a" || h.Held != 3*time.Second || h.ExpiresIn != 15*time.Second || h.LastRenewed != 0 ||
		h.Via != "n1" || h.Metadata[0].Value != "v" || h.GrantedWall == 0 {
		t.Fatalf("%+v", h)
	}
	if w := in.Queue[0]; w.Owner != "c" || w.Waiting != time.Second || w.Limit != 1 || w.Via != "n1" {
		t.Fatalf("%+v", w)
	}
	if r.s.Answer(Query{Kind: QueryName, Space: Locks, Name: "db", Token: grant.Token + 9}).Code != StaleToken {
		t.Fatal("a token of nobody is current")
	}
}

func TestNamesAreListedInOrderAndInPages(t *testing.T) {
	r := newRig(t)
	for _, n := range []string{"web:2", "a", "web:1", "z", "web:3", "web"} {
		r.do(acquire(n, strings.ReplaceAll(n, ":", "-")))
	}
	for _, c := range []struct {
		prefix, after string
		limit         int
		want, next    string
	}{
		{"", "", 10, "a web web:1 web:2 web:3 z", ""},
		{"", "", 2, "a web", "web"},
		{"", "web", 2, "web:1 web:2", "web:2"},
		{"web:", "", 10, "web:1 web:2 web:3", ""},
		{"web:", "web:2", 1, "web:3", ""},
		{"web:", "a", 1, "web:1", "web:1"},
		{"web:", "z", 10, "", ""},
		{"nothing", "", 10, "", ""},
	} {
		got := r.s.Answer(Query{Kind: QueryNames, Space: Locks, Prefix: c.prefix, After: c.after, Limit: c.limit})
		var names []string
		for _, in := range got.Infos {
			names = append(names, in.Name)
		}
		if strings.Join(names, " ") != c.want || got.Next != c.next {
			t.Errorf("%+v: %v, next %q", c, names, got.Next)
		}
	}
}

func TestImpossibleQuestionsAreRefused(t *testing.T) {
	s := New()
	for _, q := range []Query{{}, {Kind: QueryName}, {Kind: QueryName, Space: Locks}, {Kind: QueryNames, Space: Locks},
		{Kind: QueryNames, Limit: 5}, {Kind: QueryNames, Space: Locks, Limit: MaxListLimit + 1}, {Kind: QueryLease}, {Kind: 77}} {
		if s.Answer(q).Code == OK {
			t.Errorf("%+v is answered", q)
		}
	}
}

func TestPlaceOfTellsWhereALeaseStands(t *testing.T) {
	r := newRig(t)
	r.do(acquire("db", "a"))
	r.do(acquire("db", "b", wait))
	for _, c := range []struct {
		name, lease string
		want        Standing
		alive       bool
	}{{"db", "a", Holding, true}, {"db", "b", Waiting, true}, {"web", "b", Absent, true}, {"db", "c", Absent, false}} {
		if got, alive := r.s.PlaceOf(Locks, c.name, id(c.lease)); got != c.want || alive != c.alive {
			t.Errorf("%s at %s: %v, alive %v", c.lease, c.name, got, alive)
		}
	}
}

func TestLeaseIsDescribedWithItsPlaces(t *testing.T) {
	r := newRig(t)
	r.do(create("s", metadata(Pair{"pod", "x"})))
	r.do(acquire("db", "s"))
	got := r.s.Answer(Query{Kind: QueryLease, Lease: id("s")})
	if got.Code != OK || !got.Lease.Explicit || got.Lease.Metadata[0].Value != "x" || len(got.Lease.Places) != 1 || got.Lease.Places[0].Token == 0 {
		t.Fatalf("%+v", got.Lease)
	}
}
