package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sidelock/sidelock/client"
)

// The client releases only what it has taken itself. A release by somebody else's lease ID is the one call that this
// package makes by hand.

// deleteLease returns the body of the answer.
func deleteLease(ctx context.Context, server string, kind client.Kind, name, lease string, token uint64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, releaseWithin)
	defer cancel()
	transport, base := releaseTransport(server)
	defer transport.CloseIdleConnections()
	target := fmt.Sprintf("%s/v1/%ss/%s", base, kind, name)
	if token != 0 {
		target += "?token=" + strconv.FormatUint(token, 10)
	}
	caller := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ticker := time.NewTicker(releaseAgainEvery)
	defer ticker.Stop()
	for end := time.Now().Add(askAgainFor); ; {
		body, again, err := tryDelete(ctx, caller, target, lease)
		if err == nil || !again || time.Now().After(end) {
			return body, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// tryDelete is one try; again says that another one may succeed.
func tryDelete(ctx context.Context, caller *http.Client, target, lease string) (body []byte, again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, target, nil)
	if err != nil {
		return nil, false, err
	}
	request.Header.Set("Sidelock-Lease", lease) // not in the URL, which ends up in logs
	response, err := caller.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, true, fmt.Errorf("no answer from the sidecar; is it running? %w", err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxReleaseAnswer))
	switch {
	case err != nil:
		return nil, true, fmt.Errorf("the answer broke off: %w", err)
	case response.StatusCode == http.StatusOK && json.Valid(body):
		return body, false, nil
	case response.StatusCode == http.StatusServiceUnavailable, response.StatusCode == http.StatusGatewayTimeout:
		again = true
	}
	return nil, again, problem(response.StatusCode, body)
}

// problem is a refusal in a person's words.
func problem(status int, body []byte) error {
	var p struct {
		Code, Title, Detail, Reason, Why string
		EndedAgo                         int64 `json:"ended_ago_ms"`
	}
	if json.Unmarshal(body, &p) != nil || p.Code == "" {
		return fmt.Errorf("what answered (%d %s) is no sidecar; check --server", status, http.StatusText(status))
	}
	text := fmt.Sprintf("%s (%s)", p.Title, p.Code)
	if p.Reason != "" {
		text += fmt.Sprintf(": %s %s ago", p.Reason, humane(time.Duration(p.EndedAgo)*time.Millisecond))
	} else if p.Detail != "" {
		text += ": " + p.Detail
	}
	if p.Why != "" {
		text += ": " + p.Why
	}
	return errors.New(safe(text))
}

// releaseTransport is the way to a sidecar, and the address that goes with it.
func releaseTransport(server string) (*http.Transport, string) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: releaseWithin}
	path, isSocket := strings.CutPrefix(server, "unix://")
	if !isSocket {
		return t, strings.TrimRight(server, "/")
	}
	t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return t, "http://localhost"
}
