package httpapi

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// description is what of openapi.yaml is compared with the code.
type description struct {
	Paths      map[string]map[string]yaml.Node
	Components struct {
		Parameters map[string]struct{ Name, In string }
		Schemas    map[string]struct {
			Properties map[string]yaml.Node
		}
		Responses map[string]yaml.Node
	}
}

type operation struct {
	OperationID string `yaml:"operationId"`
	Security    []struct {
		APIKey []string `yaml:"apiKey"`
	}
	Responses  map[string]yaml.Node
	Parameters []struct {
		Ref string `yaml:"$ref"`
	}
	RequestBody struct {
		Content map[string]struct {
			Schema struct {
				Ref string `yaml:"$ref"`
			}
		}
	} `yaml:"requestBody"`
}

func described(t *testing.T) description {
	t.Helper()
	var d description
	if err := yaml.Unmarshal(openAPI, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func base(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

func TestDescriptionHasExactlyTheRoutes(t *testing.T) {
	d := described(t)
	count := 0
	for _, methods := range d.Paths {
		for m := range methods {
			if m != "parameters" {
				count++
			}
		}
	}
	if count != len(routes) {
		t.Errorf("%d operations are described, there are %d routes", count, len(routes))
	}
	for i := range routes {
		r := &routes[i]
		path := strings.Replace(docPath(r.path), "{lease}", "{id}", 1)
		node, ok := d.Paths[path][strings.ToLower(r.method)]
		if !ok {
			t.Errorf("%s %s is not described", r.method, path)
			continue
		}
		var op operation
		if err := node.Decode(&op); err != nil {
			t.Fatal(err)
		}
		if op.OperationID != r.op {
			t.Errorf("%s %s is called %s, not %s", r.method, path, op.OperationID, r.op)
		}
		if got, want := d.parameters(op), r.names(); !slices.Equal(got, want) {
			t.Errorf("%s: parameters described %v, taken %v", r.op, got, want)
		}
		var verbs []string
		for _, alternative := range op.Security {
			verbs = append(verbs, alternative.APIKey...)
		}
		if got := strings.Join(verbs, ", "); got != r.needs.String() {
			t.Errorf("%s: described to take the verbs %q, takes %q", r.op, got, r.needs)
		}
		if _, refuses := op.Responses["401"]; refuses != (r.needs != open) || len(op.Security) == len(verbs) && r.needs != open {
			t.Errorf("%s: described to refuse who has no key: %v, or to need one where there are none", r.op, refuses)
		}
	}
}

// parameters are the names that an operation is described to take, by whatever way.
func (d *description) parameters(op operation) []string {
	var names []string
	for _, p := range op.Parameters {
		if c := d.Components.Parameters[base(p.Ref)]; c.In == "query" {
			names = append(names, c.Name)
		}
	}
	for _, media := range op.RequestBody.Content {
		for name := range d.Components.Schemas[base(media.Schema.Ref)].Properties {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (r *route) names() []string {
	var names []string
	for id := range specs {
		if r.params.has(param(id)) {
			names = append(names, specs[id].name)
		}
	}
	slices.Sort(names)
	return names
}

func TestDescriptionHasExactlyTheCodes(t *testing.T) {
	d := described(t)
	found := map[string]int{}
	for _, node := range d.Components.Responses {
		var r struct {
			Content map[string]struct {
				Schema struct {
					AllOf []struct {
						Properties struct {
							Code   struct{ Enum []string }
							Status struct{ Const int }
						}
					} `yaml:"allOf"`
				}
			}
		}
		if err := node.Decode(&r); err != nil {
			t.Fatal(err)
		}
		for _, part := range r.Content["application/problem+json"].Schema.AllOf {
			for _, code := range part.Properties.Code.Enum {
				found[code] = part.Properties.Status.Const
			}
		}
	}
	for code, c := range classes {
		if found[string(code)] != c.status {
			t.Errorf("%s is described as %d, and is %d", code, found[string(code)], c.status)
		}
	}
	if len(found) != len(classes) {
		t.Errorf("%d codes are described, there are %d", len(found), len(classes))
	}
}

func TestEveryParameterIsComplete(t *testing.T) {
	for id := range specs {
		s := &specs[id]
		if s.name == "" || s.code == "" || s.parse == nil && s.kind != object {
			t.Errorf("parameter %d is incomplete: %+v", id, s.name)
		}
		if _, ok := classes[s.code]; !ok {
			t.Errorf("%s: code %s is in no table", s.name, s.code)
		}
	}
	for i := range routes {
		names := routes[i].names()
		if n := len(slices.Compact(slices.Clone(names))); n != len(names) {
			t.Errorf("%s takes two parameters of one name: %v", routes[i].op, names)
		}
	}
}

func TestOpsAreAClosedSetWithoutRepeats(t *testing.T) {
	names := Ops()
	if len(names) != len(routes)+1 {
		t.Errorf("%d names for %d routes", len(names), len(routes))
	}
	slices.Sort(names)
	if n := len(slices.Compact(slices.Clone(names))); n != len(names) {
		t.Errorf("two routes share a name: %v", names)
	}
}
