package chaos_test

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// stream holds a name for as long as a connection lasts. When the connection breaks, the client goes on at another sidecar, or gives up.
func (w *worker) stream(ctx context.Context, name string) {
	g, ttl, wait, pairs := w.begin(name)
	g.streamed = true
	s := w.open(g, append(pairs, "wait", wait.String())...)
	defer func() { s.Close() }()
	if s.Status != http.StatusOK || !w.awaitGrant(s, g, wait) {
		return
	}
	w.h.mu.Lock()
	w.h.grants = append(w.h.grants, g)
	w.h.wrote(g.from)
	w.h.mu.Unlock()
	times := 1 + w.rng.IntN(5)
	if w.rng.IntN(6) == 0 {
		times += 15 // long enough to see a fault through
	}
	for range times {
		w.h.write(g)
		switch err := w.listen(s, g, w.between(time.Millisecond, 300*time.Millisecond)); {
		case errors.Is(err, chaos.ErrQuiet):
		case errors.Is(err, errLost):
			return
		default: // the sidecar has gone
			w.ends(g, ttl)
			s.Close()
			if w.rng.IntN(3) == 0 {
				w.h.write(g)
				return
			}
			again := w.resume(ctx, g, pairs)
			if again == nil {
				return
			}
			s = again
		}
	}
	w.h.write(g)
	w.h.mu.Lock()
	if now := time.Now(); now.Before(g.until) {
		g.until = now
	}
	g.released = true
	w.h.mu.Unlock()
	if w.rng.IntN(3) == 0 {
		s.Kill()
	}
}

func (w *worker) open(g *grant, pairs ...string) *chaos.Stream {
	s := w.any().Impatient(patience).Hold("/v1/"+g.name, pairs...)
	w.count(s.Answer, "GET") // it writes when it is granted
	return s
}

// awaitGrant follows a stream in line. A client that loses patience hangs up.
func (w *worker) awaitGrant(s *chaos.Stream, g *grant, wait time.Duration) bool {
	for first, end := true, time.Now().Add(wait+patience); ; first = false {
		f, err := s.Next(time.Until(end))
		if err != nil {
			return false
		}
		switch f.Event {
		case "held", "leading":
			g.token, g.from = f.Token, f.At
			if first {
				g.index, g.plain = s.Index(), true
			}
			w.h.mu.Lock()
			w.heard(g, f)
			w.h.mu.Unlock()
			return true
		case "lost":
			return false
		}
	}
}

// heard notes a deadline that was told. Each later one means the same moment or a later one, so it corrects one that was long under way.
func (w *worker) heard(g *grant, f chaos.Frame) {
	g.until = f.Deadline().Add(-underWay)
	g.kept = g.until
	g.ends = f.At.Add(time.Hour) // the sidecar renews
}

// ends notes that nobody renews any more.
func (w *worker) ends(g *grant, ttl time.Duration) {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	g.ends = time.Now().Add(ttl)
}

// errLost ends a stream that has said so.
var errLost = errors.New("lost")

// listen takes in what a stream says for a while; ErrQuiet is the good outcome.
func (w *worker) listen(s *chaos.Stream, g *grant, while time.Duration) error {
	for end := time.Now().Add(while); ; {
		f, err := s.Next(time.Until(end))
		if err != nil {
			return err
		}
		w.h.mu.Lock()
		switch f.Event {
		case "alive", "jeopardy":
			w.heard(g, f)
			if f.Event == "jeopardy" {
				w.h.warned++
			}
		case "lost":
			if f.At.Before(g.until) {
				w.h.violate("%s: token %d was told lost %s before the last deadline: %s", g.name, g.token, g.until.Sub(f.At), f)
			}
			err = errLost
		default:
			w.h.violate("%s: token %d was told %s", g.name, g.token, f)
		}
		w.h.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// resume goes on with the same lease at another sidecar, for as long as the last deadline allows.
func (w *worker) resume(ctx context.Context, g *grant, pairs []string) *chaos.Stream {
	for ctx.Err() == nil && time.Now().Before(g.until) {
		s := w.open(g, pairs...)
		if s.Status == http.StatusOK {
			if f, err := s.Next(patience); err == nil {
				if w.goesOn(g, f) {
					return s
				}
				s.Close()
				return nil
			}
		}
		s.Close()
		if s.Status == http.StatusGone {
			w.h.mu.Lock()
			if s.Got.Before(g.until) {
				w.h.violate("%s: token %d was gone %s before the last deadline: %s", g.name, g.token, g.until.Sub(s.Got), s.Answer)
			}
			w.h.mu.Unlock()
			return nil
		}
		pause(ctx, 20*time.Millisecond)
	}
	return nil
}

// goesOn checks the first frame of a stream that was resumed.
func (w *worker) goesOn(g *grant, f chaos.Frame) bool {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	if f.Event == "held" || f.Event == "leading" {
		if f.Token != g.token {
			w.h.violate("%s: token %d was resumed as %s", g.name, g.token, f)
		}
		w.heard(g, f)
		w.h.resumed++
		return true
	}
	if f.At.Before(g.until) {
		w.h.violate("%s: token %d was resumed %s before its last deadline as %s", g.name, g.token, g.until.Sub(f.At), f)
	}
	return false
}
