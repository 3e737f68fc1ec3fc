package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"
)

var someTime = time.Date(2025, 11, 22, 21, 0, 0, 42_000_000, time.UTC)

const someHolder = `"owner":"web-1","token":41,"expires_in_ms":9100,"metadata":{"build":"7"},"granted_at":"2025-11-22T21:00:00.042Z","last_renewed_ago_ms":3100,"via_node":"n1","ended":"released","min_hold_left_ms":5`

// read runs f while the sidecar gives one answer.
func read[T any](s *sidecar, what, answer string, f func() (T, error), header ...string) (T, *call) {
	s.t.Helper()
	done := make(chan struct{})
	var got T
	var err error
	go func() { defer close(done); got, err = f() }()
	c := s.next(what)
	c.answer(200, answer, header...)
	<-done
	if err != nil {
		s.t.Fatal(err)
	}
	return got, c
}

func wantEqual(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestLockStateHasAllThatTheAnswerHas(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		got, c := read(s, "GET /v1/locks/deploy", `{"name":"deploy","state":"held","limit":null,"holders":[{"limit":3,"held_for_ms":8200,`+someHolder+`}],
			"queue":[{"owner":"web-2","limit":null,"waiting_for_ms":1200},{"owner":"web-3","limit":1,"waiting_for_ms":1}],"index":913}`,
			func() (*LockState, error) { return s.client().Local().GetLock(background, "deploy") }, "Sidelock-Staleness-Ms", "12")
		if c.query.Get("consistency") != "local" {
			t.Errorf("asked with %v", c.query)
		}
		wantEqual(t, got, &LockState{
			Name: "deploy", Held: true, Index: 913, HolderCount: 1, QueueLength: 2, Staleness: 12 * time.Millisecond,
			Holders: []Holder{{Owner: "web-1", Token: 41, Limit: 3, HeldFor: 8200 * time.Millisecond, ExpiresIn: 9100 * time.Millisecond,
				Metadata: map[string]string{"build": "7"}, GrantedAt: someTime, LastRenewedAgo: 3100 * time.Millisecond, ViaNode: "n1",
				Ended: Released, MinHoldLeft: 5 * time.Millisecond}},
			Queue: []Waiter{{Owner: "web-2", WaitingFor: 1200 * time.Millisecond}, {Owner: "web-3", Limit: 1, WaitingFor: time.Millisecond}},
		})
	})
}

func TestElectionHasAllThatTheAnswerHas(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		got, c := read(s, "GET /v1/elections/boss", `{"name":"boss","leader":{"value":"v","leading_for_ms":8200,`+someHolder+`},
			"candidates":[{"owner":"web-2","value":"w","waiting_for_ms":7,"metadata":{"a":"b"},"via_node":"n2"}],"index":913}`,
			func() (*Election, error) { return s.client().GetElection(background, "boss") })
		if len(c.query) != 0 {
			t.Errorf("asked with %v", c.query)
		}
		wantEqual(t, got, &Election{
			Name: "boss", Index: 913, CandidateCount: 1,
			Leader: &Leader{Owner: "web-1", Value: "v", Token: 41, LeadingFor: 8200 * time.Millisecond, ExpiresIn: 9100 * time.Millisecond,
				Metadata: map[string]string{"build": "7"}, GrantedAt: someTime, LastRenewedAgo: 3100 * time.Millisecond, ViaNode: "n1",
				Ended: Released, MinHoldLeft: 5 * time.Millisecond},
			Candidates: []Candidate{{Owner: "web-2", Value: "w", WaitingFor: 7 * time.Millisecond, Metadata: map[string]string{"a": "b"}, ViaNode: "n2"}},
		})
	})
}

func TestHistoryHasAllThatTheAnswerHas(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		const past = `{"event":"forced","owner":"a","token":17,"at":"2025-11-22T21:00:00.042Z","ago_ms":1,"via_node":"n1","held_ms":2,"last_renewed_ago_ms":3,"why":"stuck"}`
		got, _ := read(s, "GET /v1/elections/boss/history", `{"name":"boss","events":[`+past+`,{"event":"granted","token":null}],"notable":[`+past+`],"index":5}`,
			func() (*History, error) { return s.client().History(background, KindElection, "boss") })
		want := PastEvent{Type: "forced", Owner: "a", Token: 17, At: someTime, Ago: time.Millisecond, ViaNode: "n1",
			HeldFor: 2 * time.Millisecond, LastRenewedAgo: 3 * time.Millisecond, Why: "stuck"}
		wantEqual(t, got, &History{Name: "boss", Index: 5, Events: []PastEvent{want, {Type: "granted"}}, Notable: []PastEvent{want}})
		if _, err := s.client().History(background, "lease", "boss"); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v", err)
		}
	})
}

func TestClusterHasAllThatTheAnswerHas(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		got, _ := read(s, "GET /v1/cluster", `{"id":"c-1","node":{"name":"n2","id":"id-2","role":"agent","version":"2"},"members":[{"name":"n1","id":"id-1","address":"a:1","role":"voter","zone":"z","healthy":true,"last_contact_ms":4,"version":"1"},
			{"name":"n2","id":"id-2","address":null,"role":"agent","zone":null,"healthy":false,"last_contact_ms":null,"version":null}],
			"raft_leader":{"name":"n1","id":"id-1","address":"a:1"},"term":3,"commit_index":913,"applied_index":912,"failure_tolerance":-1}`,
			func() (*Cluster, error) { return s.client().Local().Cluster(background) })
		n1 := MemberRef{"n1", "id-1", "a:1"}
		wantEqual(t, got, &Cluster{ID: "c-1", Node: Self{Name: "n2", ID: "id-2", Role: "agent", Version: "2"}, RaftLeader: &n1, Term: 3, CommitIndex: 913, AppliedIndex: 912, FailureTolerance: -1, Members: []Member{
			{MemberRef: n1, Role: "voter", Zone: "z", Healthy: true, LastContact: 4 * time.Millisecond, Version: "1"},
			{MemberRef: MemberRef{Name: "n2", ID: "id-2"}, Role: "agent", LastContact: -1},
		}})
	})
}

func TestListsGoThroughAllPages(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		names := make(chan string)
		go func() {
			defer close(names)
			for l, err := range s.client().Local().Locks(background, ListOptions{Prefix: "a", After: "a0"}) {
				if err != nil {
					names <- err.Error()
				} else {
					names <- fmt.Sprint(l.Name, l.HolderCount, l.QueueLength, l.Staleness)
				}
			}
		}()
		entry := func(name string) string {
			return `{"name":"` + name + `","state":"held","limit":1,"holders":[],"holder_count":20,"queue_length":30,"index":1}`
		}
		c := s.next("GET /v1/locks")
		if q := c.query; q.Get("prefix") != "a" || q.Get("after") != "a0" || q.Get("consistency") != "local" {
			t.Errorf("asked with %v", q)
		}
		c.answer(200, `{"locks":[`+entry("a1")+`,`+entry("a2")+`],"next":"a2"}`, "Sidelock-Staleness-Ms", "3")
		for _, want := range []string{"a120 30 3ms", "a220 30 3ms"} {
			if got := <-names; got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		c = s.next("GET /v1/locks")
		if c.query.Get("after") != "a2" {
			t.Errorf("then asked with %v", c.query)
		}
		c.answer(200, `{"locks":[],"next":null}`)
		for got := range names {
			t.Errorf("%s", got)
		}
	})
}

func TestListEndsWithAnError(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		done := make(chan int)
		go func() {
			n := 0
			for _, err := range s.client().Elections(background, ListOptions{}) {
				if errors.Is(err, ErrForbidden) {
					n++
				}
			}
			done <- n
		}()
		s.next("GET /v1/elections").refuse(403, "forbidden")
		if n := <-done; n != 1 {
			t.Errorf("%d errors", n)
		}
	})
}

func TestTokenIsCurrentOrStale(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		c, done := s.client(), make(chan error)
		go func() { done <- c.CheckToken(background, "nightly", 41) }()
		call := s.next("GET /v1/locks/nightly")
		if call.query.Get("token") != "41" {
			t.Errorf("asked with %v", call.query)
		}
		call.answer(200, aLock)
		if err := <-done; err != nil {
			t.Error(err)
		}
		go func() { done <- c.CheckToken(background, "nightly", 41) }()
		s.next("GET /v1/locks/nightly").refuse(412, "stale_token", `"holders":[]`)
		if err := <-done; !errors.Is(err, ErrStaleToken) {
			t.Errorf("%v", err)
		}
	})
}

func TestForcedReleaseNamesItsGrant(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		got, c := read(s, "DELETE /v1/locks/nightly", `{"name":"nightly","state":"forced","owner":"web-0","token":17,"free_in_ms":8000}`,
			func() (*ForcedRelease, error) {
				return s.client().ForceRelease(background, KindLock, "nightly", 17, "stuck since noon", true)
			})
		if q := c.query; q.Get("token") != "17" || q.Get("reason") != "stuck since noon" || q.Get("immediate") != "true" || c.lease != "" {
			t.Errorf("asked with %v", q)
		}
		wantEqual(t, got, &ForcedRelease{Name: "nightly", Owner: "web-0", Token: 17, FreeIn: 8 * time.Second})
	})
}

func TestGetReturnsTheAnswerAsItCame(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		got, _ := read(s, "GET /v1/leases/x", `{"a": 1}`, func() (json.RawMessage, error) {
			return s.client().Get(background, "/v1/leases/x", nil)
		})
		if string(got) != "{\"a\": 1}" {
			t.Errorf("%s", got)
		}
		for _, path := range []string{"v1", "/v1?x", "/v1#x", ""} {
			if _, err := s.client().Get(background, path, nil); !errors.Is(err, ErrInvalid) {
				t.Errorf("%q: %v", path, err)
			}
		}
	})
}

func TestAnswersThatLackWhatIsReliedOnAreNone(t *testing.T) {
	for _, answer := range []string{`{}`, `null`, `[]`, `{"name":"nightly"}`, `{"index":7}`, `{"name":"nightly","index":-1}`, `{"name":"nightly","index":7,"holders":[{"held_for_ms":-5}]}`, `{"name":"nightly","index":7} x`, ``} {
		in(t, func(t *testing.T, s *sidecar) {
			done := make(chan error, 1)
			go func() { _, err := s.client().GetLock(background, "nightly"); done <- err }()
			s.next("GET /v1/locks/nightly").answer(200, answer)
			if err := <-done; !errors.Is(err, ErrNotSidelock) {
				t.Errorf("%s: %v", answer, err)
			}
			s.quiet()
		})
	}
}

func TestGrantsThatLackWhatIsReliedOnAreNone(t *testing.T) {
	for _, answer := range []string{
		`{"state":"held","token":7,"ttl_ms":15000,"valid_for_ms":1}`, `{"state":"held","lease":"l","ttl_ms":15000,"valid_for_ms":1}`,
		`{"state":"held","lease":"l","token":0,"ttl_ms":15000,"valid_for_ms":1}`, `{"state":"held","lease":"l","token":7,"valid_for_ms":1}`,
		`{"state":"held","lease":"l","token":7,"ttl_ms":15000}`, `{"state":"held","lease":"l","token":7,"ttl_ms":15000,"valid_for_ms":15001}`,
		`{"state":"held","lease":"l","token":7,"ttl_ms":15000,"valid_for_ms":-1}`, `{"state":"held","lease":"l","token":7.5,"ttl_ms":15000,"valid_for_ms":1}`,
	} {
		in(t, func(t *testing.T, s *sidecar) {
			a := s.try(s.client(), LockOptions{})
			s.next("POST /v1/locks/nightly").answer(201, answer)
			if _, err := a.result(t); !errors.Is(err, ErrNotSidelock) {
				t.Errorf("%s: %v", answer, err)
			}
			s.quiet()
		})
	}
}

func TestAnswerOfAnotherTypeIsNone(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		done := make(chan error, 1)
		go func() { _, err := s.client().GetLock(background, "nightly"); done <- err }()
		s.next("GET /v1/locks/nightly").answer(200, aLock, "Content-Type", "text/html")
		if err := <-done; !errors.Is(err, ErrNotSidelock) {
			t.Errorf("%v", err)
		}
	})
}

func TestListThatGoesInCirclesEnds(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, err := range s.client().Locks(background, ListOptions{}) {
				if err != nil {
					t.Error(err)
				}
			}
		}()
		s.next("GET /v1/locks").answer(200, `{"locks":[],"next":"b"}`)
		s.next("GET /v1/locks").answer(200, `{"locks":[],"next":"b"}`)
		<-done
		s.quiet()
	})
}
