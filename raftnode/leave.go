package raftnode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Leave takes this node out of Raft's configuration, so that nobody waits for it after its end: a voter has a spare promoted in its
// place first, if there is one. The last voter stays. It returns when that is done, or with ctx; the node goes on serving
// meanwhile, and is to be closed then.
func (n *Node) Leave(ctx context.Context) error {
	n.leaving.Store(true)
	began := time.Now()
	ticker := time.NewTicker(leaveLookEvery)
	defer ticker.Stop()
	for {
		if n.mayGo(began) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("leave the group: %w; the others will remove this node when it has been gone for a while", ctx.Err())
		}
	}
}

const (
	leaveLookEvery = 20 * time.Millisecond
	letGoAnyway    = 2 * time.Second // without a Raft leader, for one that does not vote
)

// mayGo tells whether this node is out of the configuration, or is all that is left of the group's voters.
// An agent goes once the Raft leader knows that it leaves, so as not to be made a spare in its last moment.
func (n *Node) mayGo(began time.Time) bool {
	m := n.asMember()
	if m == nil {
		return n.leaderless() || n.linked.heardSince(began)
	}
	if r := n.roster.Load(); r != nil && !r.lists(string(n.id)) {
		return true
	}
	c, index := m.configuration()
	if !votes(c, n.id) && n.leaderless() && time.Since(time.Unix(0, n.ponged.Load())) > letGoAnyway {
		return true // who was to let this node go has gone itself; a spare is soon seen to be gone
	}
	if index > m.raft.CommitIndex() {
		return false
	}
	if !contains(c, n.id) {
		return len(c.Servers) > 0 // a new member's log is empty at first
	}
	return voters(c) == 1 && m.leads() && !n.successors(c)
}

func votes(c raft.Configuration, id raft.ServerID) bool {
	return slices.ContainsFunc(c.Servers, func(s raft.Server) bool { return s.ID == id && s.Suffrage == raft.Voter })
}

// successors tells whether anybody could vote in this node's place, or leaves too and waits to be let go, or to hear that it is.
func (n *Node) successors(c raft.Configuration) bool {
	return slices.ContainsFunc(n.roll.entries(), func(e entry) bool {
		return e.links > 0 && (e.leaving || contains(c, raft.ServerID(e.hello.NodeID)) || !e.hello.About.Agent)
	})
}

// expelled are the members that an administrator wants out. The Raft leader keeps them in mind for as long as it leads.
type expelled struct {
	mu   sync.Mutex
	ids  map[string]bool
	gone map[string]time.Time // since when: for a while others are made members instead
}

// notAgainFor is how long an expelled member that goes on as an agent is not made a member again.
const notAgainFor = time.Minute

func (x *expelled) add(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ids == nil {
		x.ids, x.gone = map[string]bool{}, map[string]time.Time{}
	}
	x.ids[id] = true
}

// lately tells whether a member was put out a short while ago.
func (x *expelled) lately(id string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	at, ok := x.gone[id]
	if ok && time.Since(at) > notAgainFor {
		delete(x.gone, id)
		ok = false
	}
	return ok || x.ids[id]
}

func (x *expelled) has(id string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ids[id]
}

func (x *expelled) done(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ids[id] {
		delete(x.ids, id)
		x.gone[id] = time.Now()
	}
}

// The errors of RemoveMember beside *Error.
var (
	ErrNoSuchMember = errors.New("the group has no member with this ID: `sidelock members` lists them")
	ErrIsAgent      = errors.New("this sidecar is an agent, not a member: it is gone when it stops")
	ErrLastVoter    = errors.New("this is the last voter: the group would be gone with it")
	ErrNoMajority   = errors.New("without this member the voters that are healthy would be no majority: bring others back first, or, if they are lost for good, `sidelock recover`")
)

// RemoveMember takes a member out of Raft's configuration, after it was replaced if that is possible. It is for one that is gone for good and
// not to be waited for; one that runs goes on as an agent, and may become a member again. A returned error is an *Error or one of
// those above; then nothing was removed, but if it is an *Error with the code OutcomeUnknown.
func (n *Node) RemoveMember(ctx context.Context, id string) error {
	if err := n.admit(0); err != nil {
		return err
	}
	for {
		changed := n.leaderChange.wait()
		err := n.removeOnce(ctx, id)
		if !errors.Is(err, errNotLeader) {
			return err
		}
		if n.pause(ctx, changed) != nil {
			return &Error{NoLeader, "no Raft leader could be reached in time; see GET /v1/cluster", err}
		}
	}
}

func (n *Node) removeOnce(ctx context.Context, id string) error {
	if r := n.reigning(); r != nil {
		return n.expel(ctx, r, id)
	}
	l, err := n.leaderLink()
	if err != nil {
		return errNotLeader
	}
	kind, payload, err := l.roundTrip(ctx, frameRemove, []byte(id))
	switch {
	case err != nil:
		return &Error{OutcomeUnknown, "the member may or may not have been removed; see GET /v1/cluster, and repeat the call", err}
	case kind == frameDone:
		return nil
	case kind == frameNotLeader:
		return errNotLeader
	}
	for _, known := range []error{ErrNoSuchMember, ErrIsAgent, ErrLastVoter, ErrNoMajority} {
		if string(payload) == known.Error() {
			return known
		}
	}
	return &Error{NoQuorum, "the member could not be removed in time: " + string(payload), nil}
}

// expel waits until the steward has removed a member.
func (n *Node) expel(ctx context.Context, r *reign, id string) error {
	if err := n.expellable(r, id); err != nil {
		return err
	}
	n.log.Info("a member is to be removed, on an administrator's word", "id", id, "name", n.nameOf(id))
	n.expelled.add(id)
	defer n.expelled.done(id)
	ctx, cancel := context.WithTimeout(ctx, expelTimeout)
	defer cancel()
	ticker := time.NewTicker(leaveLookEvery)
	defer ticker.Stop()
	for {
		c, index := r.member.configuration()
		switch {
		case !r.current():
			return errNotLeader
		case !contains(c, raft.ServerID(id)) && index <= r.raft.CommitIndex():
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return &Error{NoQuorum, "the member could not be removed in time; see GET /v1/cluster", ctx.Err()}
		}
	}
}

const expelTimeout = 10 * time.Second

// expellable tells at once why a member cannot be removed.
func (n *Node) expellable(r *reign, id string) error {
	c, _ := r.member.configuration()
	i := slices.IndexFunc(c.Servers, func(s raft.Server) bool { return string(s.ID) == id })
	if i < 0 {
		if _, here := n.roll.look(id); here {
			return ErrIsAgent
		}
		return ErrNoSuchMember
	}
	if c.Servers[i].Suffrage != raft.Voter {
		return nil
	}
	if voters(c) == 1 {
		return ErrLastVoter
	}
	healthy := 0
	for _, s := range c.Servers {
		if s.Suffrage == raft.Voter && string(s.ID) != id && (s.ID == n.id || n.isHealthy(n.contact.ago(string(s.ID)))) {
			healthy++
		}
	}
	if 2*healthy <= voters(c)-1 {
		return ErrNoMajority
	}
	return nil
}

// remove serves RemoveMember to another sidecar.
func (c *caller) remove(call uint64, id string) {
	r := c.node.reigning()
	if r == nil {
		c.out.send(call, frameNotLeader, nil)
		return
	}
	switch err := c.node.expel(c.ctx, r, id); {
	case err == nil:
		c.out.send(call, frameDone, nil)
	case errors.Is(err, errNotLeader):
		c.out.send(call, frameNotLeader, nil)
	default:
		c.out.send(call, frameNothing, []byte(err.Error()))
	}
}
