package raftnode

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// Hold is a place at a name that this sidecar keeps for as long as its client's connection lasts: it waits in line, claims
// the grant, renews the lease together with all others, and knows until when that is safe. Whoever made it must call End.
// All methods are safe for concurrent use.
type Hold struct {
	node *Node
	w    *waiting
	kept *kept
	bell bell

	owner string

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	now  HoldState
	end  time.Duration // the safe deadline, by the boot clock
	over bool          // End was called
}

// HoldState is how a hold stands.
type HoldState struct {
	Standing lease.Standing // Waiting, Holding, or Absent: it is over, see Lost
	Position int            // in line, from 1
	Lease    lease.ID
	Token    lease.Token
	TTL      time.Duration
	ValidFor time.Duration // Holding: how long that is certain, from now, without asking anybody
	Doubt    lease.Code    // why the last renewal failed; OK if it did not
	Lost     LostReason
	Why      string // the reason given with a forced release
	Closing  bool   // this sidecar stops: it ends the connection, and releases nothing
}

// LostReason says why a hold is over: the lease's end reason, or WaitOver.
type LostReason string

// WaitOver ends a hold that was not granted in the time that its client would wait; ClusterReplaced one whose group exists no more.
const (
	WaitOver        LostReason = "wait_timeout"
	ClusterReplaced LostReason = "cluster_replaced"
)

// holds are those that are open at this sidecar.
type holds struct {
	mu  sync.Mutex
	all map[*Hold]struct{}
}

func (hs *holds) add(h *Hold) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.all == nil {
		hs.all = map[*Hold]struct{}{}
	}
	hs.all[h] = struct{}{}
}

func (hs *holds) drop(h *Hold) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	delete(hs.all, h)
}

// HoldCounts says how the holds that are open at this sidecar stand.
type HoldCounts struct {
	Waiting, Holding int
	Jeopardy         int // holding, but not renewed although half of the TTL has passed
}

// Holds counts the holds that are open here.
func (n *Node) Holds() (c HoldCounts) {
	n.holds.mu.Lock()
	defer n.holds.mu.Unlock()
	for h := range n.holds.all {
		h.mu.Lock()
		switch {
		case h.now.Standing == lease.Waiting:
			c.Waiting++
		case h.now.Standing == lease.Holding && n.validFor(h.end) < h.now.TTL/2:
			c.Jeopardy++
		case h.now.Standing == lease.Holding:
			c.Holding++
		}
		h.mu.Unlock()
	}
	return c
}

// loseAll tells every hold that it is over.
func (hs *holds) loseAll(reason LostReason) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for h := range hs.all {
		h.mu.Lock()
		if !h.over && h.now.Lost == "" {
			h.loseLocked(reason, "")
		}
		h.mu.Unlock()
	}
}

// Hold begins to hold a lock, or to campaign, with the lease of c, which must be its own. wait is how long it stands in
// line; negative is without limit, 0 is not at all. If the outcome's Code is not OK there is no hold, and nothing is left behind. ctx
// bounds only the beginning; a cancelled one means that the caller has hung up.
func (n *Node) Hold(ctx context.Context, c lease.Command, wait time.Duration) (*Hold, Outcome, error) {
	if err := n.admit(c.Op); err != nil {
		return nil, Outcome{}, err
	}
	c.Hold, c.Wait = true, wait != 0
	w := &waiting{node: n, command: c, at: spot{c.Space, c.Name, c.Lease}}
	if wait > 0 {
		w.until = time.Now().Add(wait)
	}
	out, id, err := n.carry(ctx, errand{command: c})
	w.last = id
	if err != nil || out.Code != lease.OK {
		if hungUp(ctx) {
			n.takeBack(w, w.withdrawal(), c.TTL)
		}
		return nil, out, err
	}
	n.leads.hold(w.at, +1)
	h := &Hold{node: n, w: w, bell: newBell(), done: make(chan struct{})}
	h.ctx, h.cancel = context.WithCancel(n.ctx)
	h.owner, h.now = out.Owner, HoldState{Lease: c.Lease, TTL: out.TTL}
	h.kept = newKept(lease.Renewal{Lease: c.Lease, Hold: true}, out.TTL, h.renewed, h.keeping)
	n.keeper.add(h.kept)
	n.holds.add(h)
	h.learn(keptOf(&out), out.sent)
	if !n.beside(h.run) {
		close(h.done)
	}
	return h, out, nil
}

func keptOf(out *Outcome) lease.Kept {
	return lease.Kept{Code: out.Code, Standing: out.Standing, Token: out.Token, Remaining: out.Remaining, Position: out.Position,
		Reason: out.Reason, Why: out.Why}
}

// Changed has a value when State may say something new.
func (h *Hold) Changed() <-chan struct{} { return h.bell }

// State tells how the hold stands now. A deadline that has passed is a loss, though nobody could be asked.
func (h *Hold) State() HoldState {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now.Standing == lease.Holding {
		if h.now.ValidFor = h.node.validFor(h.end); h.now.ValidFor == 0 {
			h.loseLocked(LostReason(lease.Expired.String()), "")
		}
	}
	return h.now
}

// renewed hears from the keeper.
func (h *Hold) renewed(r renewed) {
	if r.doubt != lease.OK {
		h.mu.Lock()
		h.now.Doubt = r.doubt
		h.mu.Unlock()
		h.bell.ring()
		return
	}
	h.learn(r.Kept, r.sent)
}

// learn takes in what the state machine said of the lease to a command sent at a time.
func (h *Hold) learn(k lease.Kept, sent time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over || h.now.Lost != "" {
		return
	}
	defer h.bell.ring()
	if k.Code != lease.OK {
		reason := k.Reason
		if reason == lease.NotEnded {
			reason = lease.Expired // so long ago that it is not remembered
		}
		h.loseLocked(LostReason(reason.String()), k.Why)
		return
	}
	h.now.Doubt = lease.OK
	if k.Standing == lease.Waiting && h.now.Standing == lease.Holding {
		return // an answer that was overtaken
	}
	if k.Standing == lease.Holding && h.now.Standing != lease.Holding {
		h.node.keeper.holds(h.kept, h.now.TTL)
	}
	h.now.Standing, h.now.Position, h.now.Token = k.Standing, k.Position, k.Token
	if k.Standing != lease.Holding {
		return
	}
	h.end = max(h.end, safeUntil(k.Remaining, h.now.TTL, sent))
	if h.w.at.space == lease.Elections {
		h.node.leads.set(h.w.at.name, h.w.at.lease, k.Token, sent, h.end)
	}
}

func (h *Hold) loseLocked(reason LostReason, why string) {
	h.now.Standing, h.now.Position, h.now.ValidFor = lease.Absent, 0, 0
	h.now.Lost, h.now.Why = reason, why
	h.node.keeper.drop(h.kept)
	if h.w.at.space == lease.Elections {
		h.node.leads.giveUp(h.w.at.name, h.w.at.lease, h.node.deps.Clock.Boot())
	}
	h.bell.ring()
}

// run follows the place until it is lost or given up.
func (h *Hold) run() {
	defer close(h.done)
	for h.ctx.Err() == nil {
		switch h.State().Standing {
		case lease.Waiting:
			h.stand()
		case lease.Holding:
			h.guard()
		default:
			return
		}
	}
}

// stand waits for something to happen in line, and asks the log what it is.
func (h *Hold) stand() {
	switch h.w.await(h.ctx) {
	case changed:
		h.ask()
	case timedOut:
		h.w.stood = true
		out, err := h.w.giveUp(h.ctx)
		if err == nil && out.Code == lease.WaitTimeout {
			h.mu.Lock()
			h.loseLocked(WaitOver, "")
			h.mu.Unlock()
			return
		}
		h.tell(out, err)
	case stopping:
		h.close()
	}
}

// guard waits for something to happen to what is held, and asks the log what it is.
func (h *Hold) guard() {
	wake := newBell()
	stop := h.node.watch(interest{spot: h.w.at, standing: lease.Holding}, wake.ring)
	defer stop()
	select {
	case <-wake:
	case <-h.node.noWaits:
		h.close()
		return
	case <-h.ctx.Done():
		return
	}
	h.ask()
}

// ask renews this one lease, and so learns how it stands, and claims a grant. (The acquire said again would attach an attempt anew that a
// later one of its client has taken away.)
func (h *Hold) ask() {
	out, _, err := h.node.carry(h.ctx, errand{command: lease.Command{Op: lease.OpKeepAlive, Renewals: []lease.Renewal{h.kept.renewal}}, patient: true})
	if err == nil && len(out.Kept) == 1 {
		h.learn(out.Kept[0], out.sent)
		return
	}
	h.tell(out, err)
}

// tell takes in an outcome, or that there is none; then it is tried again.
func (h *Hold) tell(out Outcome, err error) {
	var made *Error
	switch {
	case err == nil:
		h.learn(keptOf(&out), out.sent)
	case errors.As(err, &made) && made.Code == Draining:
		h.close()
	case h.ctx.Err() == nil:
		_ = h.node.pause(h.ctx, h.node.leaderChange.wait()) // the loop looks at ctx
	}
}

// close tells the connection's side that this sidecar ends it, and waits for that.
func (h *Hold) close() {
	h.mu.Lock()
	h.now.Closing = true
	h.mu.Unlock()
	h.bell.ring()
	<-h.ctx.Done()
}

// Ending says how a hold ends.
type Ending struct {
	// Release: its client has let go, so that the place is given up. Otherwise only this sidecar ends the connection: the lease
	// lives out its TTL, and a hold with the same lease resumes it.
	Release bool
	// Told: the client was told that it holds, so this is an end like any other, and min_hold counts.
	Told bool
	// Latest: the connection was surely there when the place had been taken. Then whatever its client tried before with this lease
	// is behind it, also at a sidecar that has crashed and will never say so.
	Latest bool
}

// End ends the hold. What has been lost needs no ending. (A hold whose deadline has passed while nobody could be asked may still have
// its lease, since cluster time stands still without a Raft leader. It is not given up: its client may have renewed it through another sidecar.)
func (h *Hold) End(e Ending) {
	h.mu.Lock()
	again, lost := h.over, h.now.Lost != ""
	h.over = true
	h.mu.Unlock()
	if again {
		return
	}
	h.cancel()
	<-h.done
	h.node.keeper.drop(h.kept)
	h.node.holds.drop(h)
	h.node.leads.hold(h.w.at, -1)
	if lost {
		return
	}
	c := h.w.withdrawal()
	c.Told, c.Latest, c.Leave = e.Told, e.Latest, !e.Release
	if e.Release {
		h.node.leads.letGo(&c, h.node.deps.Clock.Boot())
		h.node.takeBack(h.w, c, h.now.TTL)
		return
	}
	ctx, cancel := context.WithTimeout(h.node.ctx, leaveTimeout)
	defer cancel()
	if _, _, err := h.node.carry(ctx, errand{command: c}); err != nil {
		h.node.log.Debug("could not detach from a hold that lives on", "name", h.w.at.name, "err", err)
	}
}

// Ending is closed when this sidecar ends what waits and what is held over connections.
func (n *Node) Ending() <-chan struct{} { return n.noWaits }
