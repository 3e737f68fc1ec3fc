package openapicheck_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/internal/openapicheck"
)

const spec = `openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /things/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string, pattern: '^[a-z]+$'}}]
    get:
      operationId: get
      responses:
        '200':
          description: ok
          headers: {X-Index: {required: true, schema: {type: integer}}}
          content: {application/json: {schema: {type: object, additionalProperties: false, required: [a], properties: {a: {type: integer}}}}}
        '400':
          description: bad
          content: {application/problem+json: {schema: {$ref: '#/components/schemas/Problem'}}}
  /text:
    get:
      operationId: text
      responses: {'200': {description: ok, content: {text/plain: {schema: {type: string}}}}}
components:
  schemas:
    Problem: {type: object, additionalProperties: false, required: [code], properties: {code: {type: string}}}
`

func answer(status int, contentType, body string, headers ...string) *http.Response {
	r := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body))}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestAnswersThatDifferFromTheDescriptionAreFound(t *testing.T) {
	const jsonType, problem = "application/json", "application/problem+json"
	c, err := openapicheck.New([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, method, target string
		resp                 *http.Response
		ok                   bool
	}{
		{"as described", "GET", "/things/a", answer(200, jsonType, `{"a":1}`, "X-Index", "5"), true},
		{"described refusal of a bad name", "GET", "/things/A-1", answer(400, problem, `{"code":"x"}`), true},
		{"unknown field", "GET", "/things/a", answer(200, jsonType, `{"a":1,"b":2}`, "X-Index", "5"), false},
		{"missing field", "GET", "/things/a", answer(200, jsonType, `{}`, "X-Index", "5"), false},
		{"wrong type", "GET", "/things/a", answer(200, jsonType, `{"a":"1"}`, "X-Index", "5"), false},
		{"null", "GET", "/things/a", answer(200, jsonType, `{"a":null}`, "X-Index", "5"), false},
		{"missing header", "GET", "/things/a", answer(200, jsonType, `{"a":1}`), false},
		{"not JSON", "GET", "/things/a", answer(200, jsonType, `{"a":`, "X-Index", "5"), false},
		{"status not described", "GET", "/things/a", answer(500, problem, `{"code":"x"}`), false},
		{"other media type", "GET", "/things/a", answer(200, "text/html", `<p>`, "X-Index", "5"), false},
		{"problem with an unknown field", "GET", "/things/a", answer(400, problem, `{"code":"x","extra":1}`), false},
		{"text", "GET", "/text", answer(200, "text/plain; charset=utf-8", "x"), true},
		{"text of another type", "GET", "/text", answer(200, "application/yaml", "x"), false},
		{"HEAD", "HEAD", "/things/a", answer(200, jsonType, ""), true},
		{"HEAD with a status not described", "HEAD", "/things/a", answer(500, jsonType, ""), false},
		{"path not described", "GET", "/nothing", answer(404, problem, `{"code":"x"}`), true},
		{"path not described and answered", "GET", "/nothing", answer(200, jsonType, `{"a":1}`), false},
		{"method not described", "PUT", "/things/a", answer(405, problem, `{"code":"x"}`, "Allow", "GET"), true},
		{"method not described, without Allow", "PUT", "/things/a", answer(405, problem, `{"code":"x"}`), false},
		{"path not described, plain text", "GET", "/nothing", answer(404, "text/plain", "404"), false},
		{"path not described, not a problem", "GET", "/nothing", answer(404, problem, `{"message":"x"}`), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := c.Check(httptest.NewRequest(tc.method, tc.target, nil), tc.resp)
			if (err == nil) != tc.ok {
				t.Errorf("as described: %v, want %v: %v", err == nil, tc.ok, err)
			}
			if _, err := io.ReadAll(tc.resp.Body); err != nil {
				t.Errorf("the body cannot be read again: %v", err)
			}
		})
	}
}

func TestDescriptionThatIsNotOneIsRefused(t *testing.T) {
	for _, bad := range []string{"", "a: b", "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\n", "openapi: 3.1.0\npaths: 5\ncomponents: {schemas: {Problem: {type: object}}}\n"} {
		if _, err := openapicheck.New([]byte(bad)); err == nil {
			t.Errorf("accepted: %q", bad)
		}
	}
}
