package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ForcedRelease is what a forced release did.
type ForcedRelease struct {
	Name   string
	Owner  string // whose grant it was
	Token  uint64
	FreeIn time.Duration // until others may have it, at the latest: unless immediate, the holder's own release or deadline
}

// ForceRelease ends somebody else's grant, the one with this token; reason is shown to its holder. It is for
// administrators: without API keys only on the admin socket in the sidecar's data directory (unix:///…/admin.sock),
// elsewhere [ErrForbidden]. [ErrStaleToken] says that token is not current. The lock becomes free when its holder lets go
// or its deadline passes; with immediate at once, while its holder may still be at work: unsafe.
func (c *Client) ForceRelease(ctx context.Context, kind Kind, name string, token uint64, reason string, immediate bool) (*ForcedRelease, error) {
	r, err := named("force the release of", http.MethodDelete, kind, name, "")
	if err != nil {
		return nil, err
	}
	// In the query: not everything in between lets a DELETE have a body, and nothing of it is secret.
	r.query = url.Values{"token": {strconv.FormatUint(token, 10)}, "reason": {reason}}
	if immediate {
		r.query.Set("immediate", "true")
	}
	var w wireForced
	if _, err := c.persist(ctx, &r, &w, c.patient(), nil); err != nil {
		return nil, err
	}
	return &ForcedRelease{Name: w.Name, Owner: w.Owner, Token: w.Token, FreeIn: w.FreeIn.duration()}, nil
}

type wireForced struct {
	Name   string       `json:"name"`
	Owner  string       `json:"owner"`
	Token  uint64       `json:"token"`
	FreeIn milliseconds `json:"free_in_ms"`
}

func (w *wireForced) missing() string {
	if w.Name == "" {
		return "name"
	}
	return ""
}
