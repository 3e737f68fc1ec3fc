package cli

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeSidecar answers as much of the API as a test tells it to.
type fakeSidecar struct {
	*httptest.Server
	streams chan *fakeStream // hold streams, as they are opened
	deletes chan fakeDelete  // releases, before they are answered

	mu      sync.Mutex
	answers map[string]fakeAnswer // by "GET /v1/locks/nightly", with or without a query
	asked   []string              // with the query
	first   map[string]early      // answers before those
}

// early is what is answered so many times, before anything else.
type early struct {
	left int
	body string
}

type fakeAnswer struct {
	status int
	body   string
}

type fakeDelete struct {
	path, lease string
	form        url.Values
	answered    chan struct{} // to be closed by the test
}

func newFakeSidecar(t *testing.T) *fakeSidecar {
	t.Helper()
	s := &fakeSidecar{streams: make(chan *fakeStream, 10), deletes: make(chan fakeDelete, 10), answers: map[string]fakeAnswer{}, first: map[string]early{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.Server.CloseClientConnections()
		s.Server.Close()
	})
	return s
}

// on sets the answer to a call.
func (s *fakeSidecar) on(call string, status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[call] = fakeAnswer{status, body}
}

// atFirst sets what the first calls are answered, of those that on sets the answer to.
func (s *fakeSidecar) atFirst(call string, times int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first[call] = early{times, body}
}

// onSocket has it listen on a Unix socket too.
func (s *fakeSidecar) onSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
}

func (s *fakeSidecar) queries() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

func (s *fakeSidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI())
	answer, known := s.answers[r.Method+" "+r.URL.RequestURI()]
	if !known {
		answer, known = s.answers[r.Method+" "+r.URL.Path]
	}
	if e := s.first[r.Method+" "+r.URL.Path]; e.left > 0 {
		answer.body = e.body
		s.first[r.Method+" "+r.URL.Path] = early{e.left - 1, e.body}
	}
	s.mu.Unlock()
	switch {
	case known && strings.HasPrefix(answer.body, `{"event"`):
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = io.WriteString(w, answer.body)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case known:
		respond(w, answer.status, answer.body)
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/hold"):
		s.hold(w, r, form)
	case r.Method == http.MethodDelete:
		d := fakeDelete{path: r.URL.Path, lease: r.Header.Get("Sidelock-Lease"), form: r.URL.Query(), answered: make(chan struct{})}
		s.deletes <- d
		select {
		case <-d.answered:
		case <-r.Context().Done():
		}
		respond(w, http.StatusOK, `{"name":"nightly","state":"released"}`)
	default:
		respond(w, http.StatusNotFound, `{"code":"not_found","title":"No such page","status":404}`)
	}
}

func respond(w http.ResponseWriter, status int, body string) {
	kind := "application/json"
	if status >= 400 {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// fakeStream is a hold stream.
type fakeStream struct {
	path, lease string
	form        url.Values
	lines       chan string
	gone        <-chan struct{} // closed when the client has hung up
}

func (s *fakeSidecar) hold(w http.ResponseWriter, r *http.Request, form url.Values) {
	h := &fakeStream{path: r.URL.Path, lease: r.Header.Get("Sidelock-Lease"), form: form, lines: make(chan string), gone: r.Context().Done()}
	s.streams <- h
	for started := false; ; {
		select {
		case line, more := <-h.lines:
			if !more {
				return
			}
			if refusal, ok := strings.CutPrefix(line, "423 "); ok {
				respond(w, http.StatusLocked, refusal)
				return
			}
			if !started {
				w.Header().Set("Content-Type", "application/x-ndjson")
				started = true
			}
			_, _ = io.WriteString(w, line+"\n")
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

func (h *fakeStream) say(format string, args ...any) {
	select {
	case h.lines <- fmt.Sprintf(format, args...):
	case <-h.gone:
	case <-time.After(soon):
	}
}

// held grants the lock.
func (h *fakeStream) held(token int, ttl, validFor time.Duration) {
	h.say(`{"event":"held","lease":%q,"token":%d,"ttl_ms":%d,"valid_for_ms":%d}`, h.lease, token, ttl.Milliseconds(), validFor.Milliseconds())
}

// next is the next hold stream.
func (s *fakeSidecar) next(t *testing.T) *fakeStream {
	t.Helper()
	select {
	case h := <-s.streams:
		return h
	case <-time.After(soon):
		t.Fatal("no hold stream was opened")
		return nil
	}
}

// released is the next release; it stays unanswered until the test lets it go.
func (s *fakeSidecar) released(t *testing.T) fakeDelete {
	t.Helper()
	select {
	case d := <-s.deletes:
		return d
	case <-time.After(soon):
		t.Fatal("nothing was released")
		return fakeDelete{}
	}
}

// notReleased fails if something was released already.
func (s *fakeSidecar) notReleased(t *testing.T) {
	t.Helper()
	select {
	case d := <-s.deletes:
		t.Errorf("%s was released too early", d.path)
		close(d.answered)
	default:
	}
}
