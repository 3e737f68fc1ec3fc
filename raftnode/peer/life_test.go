package peer

import (
	"net"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/sim"
)

// Guard 15, told by what is remembered of a node alone: what a hello may say after another, and what it may not.
func TestLifeNeverGoesBack(t *testing.T) {
	was := Life{Instance: "first", Boot: 3, Term: 7, LastIndex: 50, Committed: 40}
	for name, c := range map[string]struct {
		now  Life
		want Code
	}{
		"the same process":                      {Life{Instance: "first", Boot: 3, Term: 7, LastIndex: 50, Committed: 40}, ""},
		"a hello of it that overtook another":   {Life{Instance: "first", Boot: 3, Term: 6, LastIndex: 30, Committed: 20}, ""},
		"started again":                         {Life{Instance: "second", Boot: 4, Term: 7, LastIndex: 50, Committed: 40}, ""},
		"without what was never committed":      {Life{Instance: "second", Boot: 4, Term: 7, LastIndex: 40, Committed: 35}, ""},
		"an earlier start":                      {Life{Instance: "second", Boot: 2, Term: 7, LastIndex: 50, Committed: 40}, CodeSuperseded},
		"another process of the same start":     {Life{Instance: "second", Boot: 3, Term: 7, LastIndex: 50, Committed: 40}, CodeSuperseded},
		"a term that it has forgotten":          {Life{Instance: "second", Boot: 4, Term: 6, LastIndex: 50, Committed: 40}, CodeRolledBack},
		"an acknowledged entry that is missing": {Life{Instance: "second", Boot: 4, Term: 7, LastIndex: 39, Committed: 39}, CodeRolledBack},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLives(nil)
			hello := func(life Life) Hello { return Hello{NodeID: "n", Name: "web-0", Life: life} }
			if code, why := l.judge(hello(was)); code != "" {
				t.Fatalf("%s: %s", code, why)
			}
			if code, why := l.judge(hello(c.now)); code != c.want {
				t.Errorf("%s (%s), want %q", code, why, c.want)
			}
			if c.want != CodeRolledBack {
				return
			}
			// However far that process comes by itself, it has voted or acknowledged and forgotten it.
			c.now.Term, c.now.LastIndex = 99, 999
			if code, _ := l.judge(hello(c.now)); code != CodeRolledBack {
				t.Errorf("later it is %q", code)
			}
		})
	}
}

// Guard 15: of two living processes of one identity the second is refused, by who hears the first and by who is told that it is alive.
func TestSecondOfTwoLivingProcessesIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		first := Hello{NodeID: "n", Life: Life{Instance: "first", Boot: 1}}
		second := Hello{NodeID: "n", Life: Life{Instance: "second", Boot: 2}}

		heard := newLives(nil)
		heard.judge(first)
		_, _, done := heard.accepted(near, first)
		if code, _ := heard.judge(second); code != CodeTwin {
			t.Errorf("beside one that is heard: %q", code)
		}
		time.Sleep(2 * twinSilence)
		if code, _ := heard.judge(second); code != "" {
			t.Errorf("in place of one that fell silent: %q", code)
		}
		done()

		told := newLives(func(id string) bool { return id == "n" })
		told.judge(first)
		if code, _ := told.judge(second); code != CodeTwin {
			t.Errorf("beside one that others hear: %q", code)
		}
	})
}

// Guard 15: a probe is answered whoever asks, and what it says of itself does not move the address of a node that is alive elsewhere.
func TestCopyThatProbesDoesNotMoveTheOriginalsAddress(t *testing.T) {
	bubble(t, func(t *testing.T, n *sim.Net) {
		alive := func(instance string, boot uint64) func(*Config, *Identity) {
			return func(_ *Config, id *Identity) { id.NodeID, id.Life = "id-a", Life{Instance: instance, Boot: boot} }
		}
		b := openPort(t, n, "b", nil)
		original := openPort(t, n, "a", alive("first", 1))
		twin := openPort(t, n, "c", alive("second", 2))
		defer b.Close()
		defer original.Close()
		defer twin.Close()
		b.Book().Learn("id-a", Entry{Address: "a:5626", Name: "a"})
		conn, _, err := twin.DialAddr(within(t, time.Second), KindProbe, "b:5626")
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if e, _ := b.Book().Lookup("id-a"); e.Address != "a:5626" {
			t.Errorf("the original is looked for at %s", e.Address)
		}
	})
}
