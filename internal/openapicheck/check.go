package openapicheck

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

// Checker validates answers against one description. It is safe for concurrent use.
type Checker struct {
	mu       sync.Mutex // the validator promises nothing about concurrent use
	validate validator.Validator
	frames   schema_validation.SchemaValidator // remembers what it has compiled; made when first needed
	model    *v3.Document
	problem  *base.Schema
}

// New reads a description, and fails if it is not a valid OpenAPI 3.1 document with a schema named Problem.
func New(spec []byte) (*Checker, error) {
	doc, err := libopenapi.NewDocument(spec)
	if err != nil {
		return nil, fmt.Errorf("openapicheck: read: %w", err)
	}
	model, err := doc.BuildV3Model()
	if err != nil {
		return nil, fmt.Errorf("openapicheck: build: %w", err)
	}
	v, errs := validator.NewValidator(doc, config.WithFormatAssertions())
	if len(errs) > 0 {
		return nil, fmt.Errorf("openapicheck: %v", errs)
	}
	if ok, faults := v.ValidateDocument(); !ok {
		return nil, fmt.Errorf("openapicheck: not a valid description: %v", faults)
	}
	c := &Checker{validate: v, model: &model.Model}
	if parts := model.Model.Components; parts != nil && parts.Schemas != nil {
		if p := parts.Schemas.GetOrZero("Problem"); p != nil {
			c.problem = p.Schema()
		}
	}
	if c.problem == nil {
		return nil, fmt.Errorf("openapicheck: there is no schema Problem")
	}
	return c, nil
}

// Validate fails t if the answer is not as described: its status, media type, headers and body. The answer's body can
// be read again afterwards. An answer to a call that is not described must be a problem document of status 404 or 405.
// Of a stream the beginning is checked, and nothing is read: its frames are for CheckFrame.
func (c *Checker) Validate(t testing.TB, req *http.Request, resp *http.Response) {
	t.Helper()
	if err := c.Check(req, resp); err != nil {
		t.Errorf("%s %s: %v", req.Method, req.URL.RequestURI(), err)
	}
}

// Check is Validate for callers without a test at hand.
func (c *Checker) Check(req *http.Request, resp *http.Response) error {
	if IsStream(resp) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if op := c.operation(req); op != nil {
			return checkStream(op, resp)
		}
		return fmt.Errorf("a stream from a call that is not described")
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	resp.Body.Close()
	defer func() { resp.Body = io.NopCloser(bytes.NewReader(body)) }()
	resp.Body = io.NopCloser(bytes.NewReader(body))

	c.mu.Lock()
	defer c.mu.Unlock()
	switch op := c.operation(req); {
	case op == nil || refusedUnseen(resp.StatusCode, op):
		return c.checkUndescribed(resp, body)
	case req.Method == http.MethodHead:
		return checkHead(op, resp, body)
	case !strings.Contains(resp.Header.Get("Content-Type"), "json"):
		return checkText(op, resp)
	}
	if ok, faults := c.validate.ValidateHttpResponse(req, resp); !ok {
		var b strings.Builder
		for _, f := range faults {
			fmt.Fprintf(&b, "%s: %s", f.Message, f.Reason)
			for _, s := range f.SchemaValidationErrors {
				fmt.Fprintf(&b, "; %s: %s", s.KeywordLocation, s.Reason)
			}
		}
		return fmt.Errorf("status %d is not as described: %s\nbody: %s", resp.StatusCode, b.String(), body)
	}
	return nil
}

// refusedUnseen tells a path that looks like a described one to us and not to the router, a%2Fb/c for example.
func refusedUnseen(status int, op *v3.Operation) bool {
	return (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) && lookup(op, status) == nil
}

// operation finds what is described for a request by the shape of its path. Names may be ill-formed, so patterns
// are not looked at.
func (c *Checker) operation(req *http.Request) *v3.Operation {
	want := strings.Split(req.URL.EscapedPath(), "/")
	item := c.model.Paths.PathItems.GetOrZero(req.URL.Path)
	for pair := c.model.Paths.PathItems.First(); pair != nil && item == nil; pair = pair.Next() {
		if matches(strings.Split(pair.Key(), "/"), want) {
			item = pair.Value()
		}
	}
	if item == nil {
		return nil
	}
	method := strings.ToLower(req.Method)
	if method == "head" {
		method = "get"
	}
	return item.GetOperations().GetOrZero(method)
}

func matches(have, want []string) bool {
	if len(have) != len(want) {
		return false
	}
	for i := range have {
		if have[i] != want[i] && (!strings.HasPrefix(have[i], "{") || want[i] == "") {
			return false
		}
	}
	return true
}

func (c *Checker) checkUndescribed(resp *http.Response, body []byte) error {
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusForbidden, http.StatusUnauthorized:
	default:
		return fmt.Errorf("a call that is not described is answered %d, not 404 or 405: %s", resp.StatusCode, body)
	}
	if resp.StatusCode == http.StatusMethodNotAllowed && resp.Header.Get("Allow") == "" {
		return fmt.Errorf("405 without Allow")
	}
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		return fmt.Errorf("%d is no problem document but %s", resp.StatusCode, got)
	}
	if len(body) == 0 && resp.Request != nil && resp.Request.Method == http.MethodHead {
		return nil
	}
	v := schema_validation.NewSchemaValidator()
	if ok, faults := v.ValidateSchemaBytesWithVersion(c.problem, body, 3.1); !ok {
		return fmt.Errorf("status %d is not a problem as described: %v\nbody: %s", resp.StatusCode, faults, body)
	}
	return nil
}

// checkHead checks what there is of an answer to HEAD, which is described as its GET.
func checkHead(op *v3.Operation, resp *http.Response, body []byte) error {
	if lookup(op, resp.StatusCode) == nil {
		return fmt.Errorf("status %d is not described", resp.StatusCode)
	}
	if len(body) > 0 {
		return fmt.Errorf("HEAD is answered with a body")
	}
	return nil
}

// checkText checks the media type of an answer that is not JSON.
func checkText(op *v3.Operation, resp *http.Response) error {
	r := lookup(op, resp.StatusCode)
	if r == nil {
		return fmt.Errorf("status %d is not described", resp.StatusCode)
	}
	media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	if r.Content.GetOrZero(media) == nil {
		return fmt.Errorf("media type %q is not described", media)
	}
	return nil
}

func lookup(op *v3.Operation, status int) *v3.Response {
	return op.Responses.Codes.GetOrZero(fmt.Sprint(status))
}
