package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAddressesAreChecked(t *testing.T) {
	for base, want := range map[string]string{
		"http://localhost:5625": "http://localhost:5625", "http://127.0.0.1:1/": "http://127.0.0.1:1", "https://[::1]:1/behind/": "https://[::1]:1/behind",
		"unix:///run/sidelock.sock": "http://localhost",
	} {
		c, err := New(base)
		if err != nil || c.base != want {
			t.Errorf("%s: %v, %v", base, c, err)
		}
	}
	for _, base := range []string{"localhost:5625", "/run/x.sock", "unix://run/x.sock", "unix:run/x.sock", "ftp://x", "http://", "http://a:b@x", "http://x?q=1", "http://x#f", "http://[::1", "\x00"} {
		if c, err := New(base); err == nil {
			t.Errorf("%q: accepted as %s", base, c.base)
		}
	}
}

// TestSecretInAnAddressIsNotRepeated: errors end up in logs.
func TestSecretInAnAddressIsNotRepeated(t *testing.T) {
	const key = "s3cr3t"
	for _, base := range []string{
		"https://user:s3cr3t@host", "https://s3cr3t@host:1", "https://host/?key=s3cr3t", "https://host?s3cr3t", "https://host/#s3cr3t",
		"user:s3cr3t@host:1", "https://user:s3cr3t", "https://user:s3cr3t%zz@host", "https://user:s3cr3t@ho st", "\x00https://host?key=s3cr3t",
	} {
		_, err := New(base)
		if text := fmt.Sprint(err); err == nil || strings.Contains(text, key) {
			t.Errorf("%q: %s", base, text)
		}
	}
	if _, err := New("ftp://host:21/there"); err == nil || !strings.Contains(err.Error(), "ftp://host:21/there") {
		t.Errorf("what is no secret helps: %v", err)
	}
}

func TestNoProxyForThisMachine(t *testing.T) {
	for host, want := range map[string]bool{"localhost": false, "127.0.0.1": false, "127.8.9.1": false, "::1": false, "::ffff:127.0.0.1": false, "10.0.0.1": true, "sidelock.example": true} {
		if got := newTransport(host, "", nil).Proxy != nil; got != want {
			t.Errorf("%s: a proxy may be used: %v", host, got)
		}
	}
	if newTransport("localhost", "/run/x.sock", nil).Proxy != nil {
		t.Error("a proxy may be used for a socket")
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	hosts := make(chan string, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts <- r.Host
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, aLock)
	})}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	c, err := New("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdleConnections()
	if l, err := c.GetLock(t.Context(), "nightly"); err != nil || l.Name != "nightly" {
		t.Errorf("%v %v", l, err)
	}
	if h := <-hosts; h != "localhost" {
		t.Errorf("the host is called %s", h)
	}
}

// What waiting does not mend is said at once.
func TestSocketThatMayNotBeOpenedIsAnErrorAtOnce(t *testing.T) {
	denied := &unreachable{"x", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", os.ErrPermission)}}
	if temporary(denied) || !errors.Is(denied, ErrUnavailable) {
		t.Error("a refused permission is worth another try")
	}
}

func TestErrorsMatchWhatProgramsBranchOn(t *testing.T) {
	all := []error{ErrHeld, ErrLost, ErrStaleToken, ErrUnavailable, ErrOutcomeUnknown, ErrTooMany, ErrForbidden, ErrInvalid, ErrNotSidelock, ErrReleased}
	for _, tc := range []struct {
		err  error
		want []error
	}{
		{&Error{Status: 423, Code: "lock_held"}, []error{ErrHeld}},
		{&Error{Status: 423, Code: "wait_timeout"}, []error{ErrHeld}},
		{&Error{Status: 423, Code: "min_hold"}, []error{ErrHeld}},
		{&Error{Status: 409, Code: "not_holder"}, []error{ErrLost}},
		{&Error{Status: 409, Code: "token_required"}, nil},
		{&Error{Status: 410, Code: "lease_expired"}, []error{ErrLost}},
		{&Error{Status: 412, Code: "stale_token"}, []error{ErrStaleToken}},
		{&Error{Status: 429, Code: "overloaded"}, []error{ErrTooMany}},
		{&Error{Status: 503, Code: "no_quorum"}, []error{ErrUnavailable}},
		{&Error{Status: 504, Code: "outcome_unknown"}, []error{ErrUnavailable, ErrOutcomeUnknown}},
		{&Error{Status: 403, Code: "forbidden"}, []error{ErrForbidden}},
		{&Error{Status: 401, Code: "unauthenticated"}, []error{ErrForbidden}},
		{&Error{Status: 422, Code: "lease_mismatch"}, []error{ErrInvalid}},
		{&Error{Status: 404, Code: "not_found"}, []error{ErrInvalid}},
		{&Error{Status: 500, Code: "internal"}, nil},
		{&Error{Status: 502}, []error{ErrUnavailable, ErrNotSidelock}},
		{&LostError{Reason: Forced}, []error{ErrLost}},
		{&unreachable{"x", net.ErrClosed}, []error{ErrUnavailable}},
		{&ended{call: "x", cause: net.ErrClosed, last: &unreachable{"x", net.ErrClosed}}, []error{ErrUnavailable}},
		{&strange{"x", "y"}, []error{ErrNotSidelock}},
		{ErrReleased, []error{ErrReleased}},
	} {
		for _, e := range all {
			want := false
			for _, w := range tc.want {
				want = want || w == e
			}
			if got := errors.Is(fmt.Errorf("wrapped: %w", tc.err), e); got != want {
				t.Errorf("%#v is %v: %v", tc.err, e, got)
			}
		}
	}
}

func TestErrorTextsSayWhatAPersonNeeds(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{&Error{Status: 423, Code: "lock_held", Title: "Lock is held", Detail: "give wait=30s", call: "acquire lock nightly",
			Holders: []Holder{{Owner: "web-1", HeldFor: 8 * time.Second}, {}, {}}}, "sidelock: acquire lock nightly: Lock is held (lock_held): by web-1 for 8s, and 2 more"},
		{&Error{Status: 410, Code: "lease_expired", Title: "Lease has ended", Detail: "d", call: "renew lock nightly", Reason: Forced, EndedAgo: 3 * time.Second, Why: "stuck"},
			"sidelock: renew lock nightly: Lease has ended (lease_expired): forced 3s ago: stuck"},
		{&Error{Status: 503, Code: "no_leader", Title: "No Raft leader", Detail: "nothing happened", call: "x"}, "sidelock: x: No Raft leader (no_leader): nothing happened"},
		{&LostError{Kind: KindLock, Name: "nightly", Token: 7, Reason: Forced, Why: "stuck"}, "sidelock: lock nightly (token 7) is lost: forced: stuck"},
		{&LostError{Kind: KindElection, Name: "boss", Token: 7, Reason: Expired}, "sidelock: election boss (token 7) is lost: expired"},
	} {
		if got := tc.err.Error(); got != tc.want {
			t.Errorf("\n got %s\nwant %s", got, tc.want)
		}
	}
	for err, want := range map[error]string{
		errTooSlow:                               "takes connections and does not answer",
		os.ErrDeadlineExceeded:                   "takes connections and does not answer",
		io.EOF:                                   "the sidecar ended the connection",
		&net.OpError{Op: "dial", Err: io.EOF}:    "is it running?",
		os.NewSyscallError("connect", io.EOF):    "the sidecar ended the connection",
		&net.DNSError{Err: "x", IsTimeout: true}: "is it running?",
	} {
		if text := (&unreachable{"x", err}).Error(); !strings.Contains(text, want) || strings.Count(text, "is it running?") != strings.Count(want, "is it running?") {
			t.Errorf("%v: %s", err, text)
		}
	}
	c, err := New("http://127.0.0.1:1", WithRetryFor(0))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.TryLock(t.Context(), "nightly", LockOptions{})
	if text := fmt.Sprint(err); !strings.Contains(text, "is it running?") || strings.Count(text, "127.0.0.1") != 1 {
		t.Errorf("without a sidecar: %s", text)
	}
}

func TestLeaseIDsAreFit(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewLeaseID()
		if !leaseRule.MatchString(id) || strings.HasPrefix(id, "sl_") || seen[id] {
			t.Fatalf("%s", id)
		}
		seen[id] = true
	}
}

func TestPausesGrowAndAreBounded(t *testing.T) {
	for failures := 1; failures < 100; failures++ {
		d := pause(failures, nil)
		full := min(longestPause, firstPause<<min(failures-1, 10))
		if d < full/2 || d > full {
			t.Errorf("after %d failures %s", failures, d)
		}
	}
	if d := pause(1, &Error{RetryAfter: time.Hour}); d < longestAsked || d > longestAsked+longestAsked/4 {
		t.Errorf("asked for an hour: %s", d)
	}
}

func TestHeartBeatsOftenEnoughForTheTTL(t *testing.T) {
	for ttl, want := range map[time.Duration]time.Duration{time.Second: 50 * time.Millisecond, 5 * time.Second: 250 * time.Millisecond, time.Hour: 250 * time.Millisecond, 1: shortestHeartbeat} {
		if got := heartbeat(ttl); got != want {
			t.Errorf("%s: %s", ttl, got)
		}
	}
}

func TestOnlyRegularBeatsMakeCertain(t *testing.T) {
	start := now()
	at := func(ms int) instant {
		d := time.Duration(ms) * time.Millisecond
		return instant{start.mono.Add(d), start.wall.Add(d)}
	}
	b := beats{certain: start, last: start}
	for _, tc := range []struct{ beat, certain int }{
		{100, 0}, {200, 100}, {300, 200},
		{5300, 200},                // stopped for 5 s
		{5301, 200},                // the ticker makes up for lost time
		{9301, 200},                // stopped again at once
		{9401, 9301},               // ran all the time in between
		{9550, 9401}, {9601, 9550}, // a little irregular
		{9850, 9550}, // stopped for a little more than a beat
		{9950, 9850},
	} {
		b.beat(at(tc.beat), 100*time.Millisecond)
		if b.arrived(start) != at(tc.certain) {
			t.Errorf("after the beat at %d it is certain since %s, want %d", tc.beat, b.arrived(start).mono.Sub(start.mono), tc.certain)
		}
	}
	if b.arrived(at(9900)) != at(9900) {
		t.Error("an answer came before its request")
	}
}
