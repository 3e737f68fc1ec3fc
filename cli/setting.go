package cli

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// setting is the raw word of one flag, wherever it came from. Reading it never fails: a command judges it later,
// together with all its siblings, so that all faults are reported at once.
type setting struct {
	words   []string // of a scalar the last one counts
	from    string   // "SIDELOCK_VOTERS", "sidelock.yaml:3"; empty for the command line and for defaults
	noValue bool     // the flag stood there without its value
}

// sourced is what our resolvers hand to kong: words, and where they came from.
type sourced struct {
	words []string
	from  string
}

// take appends what the scanner holds.
func (s *setting) take(ctx *kong.DecodeContext) error {
	if !ctx.Scan.Peek().IsValue() {
		s.noValue = true
		return nil
	}
	switch v := ctx.Scan.Pop().Value.(type) {
	case sourced:
		s.words, s.from = v.words, v.from
	default:
		s.words = append(s.words, fmt.Sprint(v))
	}
	return nil
}

// word is the setting as one string, without surrounding space; empty if it was not given.
func (s *setting) word() string {
	if len(s.words) == 0 {
		return ""
	}
	return strings.TrimSpace(s.words[len(s.words)-1])
}

// text is a setting with one value.
type text struct{ setting }

// Decode implements kong.MapperValue.
func (t *text) Decode(ctx *kong.DecodeContext) error { return t.take(ctx) }

// list is a setting that may be repeated, or hold several values between commas.
type list struct{ setting }

// Decode implements kong.MapperValue.
func (l *list) Decode(ctx *kong.DecodeContext) error { return l.take(ctx) }

// toggle is a setting that is true where it stands alone.
type toggle struct{ setting }

// Decode implements kong.MapperValue.
func (t *toggle) Decode(ctx *kong.DecodeContext) error {
	// Only a value written as --flag=value belongs to a toggle: the next word is something else.
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		return t.take(ctx)
	}
	t.words = append(t.words, "true")
	return nil
}

// IsBool implements kong.BoolMapperValue.
func (t *toggle) IsBool() bool { return true }

var (
	_ kong.MapperValue     = (*text)(nil)
	_ kong.MapperValue     = (*list)(nil)
	_ kong.BoolMapperValue = (*toggle)(nil)
)

// reader turns settings into typed values and collects what is wrong with them. After a fault it returns a harmless
// value, so that the checks which follow can go on.
type reader struct{ faults *faults }

func (r reader) present(name string, s *setting) bool {
	if s.noValue {
		r.faults.add(name, s, "needs a value")
		return false
	}
	return true
}

// string reads a text; empty if it was not given.
func (r reader) string(name string, t *text) string {
	if !r.present(name, &t.setting) {
		return ""
	}
	if len(t.words) > 0 && t.word() == "" {
		r.faults.add(name, &t.setting, "is empty")
	}
	return t.word()
}

// readable reads the path of a file that must be there when the process starts; empty if none was given. What is in the file
// is for others to judge.
func (r reader) readable(name string, t *text) string {
	path := r.string(name, t)
	if path == "" {
		return ""
	}
	is, err := os.Stat(path)
	switch {
	case err != nil:
	case is.IsDir():
		err = fmt.Errorf("%s is a directory", path)
	case is.Mode().IsRegular(): // a pipe must be opened once only, by whoever reads it
		var f *os.File
		if f, err = os.Open(path); err == nil {
			f.Close()
		}
	}
	if err != nil {
		r.faults.add(name, &t.setting, "cannot be read: %v", err)
	}
	return path
}

// oneOf reads a text that must be one of the choices.
func (r reader) oneOf(name string, t *text, choices ...string) string {
	word := r.string(name, t)
	for _, c := range choices {
		if word == c {
			return c
		}
	}
	if word != "" {
		r.faults.add(name, &t.setting, "%q is not one of %s", word, strings.Join(choices, ", "))
	}
	return choices[0]
}

// integer reads a whole number from low to high.
func (r reader) integer(name string, t *text, low, high int) int {
	word := r.string(name, t)
	if word == "" {
		return low
	}
	n, err := strconv.Atoi(word)
	if err != nil {
		r.faults.add(name, &t.setting, "%q is not a whole number", word)
		return low
	}
	if n < low || n > high {
		r.faults.add(name, &t.setting, "%d is not within %d and %d", n, low, high)
		return low
	}
	return n
}

// duration reads a duration such as 25s, from zero to high.
func (r reader) duration(name string, t *text, high time.Duration) time.Duration {
	word := r.string(name, t)
	if word == "" {
		return 0
	}
	d, err := time.ParseDuration(word)
	if err != nil {
		r.faults.add(name, &t.setting, "%q is not a duration: write a number with its unit, such as 25s or 1m30s", word)
		return 0
	}
	if d < 0 || d > high {
		r.faults.add(name, &t.setting, "%s is not within 0s and %s", word, high)
		return 0
	}
	return d
}

// boolean reads a toggle; false if it was not given.
func (r reader) boolean(name string, t *toggle) bool {
	switch strings.ToLower(t.word()) {
	case "true", "yes", "1":
		return true
	case "false", "no", "0":
		return false
	case "":
		if len(t.words) > 0 {
			r.faults.add(name, &t.setting, "is empty: say true or false")
		}
		return false
	}
	r.faults.add(name, &t.setting, "%q is neither true nor false", t.word())
	return false
}

// items reads a list, in order, without repeats.
func (r reader) items(name string, l *list) []string {
	if !r.present(name, &l.setting) {
		return nil
	}
	var out []string
	seen := map[string]bool{}
	for _, words := range l.words {
		for item := range strings.SplitSeq(words, ",") {
			item = strings.TrimSpace(item)
			if item == "" {
				r.faults.add(name, &l.setting, "has an empty item")
				continue
			}
			if !seen[item] {
				seen[item] = true
				out = append(out, item)
			}
		}
	}
	if len(out) > maxListItems {
		r.faults.add(name, &l.setting, "has %d items, at most %d are allowed", len(out), maxListItems)
		return out[:maxListItems]
	}
	return out
}
