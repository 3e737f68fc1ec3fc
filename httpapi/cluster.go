package httpapi

import (
	"net/http"

	"github.com/sidelock/sidelock/raftnode"
)

// getCluster answers from what this node last knew, so that it works when nothing else does.
func (q *call) getCluster() *problem {
	s, p := q.status()
	if p != nil {
		return p
	}
	q.index(s.AppliedIndex)
	q.out.cluster(&s, q.api.version)
	return q.answer(http.StatusOK)
}

func (q *call) getRaftLeader() *problem {
	s, p := q.status()
	if p != nil {
		return p
	}
	q.index(s.AppliedIndex)
	if s.Leader == nil {
		return &problem{code: raftnode.NoLeader, detail: "this sidecar knows of no Raft leader now"}
	}
	q.out.item()
	q.out.raftLeader(s.Leader)
	q.out.uint("term", s.Term)
	q.out.end()
	return q.answer(http.StatusOK)
}

func (q *call) status() (raftnode.Status, *problem) {
	if q.v.given.has(pConsistency) && q.v.consistency != raftnode.Local {
		return raftnode.Status{}, &problem{code: InvalidConsistency, param: "consistency",
			detail: "this call says what the sidecar last knew, so it can only be local; /readyz?quorum=1 asks for a Raft leader now"}
	}
	return q.api.node.Status(), nil
}

// Cluster.
func (e *encoder) cluster(s *raftnode.Status, version string) {
	e.item()
	e.stringOrNull("id", s.ClusterID)
	e.object("node")
	e.string("name", s.Name)
	e.string("id", s.ID)
	e.stringOrNull("role", string(s.Role))
	e.stringOrNull("version", version)
	e.end()
	e.array("members")
	for i := range s.Members {
		e.member(&s.Members[i])
	}
	e.endArray()
	e.raftLeader(s.Leader)
	e.uint("term", s.Term)
	e.uint("commit_index", s.CommitIndex)
	e.uint("applied_index", s.AppliedIndex)
	e.int("failure_tolerance", int64(s.FailureTolerance))
	e.uint("feature_level", uint64(s.FeatureLevel))
	e.end()
}

func (e *encoder) member(m *raftnode.Member) {
	e.item()
	e.string("name", m.Name)
	e.string("id", m.ID)
	e.stringOrNull("address", m.Address)
	e.string("role", string(m.Role))
	e.stringOrNull("zone", m.Zone)
	e.bool("healthy", m.Healthy)
	if m.LastContact < 0 {
		e.null("last_contact_ms")
	} else {
		e.ms("last_contact_ms", m.LastContact)
	}
	e.stringOrNull("version", m.Version)
	e.end()
}

func (e *encoder) raftLeader(m *raftnode.Member) {
	if m == nil {
		e.null("raft_leader")
		return
	}
	e.object("raft_leader")
	e.string("name", m.Name)
	e.string("id", m.ID)
	e.stringOrNull("address", m.Address)
	e.end()
}
