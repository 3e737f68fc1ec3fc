package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/openapicheck"
)

// Stream is an answer that goes on: a hold, or events. Its frames are read as they come, each is held against openapi.yaml, and they wait
// here until they are asked for. A refused one is an ordinary Answer, and has none. It ends with its test.
type Stream struct {
	Answer
	t    testing.TB
	conn net.Conn

	mu     sync.Mutex
	frames []Frame
	ended  error         // why no more will come; nil before
	news   chan struct{} // has a value when frames or ended have changed
	done   chan struct{} // closed when nothing is read any more
}

// Frame is one frame of a stream.
type Frame struct {
	Event    string
	At       time.Time // when it came, by this machine's monotonic clock
	Raw      string
	Lease    string
	Token    uint64
	TTL      int64 `json:"ttl_ms"`
	ValidFor int64 `json:"valid_for_ms"`
	Position int
	Reason   string
	Why      string

	ID                string
	Kind, Name, Owner string
	Via               string `json:"via_node"`
	Value             string
	WaitedMs          int64 `json:"waited_ms"`
	LateMs            int64 `json:"late_ms"`
	More              bool
	Index             uint64
	Locks, Elections  []State
}

// State is a lock or an election in a frame that tells the whole state.
type State struct {
	Name    string
	Holders []Holder
	Queue   []Holder
	Leader  *Holder
}

// Deadline is until when a holder may act on a frame.
func (f Frame) Deadline() time.Time {
	return f.At.Add(time.Duration(f.ValidFor) * time.Millisecond)
}

func (f Frame) String() string { return f.Raw }

// ErrQuiet means that nothing came in time.
var ErrQuiet = errors.New("no frame in time")

// ErrClosedHere ends a stream that the test has closed.
var ErrClosedHere = errors.New("the stream was closed by the test")

// SSE asks for server-sent events.
var SSE = http.Header{"Accept": {"text/event-stream"}}

// Hold opens a hold of a lock or an election, whose path is given without /hold, and returns when it begins or is refused.
func (n *Node) Hold(path string, pairs ...string) *Stream {
	n.t.Helper()
	return n.Open("POST", path+"/hold", nil, pairs...)
}

// Events opens a stream of what happens; pairs are its parameters.
func (n *Node) Events(pairs ...string) *Stream {
	n.t.Helper()
	return n.Open("GET", "/v1/events", nil, pairs...)
}

// Open asks for a stream with further headers, over a connection of its own. It waits for the beginning as long as the node's clients have
// patience.
func (n *Node) Open(method, path string, headers http.Header, pairs ...string) *Stream {
	n.t.Helper()
	s := &Stream{t: n.t, news: make(chan struct{}, 1), done: make(chan struct{})}
	s.what = fmt.Sprintf("%s %s %v via %s", method, path, pairs, n.Name)
	transport := &http.Transport{ResponseHeaderTimeout: n.patience(), DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, addr)
		s.conn = c
		return c, err
	}}
	req, err := request(context.Background(), method, "http://"+n.API, path, pairs)
	if err != nil {
		n.t.Fatal(err)
	}
	for name, values := range headers {
		req.Header[name] = values
	}
	s.Sent = time.Now()
	resp, err := (&http.Client{Transport: checkedBy(n.t, transport)}).Do(req)
	s.Got = time.Now()
	if err != nil {
		s.Err, s.ended = err, err
		close(s.done)
		return s
	}
	s.Status, s.Header = resp.StatusCode, resp.Header
	if !openapicheck.IsStream(resp) {
		s.ended = io.EOF
		s.Answer.take(resp)
		s.conn.Close()
		return s
	}
	n.t.Cleanup(func() {
		s.Close()
		<-s.done
	})
	go s.read(req, resp)
	return s
}

// read takes in frames until there are no more.
func (s *Stream) read(req *http.Request, resp *http.Response) {
	defer close(s.done)
	defer resp.Body.Close()
	check, err := description()
	if err != nil {
		s.end(err)
		return
	}
	r := bufio.NewReader(resp.Body)
	next := nextLine
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		next = nextEvent
	}
	for {
		data, err := next(r)
		at := time.Now()
		if err != nil {
			s.end(err)
			return
		}
		var f Frame
		if err := json.Unmarshal(data, &f); err != nil {
			s.end(fmt.Errorf("%w: %s", err, data))
			return
		}
		f.At, f.Raw = at, string(data)
		s.mu.Lock()
		s.frames = append(s.frames, f)
		s.mu.Unlock()
		s.tell()
		// After it was noted: the time of a frame matters, and this takes some.
		if err := check.CheckFrame(req, resp, data); err != nil {
			s.t.Errorf("%s: %v", s.what, err)
		}
	}
}

func (s *Stream) end(err error) {
	s.mu.Lock()
	if s.ended == nil {
		s.ended = err
	}
	s.mu.Unlock()
	s.tell()
}

func (s *Stream) tell() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// nextLine reads one line of JSON.
func nextLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadBytes('\n')
	if err == io.EOF && len(line) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return bytes.TrimSuffix(line, []byte("\n")), err
}

// nextEvent reads one server-sent event, whose fields must say what its data does.
func nextEvent(r *bufio.Reader) ([]byte, error) {
	fields := map[string]string{}
	for {
		line, err := nextLine(r)
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			break
		}
		field, value, ok := strings.Cut(string(line), ": ")
		if _, twice := fields[field]; !ok || twice {
			return nil, fmt.Errorf("no field of a server-sent event: %q", line)
		}
		fields[field] = value
	}
	var said struct{ Event, ID string }
	if err := json.Unmarshal([]byte(fields["data"]), &said); err != nil {
		return nil, fmt.Errorf("the data of a server-sent event: %w: %v", err, fields)
	}
	if said.Event != fields["event"] || said.ID != fields["id"] {
		return nil, fmt.Errorf("the fields of a server-sent event and its data differ: %v", fields)
	}
	return []byte(fields["data"]), nil
}
