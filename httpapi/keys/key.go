package keys

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// Verb is one thing that a key may do, or a set of them.
type Verb uint8

// The verbs. None implies another.
const (
	Read  Verb = 1 << iota // look: locks, elections, leases, events, the group, metrics
	Write                  // take, renew and give back
	Admin                  // what ends or removes what others have
)

type namedVerb struct {
	verb Verb
	word string
}

var verbs = []namedVerb{{Read, "read"}, {Write, "write"}, {Admin, "admin"}}

// String lists the verbs of a set.
func (v Verb) String() string {
	var words []string
	for _, known := range verbs {
		if v&known.verb != 0 {
			words = append(words, known.word)
		}
	}
	return strings.Join(words, ", ")
}

// everything is the prefix of a key that reaches every name.
const everything = "*"

// delimiters end a prefix within a name.
const delimiters = ".:"

// Key is one API key, as the file has it. It does not change, and may be used concurrently.
type Key struct {
	name     string
	sum      [sha256.Size]byte
	verbs    Verb
	prefixes []string // sorted, none below another; nil: every name

	life context.Context
	end  context.CancelFunc
}

// Name is the key's label, for logs. It is no secret.
func (k *Key) Name() string { return k.name }

// Verbs are all that the key may do.
func (k *Key) Verbs() Verb { return k.verbs }

// May tells whether the key has one of the verbs.
func (k *Key) May(oneOf Verb) bool { return k.verbs&oneOf != 0 }

// Life ends when the key is no longer in force as it is: the file lacks it, or gives it other rights.
func (k *Key) Life() context.Context { return k.life }

// ReachesAll tells whether the key is for every name.
func (k *Key) ReachesAll() bool { return k.prefixes == nil }

// Reaches tells whether the key is for a lock or an election of this name: one of its prefixes is the name, or is
// followed there by a delimiter.
func (k *Key) Reaches(name string) bool {
	if k.prefixes == nil {
		return true
	}
	return slices.ContainsFunc(k.prefixes, func(prefix string) bool { return below(prefix, name) })
}

func below(prefix, name string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == "" || strings.IndexByte(delimiters, rest[0]) >= 0)
}

// Prefixes are those of the key, for people.
func (k *Key) Prefixes() string {
	if k.prefixes == nil {
		return everything
	}
	if more := len(k.prefixes) - maxShown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(k.prefixes[:maxShown], ", "), more)
	}
	return strings.Join(k.prefixes, ", ")
}

// Span is a run of names that are neighbours in their order: those that begin with From, or that one alone.
type Span struct {
	From string
	One  bool
}

// Spans are the names that begin with prefix and that the key reaches, in their order; none overlaps another. There are
// none if the key can reach no such name.
func (k *Key) Spans(prefix string) []Span {
	if k.prefixes == nil {
		return []Span{{From: prefix}}
	}
	var spans []Span
	for _, own := range k.prefixes {
		switch {
		case strings.HasPrefix(own, prefix):
			spans = append(spans, Span{From: own, One: true})
			for i := range len(delimiters) {
				spans = append(spans, Span{From: own + delimiters[i:i+1]})
			}
		case below(own, prefix):
			spans = append(spans, Span{From: prefix})
		}
	}
	slices.SortFunc(spans, func(a, b Span) int { return strings.Compare(a.From, b.From) })
	return spans
}

// Common is the longest prefix of all the names in spans.
func Common(spans []Span) string {
	if len(spans) == 0 {
		return ""
	}
	common := spans[0].From
	for _, s := range spans[1:] {
		for !strings.HasPrefix(s.From, common) {
			common = common[:len(common)-1]
		}
	}
	return common
}

// same tells whether two entries of a file are the same key with the same name and rights.
func (k *Key) same(other *Key) bool {
	return k.name == other.name && k.sum == other.sum && k.verbs == other.verbs && slices.Equal(k.prefixes, other.prefixes) &&
		k.ReachesAll() == other.ReachesAll()
}
