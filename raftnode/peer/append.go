package peer

import (
	"time"

	"github.com/hashicorp/raft"
)

// AppendEntries implements raft.Transport, with these guards:
//
// Commit index. A follower of hashicorp/raft commits up to min(the leader's
// commit index, its own last index), not up to the last entry that it was sent.
// With a stale tail, and a leader that has not got round to overwriting it, it
// applied other entries than everybody else. So a request never names a commit
// index beyond the entries that it carries or builds on.
//
// Numbers. Each request is numbered just before it leaves, and a success is
// reported with its number: only an answer to a request that left after a
// question was asked confirms anything about the time of the question.
//
// Retries. After failures raft waits up to 10 s before it tries again. A
// request that carries the log is therefore retried here, quietly, until it
// succeeds or this node no longer leads in the request's term, or the peer has
// been removed. Heartbeats are not: raft retries them within half an election
// timeout, and its measure of contact must not be held up.
//
// Silence. While the own log write hangs nothing is sent, for even an empty
// request counts as contact and would keep a leader that can commit nothing.
func (t *Transport) AppendEntries(id raft.ServerID, _ raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	req := clampCommit(args)
	for {
		err := t.storeStalled()
		if err == nil {
			err = t.appendOnce(id, req, resp)
		}
		if err == nil || isHeartbeat(args) || !t.again(id, args.Term, err) {
			return err
		}
	}
}

// appendOnce numbers, sends and reports one request.
func (t *Transport) appendOnce(id raft.ServerID, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	number, at := t.sent.Add(1), time.Now()
	// Raft reuses its response; nothing of an earlier answer may show through.
	var got raft.AppendEntriesResponse
	if err := t.call(id, func() error { return t.inner.AppendEntries(id, address(id), req, &got) }); err != nil {
		return err
	}
	*resp = got
	if f := t.success.Load(); f != nil && got.Success && got.Term == req.Term {
		(*f)(id, got.Term, number, at)
	}
	return nil
}

// clampCommit returns the request with its commit index bounded by its last
// entry. The caller's request, which raft goes on using, stays as it is.
func clampCommit(args *raft.AppendEntriesRequest) *raft.AppendEntriesRequest {
	req := *args
	req.LeaderCommitIndex = min(req.LeaderCommitIndex, req.PrevLogEntry+uint64(len(req.Entries)))
	return &req
}

// isHeartbeat tells raft's heartbeats, which are bare, from the requests that
// carry the log or the commit index. Raft's own transport tells them the same way.
func isHeartbeat(r *raft.AppendEntriesRequest) bool {
	return r.Term != 0 && r.PrevLogEntry == 0 && r.PrevLogTerm == 0 && len(r.Entries) == 0 && r.LeaderCommitIndex == 0
}

// again waits a little after a failure and reports whether the leader of this
// term is to try once more. Raft closes its transport only after its goroutines
// have ended, so the state (Shutdown) ends the retries, not Close alone.
func (t *Transport) again(id raft.ServerID, term uint64, err error) bool {
	if !t.leads(id, term) {
		return false
	}
	pause := RetryPause
	if lost(err) {
		pause = identityRetryPause
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
		return false
	}
	return t.leads(id, term)
}

func (t *Transport) leads(id raft.ServerID, term uint64) bool {
	v := t.raftView()
	return v != nil && t.ctx.Err() == nil && v.State() == raft.Leader && v.CurrentTerm() == term && v.Peer(id)
}

// storeStalled is the error to give while the own StoreLogs hangs.
func (t *Transport) storeStalled() error {
	if t.cfg.Store == nil {
		return nil
	}
	if _, since, busy := t.cfg.Store.Busy(); busy && time.Since(since) > StoreStallLimit {
		return ErrStoreStalled
	}
	return nil
}
