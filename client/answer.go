package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
)

// The one way in which answers are read: no more than a bound, of the media type that was promised, one JSON value and
// nothing behind it, with the fields that the caller relies on. Fields unknown here are let pass: a newer sidecar may
// have more.

// checker is an answer that can say what is missing in it; "" if nothing.
type checker interface{ missing() string }

// readAnswer reads the body of a success into into, or turns a refusal into an [*Error].
func readAnswer(call string, resp *http.Response, into any) error {
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return readProblem(call, resp)
	}
	body, err := readBody(call, resp, maxAnswer)
	if err != nil {
		return err
	}
	if into == nil {
		return nil
	}
	if media := mediaType(resp); media != "application/json" {
		return &strange{call, fmt.Sprintf("a body of type %.60q", media)}
	}
	if local, ok := into.(stalenessTaker); ok {
		local.setStaleness(staleness(resp))
	}
	return decode(call, body, into)
}

// decode reads one JSON value.
func decode(call string, text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return &strange{call, "its JSON cannot be read"} // err may repeat what is in it
	}
	if check, ok := into.(checker); ok {
		if what := check.missing(); what != "" {
			return &strange{call, "its JSON lacks " + what}
		}
	}
	return nil
}

func readBody(call string, resp *http.Response, limit int64) ([]byte, error) {
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, &unreachable{call, fmt.Errorf("the answer broke off: %w", whatBroke(resp.Request.Context(), err))}
	}
	if n > limit {
		return nil, &strange{call, fmt.Sprintf("more than %d bytes", limit)}
	}
	return b.Bytes(), nil
}

func mediaType(resp *http.Response) string {
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

// readProblem reads a refusal. What is no problem document comes from somebody in between, or from no sidecar at all.
func readProblem(call string, resp *http.Response) error {
	e := &Error{Status: resp.StatusCode, Title: fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)), call: call}
	e.RetryAfter = retryAfter(resp)
	body, err := readBody(call, resp, maxProblem)
	if err != nil {
		return err
	}
	var p wireProblem
	if resp.StatusCode >= 400 && mediaType(resp) == "application/problem+json" && decode(call, body, &p) == nil {
		p.fill(e)
		return e
	}
	e.Detail = "the answer is not a sidecar's; check the address"
	e.Retryable = temporary(e)
	return e
}

// retryAfter reads whole seconds; the form with a date is no sidecar's.
func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// stalenessTaker is an answer that a local read may give.
type stalenessTaker interface{ setStaleness(time.Duration) }

func staleness(resp *http.Response) time.Duration {
	n, err := strconv.ParseUint(resp.Header.Get("Sidelock-Staleness-Ms"), 10, 53)
	if err != nil {
		return 0
	}
	return milliseconds(n).duration()
}
