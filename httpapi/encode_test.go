package httpapi

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sidelock/sidelock/lease"
)

func FuzzAnswersAreJSONWhateverTheyCarry(f *testing.F) {
	for _, s := range []string{"", "web-0", `"`, `\`, "a\nb", "\x00", "\x1b[31m", "\x7f", "é", "\u2028", "\xff", "</script>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var e encoder
		e.item()
		e.string("text", s)
		e.pairs("map", []lease.Pair{{Key: s, Value: s}})
		e.end()
		var got struct {
			Text string
			Map  map[string]string
		}
		if err := json.Unmarshal(e.b, &got); err != nil {
			t.Fatalf("%v: %s", err, e.b)
		}
		if utf8.ValidString(s) && (got.Text != s || got.Map[s] != s) {
			t.Fatalf("%q became %s", s, e.b)
		}
	})
}

func TestRemainingTimesAreNeverOverstated(t *testing.T) {
	var e encoder
	e.item()
	e.ms("a", 1999*time.Microsecond)
	e.ms("b", -time.Second)
	e.end()
	if got := string(e.b); got != `{"a":1,"b":0}` {
		t.Error(got)
	}
}
