package raftnode

import (
	"context"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

// TestKeepsTellsWhatDependsOnThisSidecar: holds, who waits in line, and standbys that ask; not what clients renew by themselves.
func TestKeepsTellsWhatDependsOnThisSidecar(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		h := w.follower()
		w.mustHold(h, lockCommand("own", "self", time.Hour, 1))
		held := w.mustBegin(h, lockCommand("b", "holder", 10*time.Second, 2), -1)
		inLine := w.mustBegin(h, lockCommand("b", "next", 10*time.Second, 3), -1)
		ctx, hangUp := context.WithCancel(context.Background())
		waits := h.background(ctx, lockCommand("own", "waiting", time.Minute, 4), time.Hour)
		chief := w.mustBegin(h, candidateCommand("a", "chief", 10*time.Second, 5), -1)
		w.eventually(time.Second, "four are kept", func() bool { return len(h.up().Keeps()) == 4 })

		type seen struct {
			name, owner string
			space       lease.Space
			standing    lease.Standing
			request     bool
			position    int
			jeopardy    bool
		}
		var got []seen
		for _, k := range h.up().Keeps() {
			got = append(got, seen{k.Name, k.Owner, k.Space, k.Standing, k.Request, k.Position, k.Jeopardy()})
			if holding := k.Standing == lease.Holding; holding != (k.Token > 0) || holding != (k.ValidFor > 9*time.Second) {
				t.Errorf("%+v", k)
			}
		}
		want := []seen{
			{"a", "chief", lease.Elections, lease.Holding, false, 0, false},
			{"b", "holder", lease.Locks, lease.Holding, false, 0, false},
			{"b", "next", lease.Locks, lease.Waiting, false, 1, false},
			{"own", "waiting", lease.Locks, lease.Waiting, true, 1, false},
		}
		if len(got) != len(want) {
			t.Fatalf("%+v", got)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("\n got %+v\nwant %+v", got[i], want[i])
			}
		}

		w.isolate(h)
		w.eventually(10*time.Second, "what is held is in jeopardy", func() bool {
			keeps := h.up().Keeps()
			return len(keeps) > 1 && keeps[0].Jeopardy() && keeps[1].Jeopardy() && keeps[0].Doubt != lease.OK
		})
		w.net.HealAll()
		hangUp()
		<-waits
		for _, one := range []*Hold{inLine, held, chief} {
			one.End(hungUpHolding)
		}
		w.eventually(5*time.Second, "nothing is kept", func() bool { return len(h.up().Keeps()) == 0 })
	})
}
