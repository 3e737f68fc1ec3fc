package chaos_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

const (
	hotNames  = 3
	coldNames = 40
	// A request to a paused sidecar is given up after this and its wait; its outcome is then unknown.
	patience = 6 * time.Second
	settles  = 20 // tries to learn what became of an unknown one
)

// worker is one client of a random run: it takes locks, or campaigns, by requests or by a stream; it works, renews, dawdles, lets go or
// forgets to.
type worker struct {
	id     int
	rng    *mathrand.Rand
	group  *chaos.Group
	circle *circle // whom it asks, where that changes; else it asks the nodes of the group
	h      *history
}

func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		if w.rng.IntN(4) == 0 {
			w.look()
		}
		switch name := w.name(); w.rng.IntN(4) {
		case 0:
			w.stream(ctx, name)
		default:
			if g := w.acquire(name); g != nil {
				w.hold(ctx, g)
			}
		}
		pause(ctx, time.Duration(w.rng.IntN(30))*time.Millisecond)
	}
}

// pause is how a client spends its time; nothing waits for it.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (w *worker) between(least, most time.Duration) time.Duration {
	return (least + time.Duration(w.rng.Int64N(int64(most-least)))).Round(time.Millisecond)
}

// name is a lock or an election, as it stands in a path.
func (w *worker) name() string {
	space := "locks"
	if w.rng.IntN(4) == 0 {
		space = "elections"
	}
	if w.rng.IntN(2) == 0 {
		return fmt.Sprintf("%s/hot-%d", space, w.rng.IntN(hotNames))
	}
	return fmt.Sprintf("%s/cold-%d", space, w.rng.IntN(coldNames))
}

func isElection(name string) bool { return strings.HasPrefix(name, "elections/") }

func (w *worker) any() *chaos.Node {
	if w.circle != nil {
		return w.circle.any(w.rng)
	}
	return w.group.Nodes[w.rng.IntN(len(w.group.Nodes))]
}

// ask sends one request through any sidecar and counts how it went.
func (w *worker) ask(within time.Duration, method, path string, pairs ...string) chaos.Answer {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	a := w.any().Ask(ctx, method, path, pairs...)
	w.count(a, method)
	return a
}

func (w *worker) count(a chaos.Answer, method string) {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	switch {
	case unknown(a):
		w.h.unknown++
	case refused(a):
		w.h.failed++
	case a.Status < 300:
		w.h.ok++
		if method != "GET" {
			w.h.wrote(a.Got)
		}
	default:
		w.h.failed++
		if a.Status >= 500 && a.Status != 503 {
			w.h.violate("%s", a)
		}
	}
}

// unknown says that a request may have had an effect. One that found no process to take it has not.
func unknown(a chaos.Answer) bool { return a.Err != nil && !refused(a) || a.Status == 504 }

func refused(a chaos.Answer) bool { return errors.Is(a.Err, syscall.ECONNREFUSED) }

// begin draws what a client asks for.
func (w *worker) begin(name string) (g *grant, ttl, wait time.Duration, pairs []string) {
	g = &grant{name: name, lease: rand.Text(), client: w.id, asked: time.Now()}
	ttl = w.between(time.Second, 3*time.Second)
	if w.rng.IntN(2) == 0 {
		wait = w.between(100*time.Millisecond, 3*time.Second)
	}
	return g, ttl, wait, []string{"lease", g.lease, "ttl", ttl.String(), "owner", fmt.Sprint("client-", w.id)}
}

// acquire returns what the client holds now, or nil. An unknown outcome is repeated until it is known.
func (w *worker) acquire(name string) *grant {
	g, ttl, wait, pairs := w.begin(name)
	path, first := "/v1/"+g.name, pairs
	if !isElection(name) {
		first = append(slices.Clone(pairs), "wait", wait.String())
	}
	a := w.ask(wait+patience, "POST", path, first...)
	g.plain = (wait == 0 || isElection(name)) && !unknown(a)
	if unknown(a) {
		a = w.settle("POST", path, pairs...)
	}
	if a.Body.State == "standby" {
		g.plain, wait = false, max(wait, time.Millisecond)
		a = w.standBy(g, wait)
	}
	if a.Status != 201 && a.Status != 200 || a.Body.Token == 0 {
		return nil
	}
	g.token, g.index, g.from = a.Body.Token, a.Index(), a.Got
	g.until = a.Sent.Add(time.Duration(a.Body.ValidFor) * time.Millisecond)
	g.ends, g.kept = a.Got.Add(ttl), a.Sent.Add(ttl)
	if wait > 0 {
		g.until, g.kept = a.Got, a.Got // see below
	}
	w.h.mu.Lock()
	w.h.grants = append(w.h.grants, g)
	w.h.mu.Unlock()
	if wait > 0 {
		// The answer may have lain somewhere while its sidecar was paused: a waiter renews before it begins.
		w.renew(g)
	}
	return g
}

// standBy waits for a candidate to lead, and gives up the place if it does not come to that.
func (w *worker) standBy(g *grant, wait time.Duration) (a chaos.Answer) {
	for end := time.Now().Add(wait); ; {
		a = w.ask(time.Second+patience, "PUT", "/v1/"+g.name, "lease", g.lease, "wait", min(wait, 500*time.Millisecond).String())
		switch {
		case a.Status == 200 && a.Body.State == "leading":
			return a
		case a.Status == 409 || a.Status == 410:
			return a
		case time.Now().After(end):
			w.settle("DELETE", "/v1/"+g.name, "lease", g.lease)
			return chaos.Answer{}
		}
	}
}

// renew prolongs a grant. That it is lost before its safe deadline is a violation.
func (w *worker) renew(g *grant) (held bool) {
	a := w.ask(patience, "PUT", "/v1/"+g.name, "lease", g.lease)
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	switch {
	case a.Status == 200:
		if a.Body.Token != g.token {
			w.h.violate("%s: a renewal changed token %d to %d", g.name, g.token, a.Body.Token)
		}
		g.until = a.Sent.Add(time.Duration(a.Body.ValidFor) * time.Millisecond)
		ttl := time.Duration(a.Body.TTL) * time.Millisecond
		g.ends, g.kept = a.Got.Add(ttl), a.Sent.Add(ttl)
		return true
	case a.Status == 409 || a.Status == 410:
		if a.Got.Before(g.until) {
			w.h.violate("%s: token %d was lost %s before its safe deadline: %s", g.name, g.token, g.until.Sub(a.Got), a)
		}
		return false
	case unknown(a):
		// It may have been renewed: it ends later than this client can say.
		g.ends = a.Got.Add(time.Hour)
	}
	return true
}

// hold works under a grant.
func (w *worker) hold(ctx context.Context, g *grant) {
	for range w.rng.IntN(4) {
		w.h.write(g)
		pause(ctx, w.between(time.Millisecond, 150*time.Millisecond))
		if !w.renew(g) {
			return
		}
	}
	w.h.write(g)
	switch w.rng.IntN(10) {
	case 0, 1: // forgets to release
	case 2: // is paused itself, and wakes up after its deadline
		pause(ctx, time.Until(g.until)+w.between(0, 1500*time.Millisecond))
		w.h.write(g)
	default:
		w.release(g)
	}
}

// release gives the lock back and stops working under it before it says so.
func (w *worker) release(g *grant) {
	w.h.mu.Lock()
	if now := time.Now(); now.Before(g.until) {
		g.until = now
	}
	g.released = true
	w.h.mu.Unlock()
	w.settle("DELETE", "/v1/"+g.name, "lease", g.lease)
}

// settle repeats a request through one sidecar after another until its outcome is known.
func (w *worker) settle(method, path string, pairs ...string) (a chaos.Answer) {
	for range settles {
		if a = w.ask(patience, method, path, pairs...); !unknown(a) && !refused(a) && a.Status != 503 {
			return a
		}
		pause(context.Background(), w.between(20*time.Millisecond, 100*time.Millisecond))
	}
	return a
}

func (w *worker) look() {
	name := w.name()
	path, claim := "/v1/"+name, false
	if isElection(name) && w.rng.IntN(2) == 0 {
		path, claim = "/health/leader/"+strings.TrimPrefix(name, "elections/"), true
	}
	a := w.ask(patience, "GET", path)
	if a.Status != 200 {
		return
	}
	l := look{name: name, claim: claim, sent: a.Sent, got: a.Got}
	switch {
	case claim:
		l.token = a.Body.Token
	case a.Body.Leader != nil:
		l.token = a.Body.Leader.Token
	case len(a.Body.Holders) > 0:
		l.token = a.Body.Holders[0].Token
	}
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	w.h.looks = append(w.h.looks, l)
}
