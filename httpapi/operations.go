package httpapi

import (
	"context"
	_ "embed"
	"net/http"
	"strings"

	"github.com/sidelock/sidelock/raftnode"
)

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the description that is served at /openapi.yaml.
func OpenAPI() []byte { return openAPI }

// livez says that this process answers. It looks at nothing, so that no trouble of the group restarts a sidecar.
func (q *call) livez() *problem {
	q.out.item()
	q.out.bool("live", true)
	q.out.end()
	return q.answer(http.StatusOK)
}

// readyz stays true through a lock outage, unless quorum=1 asks: losing locks must not take an application's
// traffic away.
func (q *call) readyz() *problem {
	s := q.api.node.Status()
	q.index(s.AppliedIndex)
	switch {
	case q.api.draining() || s.Draining:
		return &problem{code: raftnode.Draining, detail: "this sidecar is stopping"}
	case !s.Ready:
		return &problem{code: raftnode.NotReady, detail: s.NotReady}
	}
	if q.v.quorum {
		ctx, cancel := context.WithTimeout(q.r.Context(), ProbeTimeout)
		defer cancel()
		if err := q.api.node.Confirm(ctx); err != nil {
			return q.failed(err)
		}
	}
	q.out.item()
	q.out.bool("ready", true)
	q.out.end()
	return q.answer(http.StatusOK)
}

// leaderHealth is for load balancers. It asks nobody: a sidecar that is cut off says no before another candidate can lead.
func (q *call) leaderHealth() *problem {
	name, p := q.name()
	if p != nil {
		return p
	}
	token, validFor, leads := q.api.node.Leads(name)
	if !leads {
		return &problem{code: NotLeading}
	}
	q.out.item()
	q.out.string("name", name)
	q.out.bool("leading", true)
	q.out.uint("token", uint64(token))
	q.out.ms("valid_for_ms", validFor)
	q.out.end()
	return q.answer(http.StatusOK)
}

func (q *call) metricsPage() *problem {
	if q.api.metrics == nil {
		return q.notFound()
	}
	q.index(q.api.node.Status().AppliedIndex)
	q.api.metrics.ServeHTTP(q.gin.Writer, q.r)
	return nil
}

func (q *call) openapiPage() *problem {
	q.out.b = append(q.out.b, openAPI...)
	q.send(http.StatusOK, []string{"application/yaml"})
	return nil
}

// indexPage is for a person who has just found the port.
func (q *call) indexPage() *problem {
	e := &q.out
	e.item()
	e.string("service", "sidelock")
	e.string("version", q.api.version)
	e.string("node", q.api.nodeName[0])
	e.string("docs", "/openapi.yaml")
	e.string("try", q.firstCurl())
	e.array("calls")
	for i := range q.api.routes {
		r := &q.api.routes[i]
		e.item()
		e.string("method", r.method)
		e.string("path", docPath(r.path))
		e.string("does", r.does)
		e.end()
	}
	e.endArray()
	e.end()
	return q.answer(http.StatusOK)
}

// firstCurl is a command that works here, but for the secret.
func (q *call) firstCurl() string {
	scheme, key := "http", ""
	if q.r.TLS != nil {
		scheme = "https"
	}
	if q.keyed {
		key = " -H 'Authorization: Bearer KEY'"
	}
	return "curl -d ttl=15s" + key + " " + scheme + "://" + q.r.Host + "/v1/locks/my-lock"
}

// docPath writes a path as the documentation does.
func docPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

func (q *call) notFound() *problem { return &problem{code: NotFound} }

func (q *call) methodNotAllowed() *problem {
	p := &problem{code: MethodNotAllowed}
	if allow := q.gin.Writer.Header().Get("Allow"); allow != "" {
		p.detail = "this path takes " + allow
	}
	return p
}
