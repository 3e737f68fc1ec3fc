package lease

import (
	"fmt"
	"testing"
	"time"
)

// TestTokensRise is property P2 within one group, over everything that happens to a state.
func TestTokensRise(t *testing.T) {
	r := newRig(t, func(s *Settings) { s.MaxFree = 1 })
	last := firstToken
	grant := func(name, lease string) {
		t.Helper()
		got := r.held(r.do(acquire(name, lease)))
		if got.Token != last+1 {
			t.Fatalf("token %d after %d", got.Token, last)
		}
		last = got.Token
		r.do(release(name, lease))
	}
	grant("db", "a")
	r.restore()
	grant("db", "b")
	grant("x", "c")
	grant("y", "d") // "db" is forgotten by now
	grant("db", "e")
	settings := DefaultSettings()
	for _, floor := range []Token{0, 5, last, last + 100, maxToken + 1} {
		r.apply(Command{Op: OpBootstrap, Token: floor, Settings: &settings})
		if floor > last && floor <= maxToken {
			last = floor
		}
		r.restore()
		grant("db", fmt.Sprint("f", floor))
	}
	if r.s.LastToken() != last {
		t.Fatalf("last token %d, want %d", r.s.LastToken(), last)
	}
}

func TestSettingsAreSetOnce(t *testing.T) {
	r := newRig(t)
	before, _ := r.s.Settings()
	other := Settings{MinTTL: time.Hour}
	r.want(r.apply(Command{Op: OpBootstrap, Settings: &other})[0], OK)
	if after, ok := r.s.Settings(); !ok || after != before {
		t.Fatalf("settings %+v", after)
	}
}
