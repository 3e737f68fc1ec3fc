package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/httpapi"
)

// hot is one request that can be served again and again without allocating itself.
type hot struct {
	header http.Header
	r      *http.Request
	body   *strings.Reader
	text   string
}

func newHot(method, target, body string) *hot {
	h := &hot{header: http.Header{}, r: formRequest(method, target, body), text: body, body: strings.NewReader(body)}
	h.r.Body = readCloser{h.body}
	return h
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func (h *hot) Header() http.Header         { return h.header }
func (h *hot) Write(b []byte) (int, error) { return len(b), nil }
func (h *hot) WriteHeader(int)             {}

func (h *hot) serve(handler http.Handler) {
	clear(h.header)
	h.body.Reset(h.text)
	handler.ServeHTTP(h, h.r)
}

func hotCalls() map[string]*hot {
	return map[string]*hot{
		"acquire": newHot("POST", "/v1/locks/deploy", "ttl=15s&owner=web-0"),
		"renew":   newHot("PUT", "/v1/locks/deploy", "lease="+chosen),
		"get":     newHot("GET", "/v1/locks/deploy", ""),
		"JSON":    jsonHot(newHot("PUT", "/v1/locks/deploy", `{"lease":"`+chosen+`"}`)),
	}
}

func jsonHot(h *hot) *hot {
	h.r.Header.Set("Content-Type", "application/json")
	return h
}

// Counts of allocations do not depend on the machine; times are for the benchmark below.
func TestHotCallsAllocateLittle(t *testing.T) {
	handler := httpapi.New(httpapi.Config{Node: &quietNode{newFakeNode()}}).Handler()
	for name, h := range hotCalls() {
		const most = 20 // 12 and fewer, but the race detector makes pools forgetful
		if n := testing.AllocsPerRun(200, func() { h.serve(handler) }); n > most {
			t.Errorf("%s: %v allocations, at most %d", name, n, most)
		} else {
			t.Logf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkHandler(b *testing.B) {
	handler := httpapi.New(httpapi.Config{Node: &quietNode{newFakeNode()}}).Handler()
	for name, h := range hotCalls() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.serve(handler)
			}
		})
	}
}

var _ http.ResponseWriter = (*hot)(nil)
