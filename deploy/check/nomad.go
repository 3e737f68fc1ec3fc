package check

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// allocation is a copy of a Nomad group: what its job may refer to.
type allocation map[string]cty.Value

// block is an HCL block whose expressions have been evaluated.
type block struct {
	labels []string
	values map[string]cty.Value
	blocks map[string][]*block
}

// readJob parses a job and evaluates it in an allocation. Every expression has to be one that the allocation can answer.
func readJob(file string, in allocation) (*block, error) {
	f, diags := hclparse.NewParser().ParseHCLFile(file)
	if diags.HasErrors() {
		return nil, diags
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return nil, fmt.Errorf("%s is not in HCL's own syntax", file)
	}
	return evaluate(body, nil, &hcl.EvalContext{Variables: in})
}

func evaluate(body *hclsyntax.Body, labels []string, in *hcl.EvalContext) (*block, error) {
	b := &block{labels: labels, values: map[string]cty.Value{}, blocks: map[string][]*block{}}
	for name, a := range body.Attributes {
		value, diags := a.Expr.Value(in)
		if diags.HasErrors() {
			return nil, diags
		}
		b.values[name] = value
	}
	for _, inner := range body.Blocks {
		one, err := evaluate(inner.Body, inner.Labels, in)
		if err != nil {
			return nil, err
		}
		b.blocks[inner.Type] = append(b.blocks[inner.Type], one)
	}
	return b, nil
}

// at is the block of a type with a label, or the first one where label is empty; an empty block if there is none.
func (b *block) at(kind, label string) *block {
	for _, one := range b.blocks[kind] {
		if label == "" || len(one.labels) > 0 && one.labels[0] == label {
			return one
		}
	}
	return &block{}
}

// text is a string, "" if there is none.
func (b *block) text(name string) string {
	if v, ok := b.values[name]; ok && v.Type() == cty.String {
		return v.AsString()
	}
	return ""
}

// number is a whole number, -1 if there is none.
func (b *block) number(name string) int {
	v, ok := b.values[name]
	if !ok || v.Type() != cty.Number {
		return -1
	}
	n, _ := v.AsBigFloat().Int64()
	return int(n)
}

func (b *block) is(name string) bool {
	v, ok := b.values[name]
	return ok && v.Type() == cty.Bool && v.True()
}

// texts is a list of strings.
func (b *block) texts(name string) (all []string) {
	if v, ok := b.values[name]; ok {
		for _, item := range v.AsValueSlice() {
			all = append(all, item.AsString())
		}
	}
	return all
}
