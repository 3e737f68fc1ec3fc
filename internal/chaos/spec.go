package chaos

import (
	"net/http"
	"sync"
	"testing"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/openapicheck"
)

// description is openapi.yaml, read once.
var description = sync.OnceValues(func() (*openapicheck.Checker, error) { return openapicheck.New(httpapi.OpenAPI()) })

// checked holds every answer against the description before its caller sees it.
type checked struct {
	t     testing.TB
	check *openapicheck.Checker
	next  http.RoundTripper
}

var _ http.RoundTripper = checked{}

func (c checked) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(req)
	if err == nil {
		c.check.Validate(c.t, req, resp)
	}
	return resp, err
}

// connections are shared by all tests. There is no proxy, and the processes at the other end may die at any moment.
var connections = &http.Transport{MaxIdleConnsPerHost: 64}

func checkedClient(t testing.TB) *http.Client {
	t.Helper()
	return &http.Client{Transport: checkedBy(t, connections)}
}

// checkedBy is a transport whose answers are checked. Of a stream it reads nothing.
func checkedBy(t testing.TB, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	check, err := description()
	if err != nil {
		t.Fatal(err)
	}
	return checked{t, check, next}
}
