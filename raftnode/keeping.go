package raftnode

import (
	"cmp"
	"slices"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// Keeping is a place at a name that this sidecar keeps for a client that is connected to it, as far as this sidecar knows. It has no
// lease ID: it is for people who want to know what depends on this process.
type Keeping struct {
	Space    lease.Space
	Name     string
	Owner    string
	Request  bool           // of a request that waits; otherwise of a hold
	Standing lease.Standing // Waiting or Holding
	Position int            // in line, from 1, when that was last learnt; 0 while holding
	Token    lease.Token    // 0 while waiting
	TTL      time.Duration
	ValidFor time.Duration // Holding: how long that is certain, without asking anybody
	Doubt    lease.Code    // why the last renewal failed; OK if it did not
}

// Jeopardy tells whether what is held has not been renewed for half of its TTL: a renewal is due at a third, so one or more have failed.
func (k *Keeping) Jeopardy() bool {
	return k.Standing == lease.Holding && inJeopardy(k.ValidFor, k.TTL)
}

// Jeopardy is the same of a hold.
func (s *HoldState) Jeopardy() bool {
	return s.Standing == lease.Holding && inJeopardy(s.ValidFor, s.TTL)
}

func inJeopardy(validFor, ttl time.Duration) bool { return validFor < ttl/2 }

// Keeps lists what this sidecar keeps for clients that are connected to it, by name. It asks nobody.
func (n *Node) Keeps() []Keeping {
	var all []Keeping
	for _, tells := range n.keeper.tellers() {
		if one := tells(); one.Standing != lease.Absent { // or lost, this very moment
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b Keeping) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Space, b.Space), -cmp.Compare(a.Standing, b.Standing),
			cmp.Compare(a.Position, b.Position), cmp.Compare(a.Token, b.Token), cmp.Compare(a.Owner, b.Owner))
	})
	return all
}

// tellers are apart from what they tell: a hold, while it learns something, wants the keeper's lock.
func (k *keeper) tellers() []func() Keeping {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]func() Keeping, 0, len(k.all))
	for one := range k.all {
		all = append(all, one.tells)
	}
	return all
}

func (h *Hold) keeping() Keeping {
	now := h.State()
	return Keeping{Space: h.w.at.space, Name: h.w.at.name, Owner: h.owner, Standing: now.Standing, Position: now.Position, Token: now.Token,
		TTL: now.TTL, ValidFor: now.ValidFor, Doubt: now.Doubt}
}

// asked tells of a request that hangs at a name, as it stood when it began to: when that changes, it is answered.
func (n *Node) asked(c *lease.Command, out Outcome) func() Keeping {
	is := Keeping{Space: c.Space, Name: c.Name, Owner: out.Owner, Request: true, Standing: out.Standing, Position: out.Position, Token: out.Token, TTL: out.TTL}
	return func() Keeping {
		now := is
		if now.Standing == lease.Holding {
			now.ValidFor = n.validFor(out.until)
		}
		return now
	}
}
