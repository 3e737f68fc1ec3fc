package recipes_test

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// bindings are what values of the page stand for: its tokens and lease IDs for those that really came, from their first
// appearance on, and its indexes and IDs of events for those that came last.
type bindings struct {
	leases map[string]string
	tokens map[uint64]uint64
	places map[string]string // index=913, or 913.1
}

func newBindings() *bindings {
	return &bindings{leases: map[string]string{}, tokens: map[uint64]uint64{}, places: map[string]string{}}
}

func (b *bindings) clone() *bindings {
	return &bindings{maps.Clone(b.leases), maps.Clone(b.tokens), maps.Clone(b.places)}
}

// real puts the real values into a command of the page.
func (b *bindings) real(command string) string {
	for page, real := range b.leases {
		command = strings.ReplaceAll(command, page, real)
	}
	for page, real := range b.tokens {
		command = strings.ReplaceAll(command, fmt.Sprint(page), fmt.Sprint(real))
	}
	for page, real := range b.places {
		command = regexp.MustCompile(`\b`+regexp.QuoteMeta(page)+`\b`).ReplaceAllLiteralString(command, real)
	}
	return command
}

const roughly = 5000 // ms by which times may differ

// pieces are what is not compared letter by letter, and what may come in their place. A piece in brackets is looked at further.
var pieces = []struct{ page, came string }{
	{`…`, `.*?`},
	{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`, `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`},
	{`\bsl_[A-Z0-9]{26}\b`, `(sl_[A-Z0-9]{26})`},
	{`\b\d{16}\b`, `(\d{16})`},
	{`"index":\d+`, `("index":\d+)`},
	{`"id":"\d+\.\d+"`, `("id":"\d+\.\d+")`},
	{`^id: \d+\.\d+$`, `id: \d+\.\d+`},
	{`"[a-z_]+_ms":\d+`, `("[a-z_]+_ms":\d+)`},
}

var anyPiece = func() *regexp.Regexp {
	var all []string
	for _, p := range pieces {
		all = append(all, p.page)
	}
	return regexp.MustCompile(strings.Join(all, "|"))
}()

// match compares one line.
func (b *bindings) match(page, came string) error {
	page = compact(page)
	var pattern strings.Builder
	var watched []string
	at := 0
	for _, span := range anyPiece.FindAllStringIndex(page, -1) {
		pattern.WriteString(regexp.QuoteMeta(page[at:span[0]]))
		piece := page[span[0]:span[1]]
		for _, p := range pieces {
			if regexp.MustCompile(`^(?:` + p.page + `)$`).MatchString(piece) {
				pattern.WriteString(p.came)
				if strings.HasPrefix(p.came, "(") {
					watched = append(watched, piece)
				}
				break
			}
		}
		at = span[1]
	}
	pattern.WriteString(regexp.QuoteMeta(page[at:]))
	found := regexp.MustCompile(`^` + pattern.String() + `$`).FindStringSubmatch(came)
	if found == nil {
		return fmt.Errorf("the page has %s", page)
	}
	trial := b.clone()
	for i, piece := range watched {
		if err := trial.bind(piece, found[i+1]); err != nil {
			return err
		}
	}
	*b = *trial
	return nil
}

func (b *bindings) bind(page, came string) error {
	switch {
	case strings.HasPrefix(page, "sl_"):
		for p, r := range b.leases {
			if (p == page) != (r == came) {
				return fmt.Errorf("lease %s is %s on the page, which was %s before", came, page, r)
			}
		}
		b.leases[page] = came
		return nil
	case strings.HasPrefix(page, `"index":`):
		b.places["index="+page[len(`"index":`):]] = "index=" + came[len(`"index":`):]
		return nil
	case strings.HasPrefix(page, `"id":`):
		b.places[strings.Trim(page[len(`"id":`):], `"`)] = strings.Trim(came[len(`"id":`):], `"`)
		return nil
	case strings.HasPrefix(page, `"`):
		return sameTime(page, came)
	}
	p, r := mustParse(page), mustParse(came)
	for p2, r2 := range b.tokens { // what rises on the page rises in the group
		if (p2 == p) != (r2 == r) || (p2 < p) != (r2 < r) {
			return fmt.Errorf("token %d is %d on the page, where %d stands for %d", r, p, p2, r2)
		}
	}
	b.tokens[p] = r
	return nil
}

// sameTime compares two members whose name ends in _ms: a TTL exactly, all others roughly.
func sameTime(page, came string) error {
	key, value, _ := strings.Cut(page, ":")
	key2, value2, _ := strings.Cut(came, ":")
	p, r := mustParse(value), mustParse(value2)
	if key != key2 || max(p, r)-min(p, r) >= roughly || key == `"ttl_ms"` && p != r {
		return fmt.Errorf("%s, on the page %s", came, page)
	}
	return nil
}

// mustParse reads what a pattern has found to be digits.
func mustParse(digits string) uint64 {
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// compact takes the blanks out of JSON, as sidelock writes it.
func compact(line string) string {
	prefix := ""
	if rest, ok := strings.CutPrefix(line, "data: "); ok {
		prefix, line = "data: ", rest
	}
	if !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, "[") {
		return prefix + line
	}
	var b strings.Builder
	for part, text := range alternate(line) {
		if !text {
			part = strings.ReplaceAll(part, " ", "")
		}
		b.WriteString(part)
	}
	return prefix + b.String()
}

func TestLinesAreComparedStrictly(t *testing.T) {
	for _, c := range []struct {
		page, came string
		ok         bool
	}{
		{"work", "work", true},
		{"work", "work ", false},
		{"work.", "works", false},
		{"work … done", "work 1 2 done", true},
		{"work … done", "work 1 2 don", false},
		{`{"a": 1, "b": [true]}`, `{"a":1,"b":[true]}`, true},
		{`{"a": "x y"}`, `{"a":"x y"}`, true},
		{`{"a": "x y"}`, `{"a":"xy"}`, false},
		{`{"a": 1}`, `{"a":2}`, false},
		{`{"a": 1}`, `{"a":1,"b":2}`, false},
		{`{"a": 1, …}`, `{"a":1,"b":2}`, true},
		{`{"a": 1, …}`, `{"a":1}`, false},
		{`{"index": 1}`, `{"index":2}`, true},
		{`{"id": "1.1"}`, `{"id":"22.2"}`, true},
		{`{"id": "1.1"}`, `{"id":"n1"}`, false},
		{`{"at": "2026-01-05T09:30:00.491Z"}`, `{"at":"2027-11-24T08:40:09.447Z"}`, true},
		{`{"at": "2026-01-05T09:30:00.491Z"}`, `{"at":"2027-11-24"}`, false},
		{`{"held_for_ms": 10}`, `{"held_for_ms":900}`, true},
		{`{"held_for_ms": 10}`, `{"held_for_ms":90000}`, false},
		{`{"ttl_ms": 1000}`, `{"ttl_ms":1001}`, false},
		{`data: {"valid_for_ms": 10}`, `data: {"valid_for_ms":11}`, true},
		{`1763846400000041 1763846400000042`, `1763846400000091 1763846400000099`, true},
		{`1763846400000041 1763846400000042`, `1763846400000099 1763846400000091`, false},
		{`1763846400000041 1763846400000041`, `1763846400000091 1763846400000092`, false},
		{`1763846400000041 1763846400000042`, `1763846400000091 1763846400000091`, false},
		{"sl_AAAAAAAAAAAAAAAAAAAAAAAAAA sl_AAAAAAAAAAAAAAAAAAAAAAAAAA", "sl_BBBBBBBBBBBBBBBBBBBBBBBBBB sl_BBBBBBBBBBBBBBBBBBBBBBBBBB", true},
		{"sl_AAAAAAAAAAAAAAAAAAAAAAAAAA sl_AAAAAAAAAAAAAAAAAAAAAAAAAA", "sl_BBBBBBBBBBBBBBBBBBBBBBBBBB sl_CCCCCCCCCCCCCCCCCCCCCCCCCC", false},
		{"sl_AAAAAAAAAAAAAAAAAAAAAAAAAA sl_AAAAAAAAAAAAAAAAAAAAAAAAAB", "sl_BBBBBBBBBBBBBBBBBBBBBBBBBB sl_BBBBBBBBBBBBBBBBBBBBBBBBBB", false},
	} {
		if err := newBindings().match(c.page, c.came); (err == nil) != c.ok {
			t.Errorf("%s and %s: %v", c.page, c.came, err)
		}
	}
}
