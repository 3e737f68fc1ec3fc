package client

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// DefaultBase is where a sidecar listens unless it is told otherwise.
const DefaultBase = "http://localhost:5625"

// defaultBase is what "" stands for; the examples run against a sidecar of their own.
var defaultBase = DefaultBase

// Client asks one sidecar. Make it with [New]; it is safe for concurrent use, and one is enough for a program.
type Client struct {
	base     string // scheme, host and path, without a slash at the end
	http     *http.Client
	owner    string
	retryFor time.Duration
	onRetry  func(error)
	local    bool
	now      func() instant
	key      func() (string, error) // the API key; nil: none
	tls      *tls.Config            // nil: that of net/http
	wrong    error                  // what an option cannot do
}

// Option changes what [New] makes.
type Option func(*Client)

// WithOwner sets the name under which this program is shown to people as a holder or waiter, where an options struct
// says nothing else. The default is the name of the sidecar.
func WithOwner(owner string) Option { return func(c *Client) { c.owner = owner } }

// WithTransport replaces the transport: for headers, for tests. Of a base unix:///path it then sees http://localhost and
// has to dial the socket itself; and TLS is its own matter.
func WithTransport(t http.RoundTripper) Option { return func(c *Client) { c.http.Transport = t } }

// WithRetryFor bounds how long a call that does not wait (TryLock, Unlock, reads) goes on trying while the sidecar or
// its group is out of service; the context bounds it as well. The default is [DefaultRetryFor]. Calls that wait anyway
// (Lock, Hold, Campaign, Observe, Events) try until their context ends.
func WithRetryFor(d time.Duration) Option { return func(c *Client) { c.retryFor = d } }

// WithOnRetry sets a function that is called with the error of each try that is going to be repeated, so that a program
// can say why it hangs. It is called from several goroutines, and must return at once.
func WithOnRetry(f func(error)) Option { return func(c *Client) { c.onRetry = f } }

// New makes a client of the sidecar at base: http://host:port, https://host:port, unix:///path/to/socket, or "" for
// [DefaultBase]. It does not connect. A proxy from the environment is not used for loopback addresses and sockets.
func New(base string, options ...Option) (*Client, error) {
	if base == "" {
		base = defaultBase
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, errors.New("sidelock: the address is no URL: " + addressRule) // err would repeat what may be a password
	}
	socket := ""
	switch {
	case u.Scheme == "unix" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		socket = u.Path
		u = &url.URL{Scheme: "http", Host: "localhost"}
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "":
	default:
		return nil, fmt.Errorf("sidelock: the address %q is none of a sidecar: %s", withoutSecrets(u), addressRule)
	}
	c := &Client{
		base: strings.TrimRight(u.String(), "/"), retryFor: DefaultRetryFor, now: now,
		http: &http.Client{
			// A sidecar redirects nowhere: whatever does is none, and must not be followed with a lease ID or a key.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	for _, o := range options {
		o(c)
	}
	switch {
	case c.wrong != nil:
		return nil, fmt.Errorf("sidelock: %w", c.wrong)
	case c.tls != nil && u.Scheme != "https":
		return nil, fmt.Errorf("sidelock: the address %q does not begin with https://, and certificates are for that", base)
	case c.tls != nil && c.http.Transport != nil:
		return nil, errors.New("sidelock: WithTransport and TLS options exclude each other: set TLS up in the transport")
	case c.http.Transport == nil:
		c.http.Transport = newTransport(u.Hostname(), socket, c.tls)
	}
	return c, nil
}

const addressRule = "it must be http://host:port, https://host:port or unix:///path/to/socket, with no user, password or query"

// withoutSecrets is an address as it may be shown: people put keys where they have no place.
func withoutSecrets(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path}
	if strings.ContainsAny(u.Opaque, "@?") {
		shown.Opaque = "…"
	}
	return shown.String()
}

// Local returns a client whose reads are answered from the sidecar's own replica, without asking a majority: they work
// during an outage and may be old; Staleness says how old. Everything else is as in c.
func (c *Client) Local() *Client {
	l := *c
	l.local = true
	return &l
}

// CloseIdleConnections closes the connections that wait for a next request. Holds and other running calls are not
// touched.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// NewLeaseID draws a lease ID, of 130 random bits. Who has it may renew and release: keep it out of logs.
func NewLeaseID() string { return rand.Text() }

var leaseRule = regexp.MustCompile(`^[A-Za-z0-9_-]{22,64}$`)

// leaseOrNew checks a lease ID that the caller chose, or draws one.
func leaseOrNew(call, chosen string) (string, error) {
	switch {
	case chosen == "":
		return NewLeaseID(), nil
	case !leaseRule.MatchString(chosen):
		return "", invalid(call, "invalid_lease", "lease", "a lease ID has 22 to 64 of A-Z a-z 0-9 _ -; take one from NewLeaseID")
	}
	return chosen, nil
}
