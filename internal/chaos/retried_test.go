package chaos_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// retry is a client that asks for a lock at one sidecar, hangs up there, and asks again with the same lease at another.
type retry struct {
	t             *testing.T
	group         *chaos.Group
	first, second *chaos.Node
	lock          string
	lease         string
	hold          bool

	held    chaos.Body // by somebody else, at first
	hangUp  context.CancelFunc
	gone    <-chan chaos.Answer // the first attempt's answer, for nobody
	granted <-chan chaos.Answer // the second attempt's, without hold
	stream  *chaos.Stream       // the second attempt's, with hold
	token   uint64
}

func (r *retry) path() string { return "/v1/locks/" + r.lock }

// pairs are those of both attempts.
func (r *retry) pairs() []string {
	return []string{"lease", r.lease, "ttl", "60s", "owner", "client", "wait", "50s"}
}

// ask is the first attempt.
func (r *retry) ask() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	r.hangUp = cancel
	path := r.path()
	if r.hold {
		path += "/hold"
	}
	r.gone = r.first.AskUntil(ctx, "POST", path, r.pairs()...)
}

func (r *retry) leave() {
	r.hangUp()
	if a := <-r.gone; a.Err == nil {
		r.t.Errorf("the first attempt was answered: %s", a)
	}
}

// again is the second attempt.
func (r *retry) again() {
	r.t.Helper()
	if r.hold {
		r.stream = r.second.Hold(r.path(), r.pairs()...).Begun(r.t)
		return
	}
	r.granted = r.second.AskOnceSent("POST", r.path(), r.pairs()...)
}

func (r *retry) inLine() { r.t.Helper(); awaitQueue(r.t, r.second, r.lock, "client") }

// grant lets the one go that holds, and waits for the second attempt to hold.
func (r *retry) grant() {
	r.t.Helper()
	r.second.Delete(r.path(), "lease", r.held.Lease).Want(r.t, 200)
	if r.hold {
		r.token = r.stream.Await(20*time.Second, "held").Token
		return
	}
	a := <-r.granted
	r.token = a.Want(r.t, 201).Body.Token
}

// retries are a client without and one with a hold, which go through the same.
type retries []*retry

func (all retries) each(do func(*retry)) {
	for _, r := range all {
		do(r)
	}
}

func (all retries) ask()    { all.each((*retry).ask); all.each((*retry).inLine) }
func (all retries) leave()  { all.each((*retry).leave) }
func (all retries) again()  { all.each((*retry).again); all.each((*retry).inLine) }
func (all retries) pause()  { all[0].first.Pause() }
func (all retries) resume() { all[0].first.Resume() }
func (all retries) grant()  { all.each((*retry).grant) }

// askUnread is ask at a sidecar that does not read it now.
func (all retries) askUnread() { all.each((*retry).ask) }

func (all retries) stayInLine() {
	all[0].settle()
	all.each(func(r *retry) { r.stays("in line", r.waits) })
}

// orders are the ways in which what the first sidecar does and what the second does may fall together.
var orders = []struct {
	name string
	run  func(retries)
}{
	{"noticed while the second waits", func(all retries) {
		all.ask()
		all.pause()
		all.leave()
		all.again()
		all.resume()
		all.stayInLine()
		all.grant()
	}},
	{"noticed after the grant", func(all retries) {
		all.ask()
		all.pause()
		all.leave()
		all.again()
		all.grant()
		all.resume()
	}},
	{"read while the second waits", func(all retries) {
		all.pause()
		all.askUnread()
		all.leave()
		all.again()
		all.resume()
		all.stayInLine()
		all.grant()
	}},
	{"read after the grant", func(all retries) {
		all.pause()
		all.askUnread()
		all.leave()
		all.again()
		all.grant()
		all.resume()
	}},
	{"given up after the grant", func(all retries) {
		all.ask()
		all.again()
		all.pause()
		all.grant()
		all.leave()
		all.resume()
	}},
}

// TestRetryKeepsWhatItGotWheneverTheFirstHangUpIsNoticed: the sidecar that a client has given up may notice it at any time, and
// may read the first call at any time.
func TestRetryKeepsWhatItGotWheneverTheFirstHangUpIsNoticed(t *testing.T) {
	t.Parallel()
	eachRole(t, ofThree, func(t *testing.T, g *chaos.Group, first *chaos.Node) {
		leads := first == g.Leader()
		for i, o := range orders {
			t.Run(o.name, func(t *testing.T) {
				if leads {
					first = g.Leader() // the pause before may have changed it
				}
				var all retries
				for j, hold := range []bool{false, true} {
					r := &retry{t: t, group: g, first: first, second: g.Others(first)[i%2], hold: hold,
						lock: fmt.Sprint("retried-", i, "-", j), lease: ownLease(2*i + j)}
					r.held = r.second.Post(r.path(), "ttl", "5m", "owner", "holder").Want(t, 201).Body
					all = append(all, r)
				}
				o.run(all)
				all[0].settle()
				all.each((*retry).keeps)
			})
		}
	})
}

// waits says whether the client still stands in line.
func (r *retry) waits() error {
	a := r.second.Get(r.path())
	if a.Status != 200 || len(a.Body.Queue) != 1 || a.Body.Queue[0].Owner != "client" {
		return fmt.Errorf("%s", a)
	}
	return nil
}

// settle waits until the first sidecar works again.
func (r *retry) settle() {
	r.t.Helper()
	r.first.AwaitReady()
	chaos.Until(r.t, 15*time.Second, "the first sidecar to take commands", func() error {
		if a := r.first.Post("/v1/locks/"+r.lock+"-unrelated", "ttl", "1s"); a.Status != 201 && a.Status != 423 {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
}

// stays checks for a while that something goes on being so.
func (r *retry) stays(what string, is func() error) {
	r.t.Helper()
	const while = 500 * time.Millisecond // much longer than a sidecar that works takes to notice a hang-up and to say so
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(while); time.Now().Before(end); <-ticker.C {
		if err := is(); err != nil {
			r.t.Fatalf("not %s any more: %v", what, err)
		}
	}
}

// keeps checks that the second attempt holds, whatever becomes of the first, and that letting go of it ends all.
func (r *retry) keeps() {
	r.t.Helper()
	r.stays("held", func() error {
		a := r.second.Get(r.path())
		if h := a.Body.Holders; a.Status != 200 || len(h) != 1 || h[0].Token != r.token {
			return fmt.Errorf("%s, want token %d", a, r.token)
		}
		return nil
	})
	next := make(chan chaos.Answer, 1)
	go func() { next <- r.second.Post(r.path(), "ttl", "60s", "wait", "50s", "owner", "next") }()
	awaitQueue(r.t, r.second, r.lock, "next")
	term, closed := groupTerm(r.group), time.Now()
	if r.hold {
		if f := r.stream.WantOpen().Drain(); has(f, "lost") || has(f, "jeopardy") {
			r.t.Errorf("the second attempt was told: %v", f)
		}
		r.stream.Close()
	} else {
		if a := r.second.Put(r.path(), "lease", r.lease).Want(r.t, 200); a.Body.Token != r.token {
			r.t.Errorf("want token %d: %s", r.token, a)
		}
		closed = time.Now()
		r.second.Delete(r.path(), "lease", r.lease).Want(r.t, 200)
	}
	a := (<-next).Want(r.t, 201)
	wantSoon(r.t, r.group, term, closed, a.Got, "the next grant after the second attempt had let go")
	r.second.Delete(r.path(), "lease", a.Body.Lease).Want(r.t, 200)
}
