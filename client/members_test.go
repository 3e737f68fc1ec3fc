package client

import (
	"errors"
	"testing"
)

func TestRemovalOfAMemberIsTriedAgainAndDoneOnce(t *testing.T) {
	in(t, func(t *testing.T, s *sidecar) {
		type result struct {
			removed *Removed
			err     error
		}
		done := make(chan result, 1)
		remove := func(id string) {
			go func() {
				removed, err := s.client().RemoveMember(background, id)
				done <- result{removed, err}
			}()
		}
		const path = "DELETE /v1/cluster/members/n_abc"
		remove("n_abc")
		s.next(path).answer(200, `{"state":"removed","name":"n3","id":"n_abc","address":"c:1","role":"voter","healthy":true}`)
		got := <-done
		wantEqual(t, got.removed, &Removed{MemberRef: MemberRef{"n3", "n_abc", "c:1"}, Role: "voter", Healthy: true})

		remove("n_abc")
		s.next(path).refuse(504, "outcome_unknown")
		s.next(path).refuse(404, "no_such_member")
		if got = <-done; got.err != nil {
			t.Errorf("removed by a try that was not answered, and yet: %v", got.err)
		}
		wantEqual(t, got.removed, &Removed{MemberRef: MemberRef{ID: "n_abc"}})

		for status, code := range map[int]string{404: "no_such_member", 409: "no_majority_left", 403: "forbidden"} {
			remove("n_abc")
			s.next(path).refuse(status, code)
			var refused *Error
			if got = <-done; !errors.As(got.err, &refused) || refused.Code != code {
				t.Errorf("%v", got.err)
			}
		}
		remove("../locks/nightly")
		if got = <-done; !errors.Is(got.err, ErrInvalid) {
			t.Errorf("%v", got.err)
		}
		s.quiet()
	})
}
