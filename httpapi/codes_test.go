package httpapi

import (
	"slices"
	"testing"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

func allCodes() []lease.Code {
	return slices.Concat(lease.Codes(), raftnode.Codes(), ownCodes)
}

func TestEveryCodeHasAStatusOfThePage(t *testing.T) {
	page := map[int][]lease.Code{
		401: {Unauthenticated},
		403: {Forbidden, HostNotAllowed, CrossOrigin},
		404: {NotFound, NoSuchMember},
		405: {MethodNotAllowed},
		409: {lease.NotHolder, lease.TokenRequired, NotAMember, LastVoter, NoMajorityLeft},
		410: {lease.LeaseExpired},
		412: {lease.StaleToken},
		413: {BodyTooLarge},
		415: {UnsupportedMediaType},
		422: {lease.LeaseMismatch},
		423: {lease.LockHeld, lease.WaitTimeout, lease.MinHold},
		429: {lease.TooManyWaiters, lease.TooManyLeases, raftnode.Overloaded, TooManyStreams},
		500: {Internal},
		503: {raftnode.NoLeader, raftnode.NoQuorum, raftnode.NotReady, raftnode.Draining, raftnode.StorageFailed,
			lease.UnknownSession, lease.StaleCommand, lease.NotBootstrapped, NotLeading},
		504: {raftnode.OutcomeUnknown},
	}
	for _, code := range allCodes() {
		c, ok := classes[code]
		if code == lease.OK {
			if ok {
				t.Error("success is in the table of errors")
			}
			continue
		}
		if !ok {
			t.Errorf("%s has no status", code)
			continue
		}
		want := 400
		for status, codes := range page {
			if slices.Contains(codes, code) {
				want = status
			}
		}
		if c.status != want {
			t.Errorf("%s is %d, want %d", code, c.status, want)
		}
		if c.title == "" {
			t.Errorf("%s has no title", code)
		}
		if retryable := c.status == 423 || c.status == 429 || c.status > 500; c.retryable != retryable {
			t.Errorf("%s: retryable is %v", code, c.retryable)
		}
		if c.status != 400 && c.advice == "" {
			t.Errorf("%s does not say what to do", code)
		}
	}
	if len(classes) != len(allCodes())-1 {
		t.Errorf("the table has %d codes, there are %d", len(classes), len(allCodes())-1)
	}
}

func TestCodesForMetricsAreAClosedSet(t *testing.T) {
	labels := Codes()
	for _, code := range allCodes() {
		if !slices.Contains(labels, label(code)) {
			t.Errorf("%q is missing", label(code))
		}
	}
	slices.Sort(labels)
	if n := len(slices.Compact(slices.Clone(labels))); n != len(labels) {
		t.Errorf("%d labels, %d of them different", len(labels), n)
	}
	if slices.Contains(labels, "") {
		t.Error("an empty label")
	}
}
