package raftnode

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// The group's feature level (see lease/level.go) as a node sees it: who is kept out for being below it, which directory is above it,
// which command must wait for it, and when the Raft leader raises it.

// levelStable is for how long every sidecar must have understood the next level before the group is raised to it: a rolling upgrade
// that is taken back soon can be taken back.
const levelStable = 5 * time.Second

// understands is the highest level that a peer understands by what it says of itself. Every release understands the first.
func understands(a peer.About) uint32 { return max(a.Features, 1) }

// refuseLevel says why a peer that is below the group's level is not let in; "" if it is not below.
func refuseLevel(groupLevel uint32, h peer.Hello) (peer.Code, string) {
	if understands(h.About) >= groupLevel {
		return "", ""
	}
	return peer.CodeFeatures, fmt.Sprintf("the caller (node %s, %s, release %q) understands feature level %d, and the group is at %d: start it with %s; a level never goes back",
		h.NodeID, h.Name, h.About.Release, understands(h.About), groupLevel, releaseFor(groupLevel))
}

// releaseFor names what understands a level.
func releaseFor(level uint32) string {
	if release := lease.LevelRelease(level); release != "" {
		return "release " + release + " or a newer one"
	}
	return "the release that the others run, or a newer one"
}

// features is the level that this node says it understands.
func (n *Node) features() uint32 {
	if n.cfg.features != 0 {
		return n.cfg.features
	}
	return lease.MaxLevel
}

// FeatureLevel returns the level of the group, as far as this node has applied its log or has been told by the Raft leader. It rises
// when every sidecar runs a release that understands the next one, and never falls.
func (n *Node) FeatureLevel() uint32 {
	level := n.machine.level.Load()
	if r := n.roster.Load(); r != nil {
		level = max(level, r.Level) // an agent has no replica of its own
	}
	return level
}

// offLevel refuses a command that the others may not understand yet: to an older replica it would be the end.
func (n *Node) offLevel(op lease.Op) error {
	needs, level := lease.OpLevel(op), n.FeatureLevel()
	if needs <= level {
		return nil
	}
	return &Error{Code: NotReady, Detail: fmt.Sprintf("not until all sidecars of the group run %s: this needs feature level %d, and the group is at %d", releaseFor(needs), needs, level)}
}

// wayOut tells a person what to do about an error of what is above this build's level.
func wayOut(err error) error {
	if _, ok := errors.AsType[*lease.LevelError](err); !ok {
		return err
	}
	return fmt.Errorf("%w. Way out: start the release that this data directory last ran with, or a newer one. "+
		"A group's level never goes back, so no sidecar of it can be downgraded below it; GET /v1/cluster at one that runs shows it as feature_level", err)
}

// checkLevel refuses a data directory that is above the level that this build understands, before Raft looks at it: raft would
// fall back to an older snapshot, and take part in the group until the first entry that it cannot apply.
func checkLevel(logs raft.LogStore, snapshots raft.SnapshotStore) error {
	behind, err := checkSnapshotLevel(snapshots)
	if err != nil {
		return wayOut(fmt.Errorf("the newest snapshot cannot be used: %w", err))
	}
	first, err := logs.FirstIndex()
	if err != nil {
		return fmt.Errorf("look into the log: %w", err)
	}
	last, err := logs.LastIndex()
	if err != nil {
		return fmt.Errorf("look into the log: %w", err)
	}
	for i := max(first, behind+1); i <= last && last > 0; i++ {
		var l raft.Log
		if err := logs.GetLog(i, &l); err != nil {
			return fmt.Errorf("look into the log: entry %d: %w", i, err)
		}
		if l.Type != raft.LogCommand {
			continue
		}
		// What is damaged, the replay finds.
		if _, err := lease.DecodeEntry(l.Data); errors.Is(err, lease.ErrNewer) {
			return wayOut(fmt.Errorf("log entry %d cannot be applied: %w", i, err))
		}
	}
	return nil
}

// checkSnapshotLevel returns the index of the newest snapshot, 0 if there is none.
func checkSnapshotLevel(snapshots raft.SnapshotStore) (uint64, error) {
	list, err := snapshots.List()
	if err != nil || len(list) == 0 {
		return 0, err
	}
	_, content, err := snapshots.Open(list[0].ID)
	if err != nil {
		return 0, err
	}
	defer content.Close()
	if _, err := lease.SnapshotLevel(content); errors.Is(err, lease.ErrNewer) {
		return 0, err
	}
	return list[0].Index, nil
}

// levelToRaise is the rule: the next level, once it is understood by this build and by every member and agent. understood is the least
// of what they said; 0 means that one has not said yet.
func levelToRaise(current, most, understood uint32) (uint32, bool) {
	next := current + 1
	return next, next <= most && next <= understood
}

// levelRaiser raises the group's level while one reign lasts. It belongs to the goroutine that calls look.
type levelRaiser struct {
	reign *reign
	most  uint32        // what this build understands
	next  uint32        // what has been understood by all since; 0: nothing above the present level
	since time.Duration // by the steady clock
	asked atomic.Bool   // a raise is on its way
}

func newLevelRaiser(r *reign, most uint32) *levelRaiser { return &levelRaiser{reign: r, most: most} }

// look is told, again and again, the least level that every member, present or not, and every connected agent understand: 0 if one of
// them has not said yet. It does not block. It asks for a raise when that has been above the group's level at every look for levelStable.
func (l *levelRaiser) look(understood uint32) {
	next, yes := levelToRaise(l.reign.machine.level.Load(), l.most, understood)
	now := l.reign.clock.Steady()
	if !yes {
		l.next = 0
		return
	}
	if l.next != next {
		l.next, l.since = next, now
	}
	if now-l.since < levelStable || !l.asked.CompareAndSwap(false, true) {
		return
	}
	command := lease.Command{Op: lease.OpRaiseLevel, Level: next}
	p := &proposal{command: lease.AppendCommand(nil, &command), done: func(res lease.Result, err error) {
		defer l.asked.Store(false)
		switch {
		case err != nil: // known or not, the next look sees the level that came of it
			l.reign.log.Debug("the feature level could not be raised", "level", next, "err", err)
		case res.Code != lease.OK:
			l.reign.log.Warn("the feature level was not raised", "level", next, "code", res.Code, "reason", res.Detail)
		default:
			l.reign.log.Info("feature level raised; no sidecar can be downgraded below it any more", "level", next, "index", res.Index)
		}
	}}
	if err := l.reign.queue.push(p, true); err != nil {
		p.done(lease.Result{}, err)
	}
}
