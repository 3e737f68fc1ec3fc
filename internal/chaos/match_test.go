package chaos_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"
)

// bindings are what values of the page stand for.
type bindings struct {
	leases map[string]string
	tokens map[uint64]uint64
}

func newBindings() *bindings {
	return &bindings{leases: map[string]string{}, tokens: map[uint64]uint64{}}
}

func (b *bindings) clone() *bindings {
	return &bindings{maps.Clone(b.leases), maps.Clone(b.tokens)}
}

// real puts the real values into a command of the page.
func (b *bindings) real(command string) string {
	for page, real := range b.leases {
		command = strings.ReplaceAll(command, page, real)
	}
	for page, real := range b.tokens {
		command = strings.ReplaceAll(command, fmt.Sprint(page), fmt.Sprint(real))
	}
	return command
}

func (b *bindings) lease(page, real string) error {
	if !strings.HasPrefix(page, "sl_") && page != real {
		return fmt.Errorf("lease %q instead of the caller's own %q", real, page)
	}
	for p, r := range b.leases {
		if (p == page) != (r == real) {
			return fmt.Errorf("lease %q is %q on the page, which was %q before", real, page, r)
		}
	}
	b.leases[page] = real
	return nil
}

// token binds so that order is kept: what rises on the page rises in the group.
func (b *bindings) token(page, real uint64) error {
	for p, r := range b.tokens {
		if (p == page) != (r == real) || (p < page) != (r < real) {
			return fmt.Errorf("token %d is %d on the page, where %d stands for %d", real, page, p, r)
		}
	}
	b.tokens[page] = real
	return nil
}

// JSON with its order kept.
type (
	object []member
	member struct {
		key   string
		value any
	}
)

const anything = "…" // on the page: any value, or any members

// quoteEllipses makes JSON of what the page shows.
func quoteEllipses(s string) string {
	var out strings.Builder
	var stack []rune
	inText, afterColon, escaped := false, false, false
	for _, r := range s {
		switch {
		case inText:
			if r == '"' && !escaped {
				inText = false
			}
			escaped = r == '\\' && !escaped
		case r == '"':
			inText, afterColon = true, false
		case r == '{' || r == '[':
			stack, afterColon = append(stack, r), false
		case r == '}' || r == ']':
			stack = stack[:max(0, len(stack)-1)]
		case r == ':':
			afterColon = true
		case r == ',':
			afterColon = false
		case r == '…' && len(stack) > 0 && stack[len(stack)-1] == '{' && !afterColon:
			out.WriteString(`"…":"…"`)
			continue
		case r == '…':
			out.WriteString(`"…"`)
			afterColon = false
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func parse(s string) (any, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(s)))
	d.UseNumber()
	v, err := parseValue(d)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, s)
	}
	if d.More() {
		return nil, fmt.Errorf("something follows the JSON in %s", s)
	}
	return v, nil
}

func parseValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			o = append(o, member{key.(string), v})
		}
		_, err = d.Token()
		return o, err
	case json.Delim('['):
		a := []any{}
		for d.More() {
			v, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			a = append(a, v)
		}
		_, err = d.Token()
		return a, err
	}
	return t, nil
}

func (b *bindings) match(page, came string) error {
	want, err := parse(quoteEllipses(page))
	if err != nil {
		return fmt.Errorf("the page: %w", err)
	}
	got, err := parse(came)
	if err != nil {
		return err
	}
	return b.value("", want, got)
}

func (b *bindings) value(key string, want, got any) error {
	if want == anything {
		return nil
	}
	switch w := want.(type) {
	case object:
		g, ok := got.(object)
		if !ok {
			return fmt.Errorf("%s is no object", key)
		}
		return b.members(w, g)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Errorf("%s has not the %d elements of the page", key, len(w))
		}
		for i := range w {
			if err := b.value(key, w[i], g[i]); err != nil {
				return err
			}
		}
		return nil
	case json.Number:
		if g, ok := got.(json.Number); ok {
			return b.number(key, w, g)
		}
	case string:
		if g, ok := got.(string); ok {
			return b.text(key, w, g)
		}
	}
	if want != got {
		return fmt.Errorf("%s is %v, on the page %v", key, got, want)
	}
	return nil
}

func (b *bindings) members(want, got object) error {
	for i, w := range want {
		if w.key == anything {
			if i+1 == len(want) {
				return nil
			}
			for len(got) > 0 && got[0].key != want[i+1].key {
				got = got[1:]
			}
			continue
		}
		if len(got) == 0 || got[0].key != w.key {
			return fmt.Errorf("no %s where the page has it", w.key)
		}
		if err := b.value(w.key, w.value, got[0].value); err != nil {
			return err
		}
		got = got[1:]
	}
	if len(got) > 0 {
		return fmt.Errorf("%s is not on the page", got[0].key)
	}
	return nil
}

// number compares durations roughly, takes any index, binds tokens, and compares all others.
func (b *bindings) number(key string, page, came json.Number) error {
	w, err := strconv.ParseUint(page.String(), 10, 64)
	if err != nil {
		return err
	}
	g, err := strconv.ParseUint(came.String(), 10, 64)
	if err != nil {
		return err
	}
	const roughly = 5000
	switch {
	case key == "token":
		return b.token(w, g)
	case key == "index" || key == "term" || strings.HasSuffix(key, "_index"):
		w = g
	case strings.HasSuffix(key, "_ms") && key != "ttl_ms" && max(w, g)-min(w, g) < roughly:
		w = g
	}
	if w != g {
		return fmt.Errorf("%s is %d, on the page %d", key, g, w)
	}
	return nil
}

func (b *bindings) text(key, page, came string) error {
	switch key {
	case "lease":
		return b.lease(page, came)
	case "id":
		return nil
	case "granted_at":
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", page); err != nil {
			return err
		}
		_, err := time.Parse("2006-01-02T15:04:05.000Z", came)
		return err
	}
	if page != came {
		return fmt.Errorf("%s is %q, on the page %q", key, came, page)
	}
	return nil
}

func TestTranscriptsAreComparedStrictly(t *testing.T) {
	for _, c := range []struct {
		page, came string
		ok         bool
	}{
		{`{"a": 1, "b": [true]}`, `{"a":1,"b":[true]}`, true},
		{`{"a": 1}`, `{"a":2}`, false},
		{`{"a": 1}`, `{"a":1,"b":2}`, false},
		{`{"a": 1, "b": 2}`, `{"a":1}`, false},
		{`{"b": 2, "a": 1}`, `{"a":1,"b":2}`, false},
		{`{"a": 1, …}`, `{"a":1,"b":2}`, true},
		{`{…, "b": 2}`, `{"a":1,"b":2}`, true},
		{`{…, "b": 2}`, `{"a":1,"b":2,"c":3}`, false},
		{`{…, "b": 2}`, `{"a":1}`, false},
		{`{"a": …}`, `{"a":{"x":1}}`, true},
		{`{"a": null}`, `{"a":0}`, false},
		{`{"a": [{"x": 1}, …]}`, `{"a":[{"x":1},{"x":2}]}`, true},
		{`{"a": [{"x": 1}, …]}`, `{"a":[{"x":1}]}`, false},
		{`{"text": "{…"}`, `{"text":"{…"}`, true},
		{`{"held_for_ms": 10}`, `{"held_for_ms":900}`, true},
		{`{"held_for_ms": 10}`, `{"held_for_ms":90000}`, false},
		{`{"ttl_ms": 1000}`, `{"ttl_ms":1001}`, false},
		{`[{"token": 5}, {"token": 6}]`, `[{"token":70},{"token":90}]`, true},
		{`[{"token": 5}, {"token": 6}]`, `[{"token":70},{"token":60}]`, false},
		{`[{"token": 5}, {"token": 5}]`, `[{"token":70},{"token":90}]`, false},
		{`[{"token": 5}, {"token": 6}]`, `[{"token":70},{"token":70}]`, false},
		{`[{"lease": "sl_A"}, {"lease": "sl_A"}]`, `[{"lease":"sl_X"},{"lease":"sl_X"}]`, true},
		{`[{"lease": "sl_A"}, {"lease": "sl_A"}]`, `[{"lease":"sl_X"},{"lease":"sl_Y"}]`, false},
		{`[{"lease": "sl_A"}, {"lease": "sl_B"}]`, `[{"lease":"sl_X"},{"lease":"sl_X"}]`, false},
		{`{"lease": "mine"}`, `{"lease":"other"}`, false},
	} {
		if err := newBindings().match(c.page, c.came); (err == nil) != c.ok {
			t.Errorf("%s and %s: %v", c.page, c.came, err)
		}
	}
}
