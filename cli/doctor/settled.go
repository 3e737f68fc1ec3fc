package doctor

import (
	"context"
	"slices"
	"time"

	"github.com/sidelock/sidelock/client"
)

// Settled asks a sidecar for its group. If all that is wrong is that somebody is not heard of it asks again, for about a second, before it
// believes that: of a member that was just taken in, or has come back, nothing has been heard yet.
func Settled(ctx context.Context, sidecar *client.Client) (*client.Cluster, error) {
	ticker := time.NewTicker(settleLookEvery)
	defer ticker.Stop()
	for began := time.Now(); ; {
		g, err := sidecar.Cluster(ctx)
		if err != nil || time.Since(began) > settlesWithin || g.RaftLeader == nil || g.FailureTolerance < 0 ||
			!slices.ContainsFunc(g.Members, func(m client.Member) bool { return !m.Healthy }) {
			return g, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return g, nil
		}
	}
}
