package chaos_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
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

// worker is one client of a random run: it takes locks, works, renews, dawdles, releases or forgets to.
type worker struct {
	id    int
	rng   *mathrand.Rand
	group *chaos.Group
	h     *history
}

func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		if w.rng.IntN(4) == 0 {
			w.look()
		}
		if g := w.acquire(); g != nil {
			w.hold(ctx, g)
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

func (w *worker) name() string {
	if w.rng.IntN(2) == 0 {
		return fmt.Sprintf("hot-%d", w.rng.IntN(hotNames))
	}
	return fmt.Sprintf("cold-%d", w.rng.IntN(coldNames))
}

// ask sends one request through any sidecar and counts how it went.
func (w *worker) ask(within time.Duration, method, path string, pairs ...string) chaos.Answer {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	a := w.group.Nodes[w.rng.IntN(len(w.group.Nodes))].Ask(ctx, method, path, pairs...)
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
	return a
}

// unknown says that a request may have had an effect. One that found no process to take it has not.
func unknown(a chaos.Answer) bool { return a.Err != nil && !refused(a) || a.Status == 504 }

func refused(a chaos.Answer) bool { return errors.Is(a.Err, syscall.ECONNREFUSED) }

// acquire returns what the client holds now, or nil. An unknown outcome is repeated until it is known.
func (w *worker) acquire() *grant {
	g := &grant{name: w.name(), lease: rand.Text(), client: w.id, asked: time.Now()}
	ttl, wait := w.between(time.Second, 3*time.Second), time.Duration(0)
	if w.rng.IntN(2) == 0 {
		wait = w.between(100*time.Millisecond, 3*time.Second)
	}
	path := "/v1/locks/" + g.name
	pairs := []string{"lease", g.lease, "ttl", ttl.String(), "owner", fmt.Sprint("client-", w.id)}
	a := w.ask(wait+patience, "POST", path, append(pairs, "wait", wait.String())...)
	g.plain = wait == 0 && !unknown(a)
	if unknown(a) {
		a = w.settle("POST", path, pairs...)
	}
	if a.Status != 201 && a.Status != 200 {
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

// renew prolongs a grant. That it is lost before its safe deadline is a violation.
func (w *worker) renew(g *grant) (held bool) {
	a := w.ask(patience, "PUT", "/v1/locks/"+g.name, "lease", g.lease)
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
	w.settle("DELETE", "/v1/locks/"+g.name, "lease", g.lease)
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
	a := w.ask(patience, "GET", "/v1/locks/"+name)
	if a.Status != 200 {
		return
	}
	l := look{name: name, sent: a.Sent, got: a.Got}
	if len(a.Body.Holders) > 0 {
		l.token = a.Body.Holders[0].Token
	}
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	w.h.looks = append(w.h.looks, l)
}
