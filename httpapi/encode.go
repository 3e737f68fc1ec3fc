package httpapi

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sidelock/sidelock/lease"
)

// encoder appends JSON. It keeps no stack: a comma goes before whatever does not follow an opening bracket, so the
// caller only has to close what it opened. Keys are literals of this package and need no escaping.
type encoder struct{ b []byte }

func (e *encoder) comma() {
	if n := len(e.b); n > 0 && e.b[n-1] != '{' && e.b[n-1] != '[' {
		e.b = append(e.b, ',')
	}
}

func (e *encoder) key(k string) {
	e.comma()
	e.b = append(e.b, '"')
	e.b = append(e.b, k...)
	e.b = append(e.b, '"', ':')
}

// object begins a member that is an object, item an object in an array or at the top.
func (e *encoder) object(k string) { e.key(k); e.b = append(e.b, '{') }
func (e *encoder) item()           { e.comma(); e.b = append(e.b, '{') }
func (e *encoder) end()            { e.b = append(e.b, '}') }
func (e *encoder) array(k string)  { e.key(k); e.b = append(e.b, '[') }
func (e *encoder) endArray()       { e.b = append(e.b, ']') }

func (e *encoder) null(k string) { e.key(k); e.b = append(e.b, "null"...) }

func (e *encoder) bool(k string, v bool) {
	e.key(k)
	e.b = strconv.AppendBool(e.b, v)
}

func (e *encoder) int(k string, v int64) {
	e.key(k)
	e.b = strconv.AppendInt(e.b, v, 10)
}

func (e *encoder) uint(k string, v uint64) {
	e.key(k)
	e.b = strconv.AppendUint(e.b, v, 10)
}

// uintOrNull writes null for zero, where zero means "none".
func (e *encoder) uintOrNull(k string, v uint64) {
	if v == 0 {
		e.null(k)
		return
	}
	e.uint(k, v)
}

// ms writes a duration in whole milliseconds, rounded down: a remaining time must not be overstated.
func (e *encoder) ms(k string, d time.Duration) { e.int(k, max(0, d.Milliseconds())) }

func (e *encoder) string(k, v string) { e.key(k); e.text(v) }

func (e *encoder) stringOrNull(k, v string) {
	if v == "" {
		e.null(k)
		return
	}
	e.string(k, v)
}

func (e *encoder) text(v string) {
	for i := 0; i < len(v); i++ {
		if c := v[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			// The error is for invalid UTF-8, which is replaced: an answer is valid JSON whatever it carries.
			e.b, _ = jsontext.AppendQuote(e.b, v)
			return
		}
	}
	e.b = append(e.b, '"')
	e.b = append(e.b, v...)
	e.b = append(e.b, '"')
}

// wall writes Unix microseconds as RFC 3339 in UTC.
func (e *encoder) wall(k string, micros int64) {
	e.key(k)
	e.b = append(e.b, '"')
	e.b = time.UnixMicro(micros).UTC().AppendFormat(e.b, "2006-01-02T15:04:05.000Z")
	e.b = append(e.b, '"')
}

// pairs writes a map of strings; an empty one is {}, not null.
func (e *encoder) pairs(k string, pairs []lease.Pair) {
	e.object(k)
	for _, p := range pairs {
		e.comma()
		e.text(p.Key)
		e.b = append(e.b, ':')
		e.text(p.Value)
	}
	e.end()
}
