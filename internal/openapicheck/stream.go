package openapicheck

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

// IsStream tells an answer that goes on, by its media type: one JSON object a line, or server-sent events.
func IsStream(resp *http.Response) bool {
	media := mediaType(resp)
	return media == "application/x-ndjson" || media == "text/event-stream"
}

func mediaType(resp *http.Response) string {
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

// checkStream checks the beginning of a stream: its status, media type and headers. What follows is for CheckFrame.
func checkStream(op *v3.Operation, resp *http.Response) error {
	if err := checkText(op, resp); err != nil {
		return err
	}
	for pair := lookup(op, resp.StatusCode).Headers.First(); pair != nil; pair = pair.Next() {
		if pair.Value().Required && resp.Header.Get(pair.Key()) == "" {
			return fmt.Errorf("a stream without the header %s", pair.Key())
		}
	}
	return nil
}

// CheckFrame holds one frame of a stream against the description: frame is the JSON of a line, or the data of a server-sent event.
// It is safe for concurrent use.
func (c *Checker) CheckFrame(req *http.Request, resp *http.Response, frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	schema, err := c.frameSchema(req, resp)
	if err != nil {
		return err
	}
	if c.frames == nil {
		c.frames = schema_validation.NewSchemaValidator()
	}
	// The validator takes nothing, and null, for valid.
	var object map[string]any
	if err := json.Unmarshal(frame, &object); err != nil || object == nil {
		return fmt.Errorf("a frame is no JSON object as described: %v\nframe: %s", err, frame)
	}
	if ok, faults := c.frames.ValidateSchemaObjectWithVersion(schema, object, 3.1); !ok {
		var b strings.Builder
		for _, f := range faults {
			fmt.Fprintf(&b, "%s: %s", f.Message, f.Reason)
			for _, s := range f.SchemaValidationErrors {
				fmt.Fprintf(&b, "; %s: %s", s.KeywordLocation, s.Reason)
			}
		}
		return fmt.Errorf("a frame is not as described: %s\nframe: %s", b.String(), frame)
	}
	return nil
}

func (c *Checker) frameSchema(req *http.Request, resp *http.Response) (*base.Schema, error) {
	op := c.operation(req)
	if op == nil {
		return nil, fmt.Errorf("a stream from a call that is not described")
	}
	r := lookup(op, resp.StatusCode)
	if r == nil {
		return nil, fmt.Errorf("status %d is not described", resp.StatusCode)
	}
	content := r.Content.GetOrZero(mediaType(resp))
	if content == nil || content.Schema == nil {
		return nil, fmt.Errorf("media type %q is not described", mediaType(resp))
	}
	return content.Schema.Schema(), nil
}
