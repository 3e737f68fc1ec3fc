package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const leaseHeader = "Sidelock-Lease"

// request is one call of the API.
type request struct {
	call   string // what is asked, for errors
	method string
	path   string
	query  url.Values
	form   url.Values
	lease  string        // travels in a header: URLs and bodies end up in logs
	wait   time.Duration // that the sidecar may take beyond its own time
}

// named makes the request for a lock or an election; the name is checked here, so that it cannot be part of a path.
func named(verb, method string, kind Kind, name, below string) (request, error) {
	r := request{call: fmt.Sprintf("%s %s %s", verb, kind, name), method: method}
	if kind != KindLock && kind != KindElection {
		return r, invalid(verb, "invalid_request", "kind", "kind is lock or election")
	}
	if !nameRule.MatchString(name) {
		r.call = fmt.Sprintf("%s %s %.130q", verb, kind, name)
		return r, invalid(r.call, "invalid_name", "name",
			"a name has 1 to 128 of A-Z a-z 0-9 . _ : - and begins with a letter or a digit")
	}
	r.path = "/v1/" + string(kind) + "s/" + name + below
	return r, nil
}

var nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)

// send begins a try. Its answer has headers, and a body that must be closed.
func (c *Client) send(ctx context.Context, r *request, accept string) (*http.Response, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	var body io.Reader
	if len(r.form) > 0 {
		body = strings.NewReader(r.form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("sidelock: %s: %w", r.call, err)
	}
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.lease != "" {
		req.Header.Set(leaseHeader, r.lease)
	}
	if err := c.authorise(req); err != nil {
		return nil, fmt.Errorf("sidelock: %s: %w", r.call, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &unreachable{call: r.call, err: whatBroke(ctx, err)}
	}
	return resp, nil
}

// whatBroke takes away what net/http puts around an error: the call is named already, and our own timeout is not the
// caller's.
func whatBroke(ctx context.Context, err error) error {
	if context.Cause(ctx) == errTooSlow {
		return errTooSlow
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// once is one try. into takes the body of a success. sent is when it left, or a little before.
func (c *Client) once(ctx context.Context, r *request, into any) (sent instant, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin+r.wait, errTooSlow)
	defer cancel()
	sent = c.now()
	resp, err := c.send(ctx, r, "application/json")
	if err != nil {
		return sent, err
	}
	defer resp.Body.Close()
	return sent, readAnswer(r.call, resp, into)
}

// parameters of a form; those at their zero are left to the sidecar.
type parameters struct{ v url.Values }

func newParameters() parameters { return parameters{url.Values{}} }

func (p parameters) text(name, value string) {
	if value != "" {
		p.v.Set(name, value)
	}
}

func (p parameters) duration(name string, d time.Duration) {
	if d != 0 {
		p.v.Set(name, d.String())
	}
}

func (p parameters) metadata(m map[string]string) {
	for k, v := range m {
		p.v.Set("metadata."+k, v)
	}
}

// place is how many may hold.
func (p parameters) place(limit int, shared bool) {
	if limit != 0 {
		p.v.Set("limit", fmt.Sprint(limit))
	}
	if shared {
		p.v.Set("mode", "shared")
	}
}
