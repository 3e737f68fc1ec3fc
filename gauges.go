package main

import (
	"context"
	"strings"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/metrics"
	"github.com/sidelock/sidelock/raftnode"
	"github.com/sidelock/sidelock/raftnode/trust"
)

// gauges reads a node's values for a scrape.
type gauges struct {
	node     *raftnode.Node
	api      *httpapi.API
	dir      string
	patterns []string // of names that may be labels
	expiries func() []trust.Expiry
}

var _ metrics.Source = gauges{}

func (g gauges) Gauges() metrics.Gauges {
	st, counts, bounds := g.node.Status(), g.node.Counts(), g.node.Bounds()
	out := metrics.Gauges{
		ClusterID: st.ClusterID, Ready: st.Ready, Role: string(st.Role), HasLeader: st.Leader != nil, IsLeader: st.IsLeader,
		HealthyVoters: st.HealthyVoters, FailureTolerance: max(metrics.Unknown, st.FailureTolerance), Term: st.Term,
		LastIndex: st.LastIndex, CommitIndex: st.CommitIndex, AppliedIndex: st.AppliedIndex, ReplicaAge: metrics.Unknown,
		Sidecars: roles(st), Certificates: g.certificates(),
		Holds: metrics.Holds(g.node.Holds()), Streams: g.api.Streams(), MaxStreams: httpapi.MaxStreams,
		FeatureLevel: g.node.FeatureLevel(), Leases: counts.Leases, LocksHeld: counts.LocksHeld, ElectionsLed: counts.ElectionsLed,
		Waiters: counts.Waiters, StateBytes: counts.Bytes, Names: g.names(),
		MaxLeases: bounds.MaxLeases, MaxStateBytes: bounds.MaxBytes,
		DataBytes: raftnode.DiskUsage(g.dir), DataFreeBytes: metrics.Unknown, DataSizeBytes: metrics.Unknown,
	}
	if age := g.node.ReplicaAge(); age >= 0 {
		out.ReplicaAge = age.Seconds()
	}
	if free, size, ok := raftnode.DiskSpace(g.dir); ok {
		out.DataFreeBytes, out.DataSizeBytes = free, size
	}
	return out
}

// names are the locks and elections that may be labels, as this node's replica has them; none without one.
func (g gauges) names() (all []metrics.Name) {
	for _, pattern := range g.patterns {
		prefix, open := strings.CutSuffix(pattern, "*")
		limit := 1 // the name itself comes before all that it begins
		if open {
			limit = metrics.MaxNames
		}
		for kind, space := range map[string]lease.Space{"lock": lease.Locks, "election": lease.Elections} {
			q := lease.Query{Kind: lease.QueryNames, Space: space, Prefix: prefix, Limit: limit}
			answer, _, err := g.node.Query(context.Background(), q, raftnode.Local)
			if err != nil {
				return nil
			}
			for _, i := range answer.Infos {
				all = append(all, metrics.Name{Kind: kind, Name: i.Name, Holders: i.HolderCount, Waiters: i.QueueLength})
			}
		}
	}
	return all
}

// certificates are the ends of those in use, the earliest of each use.
func (g gauges) certificates() map[string]float64 {
	ends := map[string]float64{}
	for _, e := range g.expiries() {
		at := float64(e.NotAfter.Unix())
		if first, known := ends[e.Use]; !known || at < first {
			ends[e.Use] = at
		}
	}
	return ends
}

// roles counts the sidecars of the group; nil if no roster of it is known.
func roles(st raftnode.Status) map[string]int {
	if len(st.Members) == 0 {
		return nil
	}
	count := map[string]int{string(raftnode.Voter): 0, string(raftnode.Spare): 0, string(raftnode.Agent): 0}
	for _, m := range st.Members {
		count[string(m.Role)]++
	}
	return count
}
