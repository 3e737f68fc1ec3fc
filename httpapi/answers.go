package httpapi

import (
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// The bodies of the answers, each beside its schema of the same name in openapi.yaml.

// LockGrant: acquire and renew.
func (e *encoder) lockGrant(name string, out *raftnode.Outcome) {
	e.item()
	e.string("name", name)
	e.string("state", "held")
	e.string("lease", string(out.Lease))
	e.string("owner", out.Owner)
	e.uint("token", uint64(out.Token))
	e.uintOrNull("limit", uint64(out.Limit))
	e.ms("ttl_ms", out.TTL)
	e.ms("valid_for_ms", out.ValidFor)
	e.end()
}

// LockReleased and ElectionResigned.
func (e *encoder) ended(name, state string) {
	e.item()
	e.string("name", name)
	e.string("state", state)
	e.end()
}

// LockForced and ElectionForced.
func (e *encoder) forced(name string, out *raftnode.Outcome) {
	e.item()
	e.string("name", name)
	e.string("state", "forced")
	e.string("owner", out.Owner)
	e.uint("token", uint64(out.Token))
	e.ms("free_in_ms", out.Remaining)
	e.end()
}

// Candidacy: campaign and renew. Token is null for a standby, position 0 for the leader.
func (e *encoder) candidacy(name string, out *raftnode.Outcome) {
	e.item()
	e.string("name", name)
	if out.Standing == lease.Holding {
		e.string("state", "leading")
	} else {
		e.string("state", "standby")
	}
	e.string("lease", string(out.Lease))
	e.string("owner", out.Owner)
	e.string("value", out.Value)
	e.uintOrNull("token", uint64(out.Token))
	e.ms("ttl_ms", out.TTL)
	e.ms("valid_for_ms", out.ValidFor)
	e.int("position", int64(out.Position))
	e.end()
}

// LeaseGrant: an explicit lease made, or any lease renewed.
func (e *encoder) leaseGrant(out *raftnode.Outcome) {
	e.item()
	e.string("lease", string(out.Lease))
	e.string("owner", out.Owner)
	e.ms("ttl_ms", out.TTL)
	e.ms("valid_for_ms", out.ValidFor)
	e.places(out.Places)
	e.end()
}

// Lease: what a lease is, for one who has its ID. There is no valid_for_ms: a read renews nothing, so nothing here
// is safe to act on.
func (e *encoder) leaseInfo(id lease.ID, info *lease.LeaseInfo) {
	e.item()
	e.string("lease", string(id))
	e.bool("explicit", info.Explicit)
	e.string("owner", info.Owner)
	e.ms("ttl_ms", info.TTL)
	e.ms("expires_in_ms", info.Remaining)
	e.pairs("metadata", info.Metadata)
	e.places(info.Places)
	e.end()
}

func (e *encoder) places(places []lease.Place) {
	e.held("locks", lease.Locks, places)
	e.held("elections", lease.Elections, places)
	e.array("waits")
	for i := range places {
		if p := &places[i]; p.Standing == lease.Waiting {
			e.item()
			e.string("kind", kindOf(p.Space))
			e.string("name", p.Name)
			e.int("position", int64(p.Position))
			e.end()
		}
	}
	e.endArray()
}

func (e *encoder) held(key string, space lease.Space, places []lease.Place) {
	e.array(key)
	for i := range places {
		if p := &places[i]; p.Space == space && p.Standing == lease.Holding {
			e.item()
			e.string("name", p.Name)
			e.uint("token", uint64(p.Token))
			e.end()
		}
	}
	e.endArray()
}

func kindOf(s lease.Space) string {
	if s == lease.Elections {
		return "election"
	}
	return "lock"
}

// Holder: in a refusal. HolderDetail has more and is for the GETs.
func (e *encoder) holder(h *lease.Holder, detail bool) {
	e.item()
	e.string("owner", h.Owner)
	e.uint("token", uint64(h.Token))
	e.uintOrNull("limit", uint64(h.Limit))
	e.ms("held_for_ms", h.Held)
	e.ms("expires_in_ms", h.ExpiresIn)
	e.pairs("metadata", h.Metadata)
	if detail {
		e.provenance(h)
	}
	e.remains(h)
	e.end()
}

func (e *encoder) provenance(h *lease.Holder) {
	e.wall("granted_at", h.GrantedWall)
	e.ms("last_renewed_ago_ms", h.LastRenewed)
	e.string("via_node", h.Via)
}

// remains says that the holder itself is gone and why, where only its place is still taken.
func (e *encoder) remains(h *lease.Holder) {
	if h.Ended != lease.NotEnded {
		e.string("ended", h.Ended.String())
	}
	if h.MinHoldUntil > 0 {
		e.ms("min_hold_left_ms", h.MinHoldUntil)
	}
}

func (e *encoder) holders(list []lease.Holder, detail bool) {
	e.array("holders")
	for i := range list {
		e.holder(&list[i], detail)
	}
	e.endArray()
}

// Lock, and LockSummary in lists, which counts the queue and does not show it.
func (e *encoder) lock(info *lease.Info, summary, current bool) {
	e.item()
	e.string("name", info.Name)
	if len(info.Holders) > 0 {
		e.string("state", "held")
	} else {
		e.string("state", "free")
	}
	e.uintOrNull("limit", uint64(info.Limit))
	e.holders(info.Holders, true)
	if summary {
		e.int("holder_count", int64(info.HolderCount))
		e.int("queue_length", int64(info.QueueLength))
	} else {
		e.queue(info.Queue)
	}
	if current {
		e.bool("current", true)
	}
	e.uint("index", info.Index)
	e.end()
}

func (e *encoder) queue(waiters []lease.Waiter) {
	e.array("queue")
	for i := range waiters {
		e.item()
		e.string("owner", waiters[i].Owner)
		e.uintOrNull("limit", uint64(waiters[i].Limit))
		e.ms("waiting_for_ms", waiters[i].Waiting)
		e.end()
	}
	e.endArray()
}

// Election, and ElectionSummary in lists.
func (e *encoder) election(info *lease.Info, summary bool) {
	e.item()
	e.string("name", info.Name)
	if len(info.Holders) > 0 {
		e.leader(&info.Holders[0])
	} else {
		e.null("leader")
	}
	if summary {
		e.int("candidate_count", int64(info.QueueLength))
	} else {
		e.candidates(info.Queue)
	}
	e.uint("index", info.Index)
	e.end()
}

func (e *encoder) leader(h *lease.Holder) {
	e.object("leader")
	e.string("owner", h.Owner)
	e.string("value", h.Value)
	e.uint("token", uint64(h.Token))
	e.ms("leading_for_ms", h.Held)
	e.ms("expires_in_ms", h.ExpiresIn)
	e.pairs("metadata", h.Metadata)
	e.provenance(h)
	e.remains(h)
	e.end()
}

func (e *encoder) candidates(waiters []lease.Waiter) {
	e.array("candidates")
	for i := range waiters {
		e.item()
		e.string("owner", waiters[i].Owner)
		e.string("value", waiters[i].Value)
		e.ms("waiting_for_ms", waiters[i].Waiting)
		e.pairs("metadata", waiters[i].Metadata)
		e.string("via_node", waiters[i].Via)
		e.end()
	}
	e.endArray()
}
