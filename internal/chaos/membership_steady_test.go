package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

// steady is a client that holds one lock all the time. Where its sidecar stops it goes on with the same lease at another; whatever happens
// to the group, it must not lose the lock.
type steady struct {
	*worker
	path, lease string
	at          *chaos.Node   // where it holds by a stream; nil: anywhere
	held        chan struct{} // closed once it holds
	token       uint64
	moved       int // from one sidecar to another
	faults      []string
}

func (s *steady) fault(format string, args ...any) {
	s.faults = append(s.faults, s.path+": "+fmt.Sprintf(format, args...))
}

// has notes what token it holds with.
func (s *steady) has(token uint64) {
	switch {
	case s.token == 0:
		s.token = token
		close(s.held)
	case token != s.token:
		s.fault("held with token %d, then with token %d", s.token, token)
	}
}

// lostBy tells whether an answer means that the lock was lost.
func lostBy(status int) bool {
	return status == http.StatusConflict || status == http.StatusGone || status == http.StatusLocked || status == http.StatusNotFound
}

// byRenewal asks any sidecar.
func (s *steady) byRenewal(ctx context.Context) {
	for ctx.Err() == nil && s.token == 0 {
		if a := s.ask(patience, "POST", s.path, "lease", s.lease, "ttl", steadyTTL.String()); a.Status < 300 && a.Err == nil {
			s.has(a.Body.Token)
		}
	}
	for ctx.Err() == nil {
		switch a := s.ask(patience, "PUT", s.path, "lease", s.lease); {
		case a.Err != nil:
			pause(ctx, 50*time.Millisecond)
		case a.Status == http.StatusOK:
			s.has(a.Body.Token)
			pause(ctx, steadyRenews)
		case lostBy(a.Status):
			s.fault("lost: %s", a)
			return
		default:
			pause(ctx, 50*time.Millisecond)
		}
	}
}

// byStream stays at its sidecar for as long as that lets it.
func (s *steady) byStream(ctx context.Context) {
	for ctx.Err() == nil {
		over := s.follow(ctx)
		if over {
			return
		}
		s.moved++
		s.at = s.any()
		pause(ctx, 20*time.Millisecond)
	}
}

// follow holds at one sidecar until the stream ends; over says that there is no use in another.
func (s *steady) follow(ctx context.Context) (over bool) {
	stream := s.at.Impatient(patience).Hold(s.path, "lease", s.lease, "ttl", steadyTTL.String())
	s.count(stream.Answer, "GET")
	if stream.Status != http.StatusOK {
		if s.token != 0 && lostBy(stream.Status) {
			s.fault("lost: %s", stream.Answer)
			return true
		}
		return false
	}
	for ctx.Err() == nil {
		f, err := stream.Next(100 * time.Millisecond)
		switch {
		case errors.Is(err, chaos.ErrQuiet):
		case err != nil:
			return false
		case f.Event == "held":
			s.has(f.Token)
		case f.Event == "lost", f.Event == "queued" && s.token != 0:
			s.fault("its stream at %s was told %s", s.at.Name, f)
			return true
		}
	}
	return true // the stream stays open, and so the lock held, until the test ends
}

// keeper is a client that takes locks that are to be there at the end, and gives some of them back.
type keeper struct {
	*worker
	kept []kept
}

// kept is a lock that a keeper was granted.
type kept struct {
	name, lease string
	token       uint64
	released    bool
}

func (k *keeper) run(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		one := kept{name: fmt.Sprintf("kept-%d-%d", k.id, i), lease: fmt.Sprintf("own-lease-of-keeper-%d-%05d", k.id, i)}
		a := k.settle("POST", "/v1/locks/"+one.name, "ttl", "1h", "lease", one.lease, "owner", "keeper")
		if a.Status == 201 || a.Status == 200 {
			one.token = a.Body.Token
			if i%4 == 0 {
				a := k.settle("DELETE", "/v1/locks/"+one.name, "lease", one.lease)
				one.released = a.Status == 200
			}
			if i%4 != 0 || one.released {
				k.kept = append(k.kept, one)
			}
		}
		pause(ctx, k.between(20*time.Millisecond, 120*time.Millisecond))
	}
}

// checkKept looks for all that keepers were told, through the sidecars that run, in turn.
func (tr *traffic) checkKept(g *chaos.Group) (count int) {
	tr.t.Helper()
	nodes := running(g)
	for _, k := range tr.keepers {
		for i, one := range k.kept {
			want := fmt.Sprint([]uint64{one.token})
			if one.released {
				want = "[]"
			}
			a := nodes[i%len(nodes)].Get("/v1/locks/"+one.name).Want(tr.t, 200)
			have := []uint64{}
			for _, h := range a.Body.Holders {
				have = append(have, h.Token)
			}
			if fmt.Sprint(have) != want {
				tr.violate("%s: the tokens that hold it are %v, want %s: %s", one.name, have, want, a)
			}
			count++
		}
	}
	return count
}

// checkSteady renews what was held all the time once more.
func (tr *traffic) checkSteady(g *chaos.Group, s *steady) {
	tr.t.Helper()
	nodes := running(g)
	a := nodes[s.id%len(nodes)].Put(s.path, "lease", s.lease)
	if a.Status != 200 || a.Body.Token != s.token {
		tr.violate("%s was held with token %d to the end: %s", s.path, s.token, a)
	}
}

// running are the nodes of a group that have a process.
func running(g *chaos.Group) (nodes []*chaos.Node) {
	for _, n := range g.Nodes {
		if n.Running() {
			nodes = append(nodes, n)
		}
	}
	return nodes
}
