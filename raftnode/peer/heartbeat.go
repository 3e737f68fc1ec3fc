package peer

import (
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

var (
	errQueueFull  = errors.New("too many requests wait for raft: the node is overloaded or its disk hangs")
	errSuperseded = errors.New("superseded by a later request of the same leader")
)

// SetHeartbeatHandler implements raft.Transport by doing nothing. Raft's
// handler would run on the connection's goroutine and race the main thread over
// term and state (hashicorp/raft #695). Heartbeats go through Consumer like
// everything else; see queue for those that come while the main thread cannot
// take them.
func (t *Transport) SetHeartbeatHandler(func(raft.RPC)) {}

// pump moves requests from the inner transport to Raft's main thread, in order.
func (t *Transport) pump() {
	defer t.wg.Done()
	var q queue
	for {
		var out chan raft.RPC
		var head raft.RPC
		if len(q) > 0 {
			out, head = t.consumer, q[0]
		}
		select {
		case rpc := <-t.inner.Consumer():
			if !t.answerBusy(rpc) {
				q.add(rpc)
			}
		case out <- head:
			q[0] = raft.RPC{}
			q = q[1:]
		case <-t.storeBusy:
			q.sweep(t.answerBusy)
		case <-t.ctx.Done():
			q.sweep(func(rpc raft.RPC) bool {
				rpc.Respond(nil, raft.ErrTransportShutdown)
				return true
			})
			return
		}
	}
}

// answerBusy answers a heartbeat in place of the main thread, if that is inside
// StoreLogs and would say yes; a follower on a slow disk would otherwise lose
// its leader the contact that it needs. Reports whether it answered.
//
// It is right because only the main thread changes term and state: if the same
// StoreLogs ran before and after they were read, they stood still, and while
// they stand still this node votes for nobody. So the answer confirms a leader
// as well as the main thread's would. It acknowledges no entry.
//
// Past StoreStallLimit the disk counts as hung, and two hung followers must not
// keep a leader that can never commit.
func (t *Transport) answerBusy(rpc raft.RPC) bool {
	req, ok := rpc.Command.(*raft.AppendEntriesRequest)
	view := t.raftView()
	if !ok || view == nil || t.cfg.Store == nil || !isHeartbeat(req) {
		return false
	}
	epoch, since, busy := t.cfg.Store.Busy()
	if !busy || time.Since(since) > StoreStallLimit {
		return false
	}
	if view.State() != raft.Follower || view.CurrentTerm() != req.Term {
		return false
	}
	if now, _, still := t.cfg.Store.Busy(); !still || now != epoch {
		return false
	}
	rpc.Respond(&raft.AppendEntriesResponse{
		RPCHeader: raft.RPCHeader{ProtocolVersion: req.ProtocolVersion, ID: []byte(t.cfg.ID), Addr: []byte(t.cfg.ID)},
		Term:      req.Term,
		Success:   true,
	}, nil)
	return true
}

// queue is what waits for the main thread, oldest first.
type queue []raft.RPC

// add appends a request. A leader sends its peer one heartbeat and one other
// AppendEntries at a time, so an older one that still waits has been given up
// by its sender: it is answered with an error. That frees its connection, and a
// hung disk does not pile up requests.
func (q *queue) add(rpc raft.RPC) {
	if req, ok := rpc.Command.(*raft.AppendEntriesRequest); ok {
		q.sweep(func(old raft.RPC) bool {
			o, ok := old.Command.(*raft.AppendEntriesRequest)
			same := ok && o.Term == req.Term && string(o.ID) == string(req.ID) && isHeartbeat(o) == isHeartbeat(req)
			if same {
				old.Respond(nil, errSuperseded)
			}
			return same
		})
	}
	// A snapshot's bytes stand on the connection behind its request: it cannot
	// be refused without being read.
	if _, snapshot := rpc.Command.(*raft.InstallSnapshotRequest); !snapshot && len(*q) >= MaxQueuedRPCs {
		rpc.Respond(nil, errQueueFull)
		return
	}
	*q = append(*q, rpc)
}

// sweep removes the requests for which done reports true.
func (q *queue) sweep(done func(raft.RPC) bool) {
	kept := make(queue, 0, len(*q))
	for _, rpc := range *q {
		if !done(rpc) {
			kept = append(kept, rpc)
		}
	}
	*q = kept
}
