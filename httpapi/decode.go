package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sidelock/sidelock/lease"
)

// decoder collects the parameters of one request from all places where they may stand. They are one list: what is
// given in two places is given twice, and refused.
type decoder struct {
	allowed  params
	v        *values
	seen     params // by name; the keys of metadata are looked at one by one
	metaSize int
}

// decode fills v from the query string, the header and the body.
func decode(r *http.Request, body []byte, allowed params, v *values) *problem {
	d := decoder{allowed: allowed, v: v}
	if p := d.pairs(r.URL.RawQuery, "query string"); p != nil {
		return p
	}
	if p := d.header(r.Header); p != nil {
		return p
	}
	if len(body) > 0 {
		if p := d.body(r.Header, body); p != nil {
			return p
		}
	}
	return d.finish()
}

func (d *decoder) body(h http.Header, body []byte) *problem {
	media, p := mediaType(h)
	if p != nil {
		return p
	}
	if media == jsonType {
		return d.json(body)
	}
	return d.pairs(string(body), "form")
}

// header takes the lease ID from Sidelock-Lease, where it stays out of URLs and so out of logs.
func (d *decoder) header(h http.Header) *problem {
	for _, id := range h[leaseHeader] {
		if p := d.put("lease", id); p != nil {
			return p
		}
	}
	return nil
}

// find returns the parameter that is called name in this call, or -1.
func (d *decoder) find(name string) int {
	for id := range specs {
		if specs[id].name == name && d.allowed.has(param(id)) {
			return id
		}
	}
	return -1
}

// lookup finds a parameter and notes that it has been given.
func (d *decoder) lookup(name string) (*spec, *problem) {
	id := d.find(name)
	if id < 0 {
		return nil, d.unknown(name)
	}
	if d.seen.has(param(id)) {
		return nil, invalid(name, "parameter %s is given twice", name)
	}
	d.seen |= set(param(id))
	d.v.given |= set(param(id))
	return &specs[id], nil
}

// put takes one parameter given as text.
func (d *decoder) put(name, value string) *problem {
	if key, ok := strings.CutPrefix(name, "metadata."); ok && d.allowed.has(pMetadata) {
		return d.metadata(key, value)
	}
	s, p := d.lookup(name)
	if p != nil {
		return p
	}
	if s.kind == object {
		return wrongValue(s, fmt.Sprintf("write %s.KEY=VALUE, once for each key", name))
	}
	return d.parse(s, value)
}

func (d *decoder) parse(s *spec, value string) *problem {
	if wrong := s.parse(d.v, value); wrong != "" {
		return wrongValue(s, wrong)
	}
	return nil
}

func (d *decoder) metadata(key, value string) *problem {
	d.v.given |= set(pMetadata)
	for _, p := range d.v.metadata {
		if p.Key == key {
			return invalid("metadata", "parameter metadata.%s is given twice", printable(key))
		}
	}
	// Refused here already, and not only at the end, because it also bounds the loop above.
	if d.metaSize += len(key) + len(value); d.metaSize > lease.MaxMetadataBytes {
		return wrongValue(&specs[pMetadata], fmt.Sprintf("keys and values may have %d bytes together", lease.MaxMetadataBytes))
	}
	d.v.metadata = append(d.v.metadata, lease.Pair{Key: key, Value: value})
	return nil
}

// finish checks what can be checked only when everything is there.
func (d *decoder) finish() *problem {
	if d.v.given.has(pLimit) && d.v.given.has(pMode) {
		return wrongValue(&specs[pLimit], "give limit or mode, not both: exclusive is limit=1, shared is no limit")
	}
	slices.SortFunc(d.v.metadata, func(a, b lease.Pair) int { return strings.Compare(a.Key, b.Key) })
	if f := lease.ValidMetadata(d.v.metadata); f != nil {
		return wrongValue(&specs[pMetadata], f.Detail)
	}
	return nil
}

// pairs reads a query string or a form. Unlike net/url it refuses what it does not understand.
func (d *decoder) pairs(s, where string) *problem {
	for s != "" {
		var pair string
		pair, s, _ = strings.Cut(s, "&")
		if pair == "" {
			continue
		}
		if strings.IndexByte(pair, ';') >= 0 {
			return invalid("", "the %s has a semicolon; parameters are separated by &, and a semicolon in a value is written %%3B", where)
		}
		name, value, ok := strings.Cut(pair, "=")
		name, okName := unescape(name)
		if !okName {
			return invalid("", "the %s has a parameter whose name is not well escaped UTF-8", where)
		}
		if !ok {
			return invalid(clip(name), "parameter %s has no value: write %s=VALUE", printable(name), clip(name))
		}
		value, okValue := unescape(value)
		if !okValue {
			return invalid(clip(name), "the value of parameter %s is not well escaped UTF-8", printable(name))
		}
		if p := d.put(name, value); p != nil {
			return p
		}
	}
	return nil
}

// unescape undoes the escaping of forms. It reports whether the result is UTF-8 and every escape whole.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, utf8.ValidString(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '+':
			b.WriteByte(' ')
		case '%':
			if i+2 >= len(s) || !hex(s[i+1]) || !hex(s[i+2]) {
				return "", false
			}
			b.WriteByte(nibble(s[i+1])<<4 | nibble(s[i+2]))
			i += 2
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), utf8.ValidString(b.String())
}

func hex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func nibble(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// unknown names the offender and, where that helps, what was probably meant.
func (d *decoder) unknown(name string) *problem {
	var known []string
	for id := range specs {
		if d.allowed.has(param(id)) {
			known = append(known, specs[id].name)
			if strings.EqualFold(specs[id].name, name) {
				return invalid(clip(name), "there is no parameter %s; it is written %s", printable(name), specs[id].name)
			}
		}
	}
	if len(known) == 0 {
		return invalid(clip(name), "there is no parameter %s; this call takes none", printable(name))
	}
	return invalid(clip(name), "there is no parameter %s; this call takes %s", printable(name), strings.Join(known, ", "))
}

func printable(s string) string { return strconv.QuoteToGraphic(clip(s)) }

func wrongValue(s *spec, wrong string) *problem {
	if !strings.HasPrefix(wrong, s.name) {
		wrong = s.name + ": " + wrong
	}
	return &problem{code: s.code, param: s.name, detail: wrong}
}

func invalid(param, format string, args ...any) *problem {
	return &problem{code: lease.InvalidRequest, param: param, detail: fmt.Sprintf(format, args...)}
}
