package openapicheck_test

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/internal/openapicheck"
)

const streamSpec = `openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /flow:
    get:
      operationId: flow
      responses:
        '200':
          description: ok
          headers: {X-Index: {required: true, schema: {type: integer}}}
          content: {application/x-ndjson: {schema: {$ref: '#/components/schemas/Frame'}}}
components:
  schemas:
    Frame:
      oneOf:
        - {type: object, additionalProperties: false, required: [event, n], properties: {event: {const: a}, n: {type: integer}}}
        - {type: object, additionalProperties: false, required: [event], properties: {event: {const: b}}}
    Problem: {type: object, required: [code], properties: {code: {type: string}}}
`

// TestStreamIsCheckedWithoutBeingRead: a stream has no end that one could wait for.
func TestStreamIsCheckedWithoutBeingRead(t *testing.T) {
	const lines = "application/x-ndjson"
	c, err := openapicheck.New([]byte(streamSpec))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, path, media string
		headers           []string
		ok                bool
	}{
		{"as described", "/flow", lines, []string{"X-Index", "5"}, true},
		{"missing header", "/flow", lines, nil, false},
		{"other media type", "/flow", "text/event-stream", []string{"X-Index", "5"}, false},
		{"path not described", "/nothing", lines, []string{"X-Index", "5"}, false},
	} {
		resp := answer(200, lines, "", tc.headers...)
		resp.Header.Set("Content-Type", tc.media)
		resp.Body = io.NopCloser(unread{t})
		if err := c.Check(httptest.NewRequest("GET", tc.path, nil), resp); (err == nil) != tc.ok {
			t.Errorf("%s: as described: %v, want %v: %v", tc.name, err == nil, tc.ok, err)
		}
	}
}

type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the stream was read")
	return 0, io.EOF
}

func TestFramesThatDifferFromTheDescriptionAreFound(t *testing.T) {
	c, err := openapicheck.New([]byte(streamSpec))
	if err != nil {
		t.Fatal(err)
	}
	req, resp := httptest.NewRequest("GET", "/flow", nil), answer(200, "application/x-ndjson; charset=utf-8", "", "X-Index", "5")
	for frame, ok := range map[string]bool{
		`{"event":"a","n":5}`: true, `{"event":"b"}`: true,
		`{"event":"a"}`: false, `{"event":"b","n":5}`: false, `{"event":"c"}`: false, `{"event":"a","n":"5"}`: false, `{"event":"a"`: false, ``: false, `null`: false,
	} {
		if err := c.CheckFrame(req, resp, []byte(frame)); (err == nil) != ok {
			t.Errorf("%s: as described: %v, want %v: %v", frame, err == nil, ok, err)
		}
	}
	for what, err := range map[string]error{
		"path":       c.CheckFrame(httptest.NewRequest("GET", "/nothing", nil), resp, []byte(`{"event":"b"}`)),
		"status":     c.CheckFrame(req, answer(201, "application/x-ndjson", ""), []byte(`{"event":"b"}`)),
		"media type": c.CheckFrame(req, answer(200, "text/event-stream", ""), []byte(`{"event":"b"}`)),
	} {
		if err == nil || !strings.Contains(err.Error(), "described") {
			t.Errorf("another %s: %v", what, err)
		}
	}
}
