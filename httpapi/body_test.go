package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// slowConn stands in for a connection whose client stops sending.
type slowConn struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (c *slowConn) SetReadDeadline(t time.Time) error {
	c.deadlines = append(c.deadlines, t)
	return nil
}

type stalled struct{ sent io.Reader }

func (s stalled) Read(b []byte) (int, error) {
	if n, err := s.sent.Read(b); err == nil {
		return n, nil
	}
	return 0, os.ErrDeadlineExceeded
}

func TestBodyHasADeadlineThatEndsWithIt(t *testing.T) {
	for name, tc := range map[string]struct {
		body io.Reader
		ok   bool
	}{"arrives": {strings.NewReader("ttl=15s"), true}, "stalls": {stalled{strings.NewReader("ttl")}, false}} {
		w := &slowConn{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest(http.MethodPost, "/v1/locks/a", tc.body)
		r.ContentLength = 7
		body, p := readBody(w, r, nil)
		if (p == nil) != tc.ok || tc.ok && string(body) != "ttl=15s" {
			t.Errorf("%s: %q, %+v", name, body, p)
		}
		if len(w.deadlines) != 2 || time.Until(w.deadlines[0]) > BodyTimeout || w.deadlines[0].IsZero() || !w.deadlines[1].IsZero() {
			t.Errorf("%s: deadlines %v", name, w.deadlines)
		}
		if closes := w.Header().Get("Connection") == "close"; closes == tc.ok {
			t.Errorf("%s: the connection closes: %v", name, closes)
		}
	}
}

func TestBodyMayHaveExactlyItsLimit(t *testing.T) {
	for size, ok := range map[int]bool{MaxBodyBytes: true, MaxBodyBytes + 1: false} {
		for _, length := range []int64{-1, int64(size)} {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("a", size)))
			r.ContentLength = length
			if body, p := readBody(httptest.NewRecorder(), r, nil); (p == nil) != ok || ok && len(body) != size {
				t.Errorf("%d bytes, announced %d: %d, %+v", size, length, len(body), p)
			}
		}
	}
}

// endless counts what is taken of it.
type endless struct{ taken int }

func (e *endless) Read(b []byte) (int, error) {
	e.taken += len(b)
	if e.taken > 100*MaxBodyBytes {
		return 0, io.EOF // or the test would never fail, but only end
	}
	return len(b), nil
}

func TestNoMoreIsReadThanABodyMayHave(t *testing.T) {
	e := &endless{}
	r := httptest.NewRequest(http.MethodPost, "/", e)
	r.ContentLength = -1
	if _, p := readBody(httptest.NewRecorder(), r, nil); p == nil || p.code != BodyTooLarge {
		t.Errorf("%+v", p)
	}
	if e.taken > 2*MaxBodyBytes {
		t.Errorf("%d bytes were read", e.taken)
	}
}
