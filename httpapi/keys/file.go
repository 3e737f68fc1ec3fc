package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/sidelock/sidelock/lease"
	"go.yaml.in/yaml/v3"
)

// parse reads a file: strictly, and to its end, so that all that is wrong with it is said at once. It walks the nodes instead of
// decoding into structs because the library's own errors repeat values, and a value may be a key.
func parse(file []byte) ([]*Key, error) {
	var f faults
	root := f.root(file)
	if root == nil {
		return nil, f.err()
	}
	top := f.mapping(root, "the file", "keys")
	list := top["keys"]
	switch {
	case list == nil:
		f.add(root, "there is no list of keys: begin with `keys:`")
	case list.Kind != yaml.SequenceNode:
		f.add(list, "`keys` must be a list, an item for each key")
	case len(list.Content) == 0:
		f.add(list, "`keys` is empty, and nobody could call; to go without keys do not give a file")
	case len(list.Content) > MaxKeys:
		f.add(list, "%d keys, at most %d are allowed", len(list.Content), MaxKeys)
	default:
		return f.keys(list.Content)
	}
	return nil, f.err()
}

// keys reads the entries, and compares them with each other.
func (f *faults) keys(entries []*yaml.Node) ([]*Key, error) {
	keys := make([]*Key, 0, len(entries))
	for _, entry := range entries {
		k := f.key(entry)
		if k == nil {
			continue
		}
		for _, other := range keys {
			if k.name == other.name {
				f.add(entry, "a second key named %q", k.name)
			}
			if k.sum == other.sum {
				f.add(entry, "the key %q is the same as %q: two names for one key cannot be told apart", k.name, other.name)
			}
		}
		keys = append(keys, k)
	}
	return keys, f.err()
}

// key reads one entry; nil if it is of no use for comparison.
func (f *faults) key(entry *yaml.Node) *Key {
	before := f.count
	fields := f.mapping(entry, "a key", "name", "key", "sha256", "verbs", "prefixes")
	k := &Key{name: f.name(entry, fields["name"])}
	k.sum = f.sum(entry, fields["key"], fields["sha256"])
	k.verbs = f.verbs(entry, fields["verbs"])
	k.prefixes = f.prefixes(entry, fields["prefixes"])
	if f.count > before {
		return nil
	}
	return k
}

var nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)

func (f *faults) name(entry, n *yaml.Node) string {
	if n == nil {
		f.add(entry, "`name` is missing: what logs call this key")
		return ""
	}
	if n.Kind != yaml.ScalarNode || len(n.Value) > MaxNameBytes || !nameRule.MatchString(n.Value) {
		f.add(n, "`name` must be 1 to %d of A-Z a-z 0-9 . _ : - that begin with a letter or a digit", MaxNameBytes)
		return ""
	}
	return n.Value
}

// keyRule is what fits behind `Bearer` (RFC 6750).
var keyRule = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

func (f *faults) sum(entry, key, digest *yaml.Node) (sum [sha256.Size]byte) {
	switch {
	case key == nil && digest == nil:
		f.add(entry, "`key` is missing, or `sha256`, the hex digits of its SHA-256")
	case key != nil && digest != nil:
		f.add(digest, "give `key` or `sha256`, not both")
	case key != nil:
		if key.Kind != yaml.ScalarNode || len(key.Value) < MinKeyBytes || len(key.Value) > MaxKeyBytes || !keyRule.MatchString(key.Value) {
			f.add(key, "`key` must be %d to %d of A-Z a-z 0-9 . _ ~ + / - (= at its end), drawn at random: take one from `openssl rand -hex 32`", MinKeyBytes, MaxKeyBytes)
			return sum
		}
		return sha256.Sum256([]byte(key.Value))
	default:
		raw, err := hex.DecodeString(digest.Value)
		if digest.Kind != yaml.ScalarNode || err != nil || len(raw) != sha256.Size {
			f.add(digest, "`sha256` must be the %d hex digits that `printf %%s \"$KEY\" | sha256sum` prints", 2*sha256.Size)
			return sum
		}
		return [sha256.Size]byte(raw)
	}
	return sum
}

func (f *faults) verbs(entry, n *yaml.Node) (set Verb) {
	for _, item := range f.words(entry, n, "verbs", "what the key may do: [read], [read, write] or [read, write, admin]") {
		i := slices.IndexFunc(verbs, func(known namedVerb) bool { return known.word == item.Value })
		if i < 0 {
			f.add(item, "a verb is read, write or admin%s", quoted(item.Value))
			continue
		}
		set |= verbs[i].verb
	}
	return set
}

func (f *faults) prefixes(entry, n *yaml.Node) []string {
	items := f.words(entry, n, "prefixes", `the names that the key is for: [web, jobs.nightly], or ["*"] for every name`)
	if len(items) > MaxPrefixes {
		f.add(n, "%d prefixes, at most %d are allowed", len(items), MaxPrefixes)
		return nil
	}
	all := make([]string, 0, len(items))
	for _, item := range items {
		switch p := item.Value; {
		case p == everything && len(items) == 1:
			return nil
		case p == everything:
			f.add(item, `"*" is every name: give it alone`)
		case lease.ValidName(p) != nil:
			f.add(item, "a prefix is the beginning of a name: 1 to %d of A-Z a-z 0-9 . _ : - that begin with a letter or a digit%s", lease.MaxNameLen, quoted(p))
		case strings.IndexByte(delimiters, p[len(p)-1]) >= 0:
			f.add(item, "a prefix ends before the delimiter: it matches itself and what follows it after . or :%s", quoted(p))
		default:
			all = append(all, p)
		}
	}
	return outermost(all)
}

// outermost sorts prefixes, and drops those that lie below another.
func outermost(all []string) []string {
	slices.Sort(all)
	all = slices.Compact(all)
	outer := make([]string, 0, len(all))
	for _, p := range all {
		if !slices.ContainsFunc(all, func(other string) bool { return other != p && below(other, p) }) {
			outer = append(outer, p)
		}
	}
	return outer
}

// words reads a list of words that must not be empty.
func (f *faults) words(entry, n *yaml.Node, field, what string) []*yaml.Node {
	switch {
	case n == nil:
		f.add(entry, "`%s` is missing: %s", field, what)
		return nil
	case n.Kind != yaml.SequenceNode || len(n.Content) == 0:
		f.add(n, "`%s` must be a list with something in it: %s", field, what)
		return nil
	}
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			f.add(item, "`%s` must be a list of words: %s", field, what)
			return nil
		}
	}
	return n.Content
}

// root is the mapping that the file is.
func (f *faults) root(file []byte) *yaml.Node {
	if len(file) > MaxFileBytes {
		f.add(nil, "the file is larger than %d bytes", MaxFileBytes)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(file))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		f.add(nil, "the file is empty")
		return nil
	case err != nil:
		f.add(nil, "%s", unreadable(err))
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		f.add(&second, "the file goes on after the list of keys")
		return nil
	}
	return document.Content[0]
}

// mapping returns the fields of a mapping by their names, which must be among known.
func (f *faults) mapping(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	fields := map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		f.add(n, "%s must be a mapping with the fields %s", what, strings.Join(known, ", "))
		return fields
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		switch {
		case name.Kind != yaml.ScalarNode || !slices.Contains(known, name.Value):
			f.add(name, "unknown field%s: %s has %s", quoted(name.Value), what, strings.Join(known, ", "))
		case fields[name.Value] != nil:
			f.add(name, "`%s` is given twice", name.Value)
		case value.Kind == yaml.AliasNode:
			f.add(value, "aliases are not taken here: write the value of `%s` out", name.Value)
		case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
			f.add(value, "`%s` has no value", name.Value)
		default:
			fields[name.Value] = value
		}
	}
	return fields
}
