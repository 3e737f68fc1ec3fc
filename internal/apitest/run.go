package apitest

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/openapicheck"
)

// answerTimeout bounds one case. Every case is answered at once, or the test has found something.
const answerTimeout = 20 * time.Second

// Case is one request and the answer that it must get.
type Case struct {
	Name   string
	Raw    string // the bytes sent
	Status int
	Code   string // of the problem document; "" where net/http answers before us, or where all is well
	Close  bool   // close the sending side after Raw
}

// Dial opens a connection to a server.
type Dial func() (net.Conn, error)

// To dials an address (host:port).
func To(addr string) Dial { return func() (net.Conn, error) { return net.Dial("tcp", addr) } }

// BadInput sends every case of Cases to the server at addr (host:port) and holds the answers against the description.
func BadInput(t *testing.T, addr string, check *openapicheck.Checker) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) { run(t, To(addr), c, check) })
	}
}

func run(t *testing.T, dial Dial, c Case, check *openapicheck.Checker) {
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		t.Fatal(err)
	}
	// A server that refuses a large request early may close while we still send; its answer is there all the same.
	_, sendErr := io.WriteString(conn, c.Raw)
	if c.Close {
		if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	method, target := requestLine(c.Raw)
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no answer: %v (sending: %v)", err, sendErr)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body = io.NopCloser(strings.NewReader(string(body)))
	if resp.StatusCode != c.Status {
		t.Fatalf("status %d, want %d: %s", resp.StatusCode, c.Status, body)
	}
	if got := code(resp, body); got != c.Code {
		t.Fatalf("code %q, want %q: %s", got, c.Code, body)
	}
	hygiene(t, resp, body)
	u, err := url.Parse(target)
	if check == nil || err != nil || c.Code == "" {
		return // not a request that the description speaks of
	}
	check.Validate(t, &http.Request{Method: method, URL: u, Header: http.Header{}}, resp)
}

// hygiene is what holds for every answer whatever was asked.
func hygiene(t *testing.T, resp *http.Response, body []byte) {
	t.Helper()
	for name := range resp.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("a CORS header: %s", name)
		}
	}
	if strings.Contains(string(body), Secret) {
		t.Errorf("a lease ID is repeated in an error: %s", body)
	}
	for _, key := range Secrets() {
		if strings.Contains(string(body), key) {
			t.Errorf("an API key is repeated in an answer: %s", body)
		}
	}
	if (resp.StatusCode == http.StatusUnauthorized) != (resp.Header.Get("WWW-Authenticate") == `Bearer realm="sidelock"`) {
		t.Errorf("%d with WWW-Authenticate %q", resp.StatusCode, resp.Header.Get("WWW-Authenticate"))
	}
	if resp.Header.Get("Content-Type") == "application/problem+json" && resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("an error may be cached")
	}
}

func code(resp *http.Response, body []byte) string {
	if resp.Header.Get("Content-Type") != "application/problem+json" {
		return ""
	}
	var doc struct{ Code string }
	if err := json.Unmarshal(body, &doc); err != nil {
		return "not JSON: " + err.Error()
	}
	return doc.Code
}

func requestLine(raw string) (method, target string) {
	line, _, _ := strings.Cut(raw, "\r\n")
	parts := strings.SplitN(line, " ", 3)
	if len(parts) != 3 {
		return http.MethodGet, "*"
	}
	return parts[0], parts[1]
}

// request writes one. Host is localhost and Content-Length right unless headers say otherwise.
func request(method, target, body string, headers ...string) string {
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\n")
	if !has(headers, "Host:") {
		b.WriteString("Host: localhost\r\n")
	}
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	if body != "" && !has(headers, "Content-Length:") && !has(headers, "Transfer-Encoding:") {
		b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	return b.String() + "\r\n" + body
}

func has(headers []string, prefix string) bool {
	for _, h := range headers {
		if strings.HasPrefix(h, prefix) {
			return true
		}
	}
	return false
}
