package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// fileResolver feeds a YAML file to kong: one mapping whose keys are the command's flags without their dashes, and
// whose values are scalars, or sequences of scalars where a flag may be repeated.
type fileResolver struct{ settings map[string]sourced }

var _ kong.Resolver = (*fileResolver)(nil)

// Validate implements kong.Resolver; loadFile has judged the keys.
func (*fileResolver) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (r *fileResolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if s, ok := r.settings[flag.Name]; ok {
		return s, nil
	}
	return nil, nil
}

// loadFile reads the file that --config names, for a command with those flags. What is wrong with it goes into f, by
// line; the sound rest is returned all the same.
func loadFile(path string, flags []*kong.Flag, f *faults) *fileResolver {
	r := &fileResolver{settings: map[string]sourced{}}
	root, err := readYAML(path)
	if err != nil {
		f.add("config", nil, "%v", err)
		return r
	}
	if root == nil {
		return r
	}
	if root.Kind != yaml.MappingNode {
		f.at(place(path, root), "must be a mapping of settings, such as `data-dir: /var/lib/sidelock`")
		return r
	}
	byName, names := map[string]*kong.Flag{}, []string(nil)
	for _, flag := range flags {
		if configurable(flag) && flag.Name != "config" {
			byName[flag.Name] = flag
			names = append(names, flag.Name)
		}
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		flag, ok := byName[key.Value]
		if !ok {
			f.at(place(path, key), "unknown key %q%s", key.Value, didYouMean(key.Value, names))
			continue
		}
		if before, twice := r.settings[flag.Name]; twice {
			f.at(place(path, key), "%q is set twice, first at %s", key.Value, before.from)
			continue
		}
		words, fault := scalars(value, flag)
		if fault != "" {
			f.at(place(path, value), "%q %s", key.Value, fault)
			continue
		}
		r.settings[flag.Name] = sourced{words: words, from: place(path, key)}
	}
	return r
}

func place(path string, n *yaml.Node) string { return fmt.Sprintf("%s:%d", path, n.Line) }

// readYAML returns the root of the file's only document, nil if the file says nothing.
func readYAML(path string) (*yaml.Node, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err // names the file
	}
	defer file.Close()
	limited := &io.LimitedReader{R: file, N: maxConfigBytes + 1}
	decoder := yaml.NewDecoder(limited)
	var document, second yaml.Node
	err = decoder.Decode(&document)
	switch {
	case limited.N == 0:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxConfigBytes)
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return nil, fmt.Errorf("%s:%d: a second document; a configuration file has one", path, second.Line)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	return root, nil
}

// scalars returns the words of a value as they stand in the file: `3` and `"3"` are the same word. The second result
// says what is wrong, if anything.
func scalars(n *yaml.Node, flag *kong.Flag) ([]string, string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	_, repeatable := flag.Target.Addr().Interface().(*list)
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil, "has no value: leave the key out, or give it one"
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}, ""
	case n.Kind == yaml.SequenceNode && !repeatable:
		return nil, "takes one value, not a list"
	case n.Kind != yaml.SequenceNode:
		return nil, "takes a value, not a mapping"
	}
	words := make([]string, 0, len(n.Content))
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return nil, "must be a list of plain values"
		}
		words = append(words, item.Value)
	}
	if len(words) == 0 {
		return nil, "is an empty list: leave the key out, or give it an item"
	}
	return words, ""
}
