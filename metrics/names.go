package metrics

import (
	"strings"
	"sync"
)

// names are those of locks and elections that may be labels: the first MaxNames
// that match a pattern. Once one is a label it stays one, so that a scrape next
// year has no more of them than today's.
type names struct {
	patterns []string                // read-only; a name, or the beginning of one and a *
	admitted func(kind, name string) // told of each new label

	mu    sync.Mutex
	known map[named]struct{}
}

type named struct{ kind, name string }

// match tells whether a pattern names this.
func (n *names) match(name string) bool {
	for _, p := range n.patterns {
		if prefix, open := strings.CutSuffix(p, "*"); name == p || open && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// admit tells whether a name that matches may be a label.
func (n *names) admit(kind, name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, is := n.known[named{kind, name}]; is {
		return true
	}
	if len(n.known) >= MaxNames {
		return false
	}
	if n.known == nil {
		n.known = map[named]struct{}{}
	}
	n.known[named{kind, name}] = struct{}{}
	n.admitted(kind, name)
	return true
}

// labels are those of a source's names that may be labels, each once.
func (n *names) labels(all []Name) (some []Name) {
	seen := map[named]struct{}{}
	for _, one := range all {
		if _, twice := seen[named{one.Kind, one.Name}]; twice || !n.match(one.Name) || !n.admit(one.Kind, one.Name) {
			continue
		}
		seen[named{one.Kind, one.Name}] = struct{}{}
		some = append(some, one)
	}
	return some
}
