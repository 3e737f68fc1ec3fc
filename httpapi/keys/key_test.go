package keys_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/httpapi/keys"
)

func keyFor(t *testing.T, prefixes string) *keys.Key {
	t.Helper()
	ring, err := keys.New([]byte("keys:\n" + entry("web", webKey, "[read]", prefixes)))
	if err != nil {
		t.Fatal(err)
	}
	return ring.Find(webKey)
}

func TestPrefixMatchesTheNameItselfOrAtADelimiter(t *testing.T) {
	k := keyFor(t, "[web, a.b]")
	for name, want := range map[string]bool{
		"web": true, "web.1": true, "web:1": true, "web.": true, "web.1.2": true, "a.b": true, "a.b.c": true, "a.b:c": true,
		"web-1": false, "web_1": false, "website": false, "we": false, "w": false, "": false, "Web": false, "x.web": false, "a": false, "a.bc": false, "a:b": false,
	} {
		if k.Reaches(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	if all := keyFor(t, `["*"]`); !all.Reaches("anything") || !all.Reaches("") {
		t.Error("* is not every name")
	}
}

// TestSpansAreExactlyTheNamesThatTheKeyReaches: a list reads the spans, one after the other, and must show what the key may see, all of it,
// and in order.
func TestSpansAreExactlyTheNamesThatTheKeyReaches(t *testing.T) {
	var names []string
	letters := []string{"a", "b", ".", ":", "-", "A", "_", "0"}
	for _, one := range letters[:2] {
		names = append(names, one)
		for _, two := range letters {
			names = append(names, one+two)
			for _, three := range letters {
				names = append(names, one+two+three, one+two+three+"a")
			}
		}
	}
	slices.Sort(names)
	for _, prefixes := range []string{"[a]", "[a, b]", "[a, a.b, a-b]", "[ab, a, aba]", "[a.b, a.a, b]", "[b-, a_]", `["*"]`} {
		k := keyFor(t, prefixes)
		for _, prefix := range append([]string{"", "c"}, names[:60]...) {
			var want, got []string
			for _, n := range names {
				if strings.HasPrefix(n, prefix) && k.Reaches(n) {
					want = append(want, n)
				}
			}
			spans := k.Spans(prefix)
			for _, s := range spans {
				for _, n := range names {
					if n == s.From || !s.One && strings.HasPrefix(n, s.From) {
						got = append(got, n)
					}
				}
				if !strings.HasPrefix(s.From, keys.Common(spans)) {
					t.Errorf("%s: %q does not begin with the common %q", prefixes, s.From, keys.Common(spans))
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s below %q:\n got %v\nwant %v", prefixes, prefix, got, want)
			}
		}
	}
	for prefixes, want := range map[string]string{"[web.a, web.b]": "web.", "[web]": "web", "[a, b]": "", `["*"]`: ""} {
		if got := keys.Common(keyFor(t, prefixes).Spans("")); got != want {
			t.Errorf("%s have %q in common, want %q", prefixes, got, want)
		}
	}
}

func TestManyPrefixesAreNotAllShown(t *testing.T) {
	var list []string
	for i := range 12 {
		list = append(list, fmt.Sprintf("p%02d", i))
	}
	if got, want := keyFor(t, "["+strings.Join(list, ", ")+"]").Prefixes(), "p00, p01, p02, p03, p04, p05, p06, p07 and 4 more"; got != want {
		t.Errorf("%s", got)
	}
}
