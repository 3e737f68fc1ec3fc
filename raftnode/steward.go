package raftnode

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	autopilot "github.com/hashicorp/raft-autopilot"
	"github.com/sidelock/sidelock/raftnode/members"
)

// steward keeps the group, while this node is Raft leader: raft-autopilot watches over the members' health and carries changes out,
// and the rule of package members, as its promoter, says which. The members of autopilot's own promoter are every server that is
// stable; here most sidecars are no members at all. What autopilot does not do, making agents spares, is done here.
//
// Autopilot's view may be older than Raft's configuration, and its changes name no index to be based on. So nothing is decided while the
// two differ, and whatever can cost a majority, promotions, demotions and removals, is done by its one goroutine. An agent
// that is added beside it replicates, and does not count.
type steward struct {
	node  *Node
	reign *reign
	pilot *autopilot.Autopilot

	mu   sync.Mutex
	step members.Step                // decided last, for what is not autopilot's to do
	met  map[raft.ServerID]time.Time // when each member was first seen in the configuration, in this reign

	unsettled time.Time // since when a configuration has been pending; zero: none is
}

var (
	_ autopilot.ApplicationIntegration = (*steward)(nil)
	_ autopilot.Promoter               = (*steward)(nil)
)

const (
	lookEvery      = 200 * time.Millisecond // at the members' health
	changeEvery    = 250 * time.Millisecond // at what is to be changed
	farBehind      = 1024                   // entries: a spare that lacks more has not caught up
	stableFor      = time.Second            // healthy for so long, a spare may vote
	deadAfter      = 5 * time.Second        // silent for so long, a voter is replaced
	removeAfter    = 15 * time.Minute       // silent for so long, a spare is removed
	ephemeralAfter = time.Minute            // likewise, if its disk does not outlive it
	agentSettles   = time.Second            // connected for so long, an agent may become a spare
	settlesWithin  = 5 * time.Second        // a change that takes longer is told of
	changeTimeout  = 5 * time.Second        // for a change of the configuration
)

func newSteward(n *Node, r *reign) *steward {
	return &steward{node: n, reign: r, met: map[raft.ServerID]time.Time{}}
}

// run keeps the group until the context ends.
func (s *steward) run(ctx context.Context) {
	s.pilot = autopilot.New(s.reign.raft, s, autopilot.WithLogger(s.node.raftLog), autopilot.WithPromoter(s),
		autopilot.WithUpdateInterval(lookEvery), autopilot.WithReconcileInterval(changeEvery))
	s.pilot.Start(ctx)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	raiser := newLevelRaiser(s.reign, s.node.features())
	for {
		if r := s.node.drawRoster(s.reign.member, s.reign.term); r != nil {
			s.node.learnRoster(r)
		}
		s.beyondPilot(ctx)
		raiser.look(s.understood())
		select {
		case <-ctx.Done():
			select {
			case <-s.pilot.Stop():
			case <-s.reign.closed: // it may wait for a change that raft, shut down, never answers
			}
			return
		case <-ticker.C:
		}
	}
}

// beyondPilot does what autopilot does not.
func (s *steward) beyondPilot(ctx context.Context) {
	s.mu.Lock()
	step := s.step
	s.step.Add, s.step.Transfer = "", false
	s.mu.Unlock()
	c, index := s.reign.member.configuration()
	s.watchPending(c, index == pending)
	if step.Add != "" && index != pending && s.stays(step.Add) {
		id := raft.ServerID(step.Add)
		s.node.log.Info("an agent becomes a spare", "id", id, "name", s.node.nameOf(step.Add))
		if err := wait(ctx, s.reign.raft.AddNonvoter(id, raft.ServerAddress(id), index, changeTimeout)); err != nil {
			s.node.log.Warn("an agent could not be made a spare; trying again", "id", id, "err", err)
		}
		s.node.deps.Recorder.MembershipChange("added")
	}
	if step.Transfer {
		s.node.log.Info("handing Raft leadership over: this node is to vote no more")
		s.node.handOver(ctx)
	}
}

// watchPending tells of a change of the members that is not known to be committed for long: meanwhile no other is made.
func (s *steward) watchPending(c raft.Configuration, is bool) {
	now := time.Now()
	switch {
	case !is:
		s.unsettled = time.Time{}
	case s.unsettled.IsZero():
		s.unsettled = now
	case now.Sub(s.unsettled) > settlesWithin:
		s.unsettled = now // once in a while
		s.node.log.Warn("a change of the members is not committed, and no other is made before it is: too few of the voters answer", "members", len(c.Servers), "voters", voters(c))
	}
}

// want is what the group should be like: by the flags of its Raft leader.
func (s *steward) want() members.Want {
	c := s.node.cfg
	return members.Want{Voters: c.Voters, Spares: c.Spares, DeadAfter: max(deadAfter, 3*c.Timing.Election), RemoveAfter: removeAfter, EphemeralAfter: ephemeralAfter}
}

// AutopilotConfig implements autopilot.ApplicationIntegration.
func (s *steward) AutopilotConfig() *autopilot.Config {
	return &autopilot.Config{CleanupDeadServers: true, LastContactThreshold: s.node.healthyWithin(), MaxTrailingLogs: farBehind,
		MinQuorum: 1, ServerStabilizationTime: stableFor}
}

// NotifyState implements autopilot.ApplicationIntegration; what there is to tell is told by the roster.
func (s *steward) NotifyState(*autopilot.State) {}

// KnownServers implements autopilot.ApplicationIntegration. All servers of the configuration are known, always: one that is not would
// be removed at once. (Which are to be removed, FilterFailedServerRemovals says.)
func (s *steward) KnownServers() map[raft.ServerID]*autopilot.Server {
	known := map[raft.ServerID]*autopilot.Server{}
	c, _ := s.reign.member.configuration()
	for _, one := range c.Servers {
		known[one.ID] = &autopilot.Server{ID: one.ID, Name: s.node.nameOf(string(one.ID)), Address: one.Address, NodeStatus: autopilot.NodeAlive,
			RaftVersion: int(raft.ProtocolVersionMax), IsLeader: one.ID == s.node.id, NodeType: autopilot.NodeVoter}
	}
	return known
}

// FetchServerStats implements autopilot.ApplicationIntegration: when each answered raft last, and how far its log reaches by what it says.
func (s *steward) FetchServerStats(_ context.Context, servers map[raft.ServerID]*autopilot.Server) map[raft.ServerID]*autopilot.ServerStats {
	stats := map[raft.ServerID]*autopilot.ServerStats{}
	for id := range servers {
		one := &autopilot.ServerStats{LastContact: s.node.contact.ago(string(id))}
		if id == s.node.id {
			end := s.reign.member.logEnd()
			one.LastContact, one.LastIndex, one.LastTerm = 0, end.index, end.term
		} else if e, ok := s.node.roll.look(string(id)); ok && e.links > 0 {
			one.LastIndex, one.LastTerm = e.last.index, e.last.term
		}
		stats[id] = one
	}
	return stats
}

// CalculatePromotionsAndDemotions implements autopilot.Promoter.
func (s *steward) CalculatePromotionsAndDemotions(_ *autopilot.Config, state *autopilot.State) (changes autopilot.RaftChanges) {
	step := s.decide(state)
	if step.Promote != "" {
		changes.Promotions = []raft.ServerID{raft.ServerID(step.Promote)}
		s.node.log.Info("a spare becomes a voter", "id", step.Promote, "name", s.node.nameOf(step.Promote))
		s.node.deps.Recorder.MembershipChange("promoted")
	}
	if step.Demote != "" {
		changes.Demotions = []raft.ServerID{raft.ServerID(step.Demote)}
		s.node.log.Info("a voter becomes a spare", "id", step.Demote, "name", s.node.nameOf(step.Demote))
		s.node.deps.Recorder.MembershipChange("demoted")
	}
	return changes
}

// FilterFailedServerRemovals implements autopilot.Promoter. Autopilot knows of no failed ones (see KnownServers), so the list is made here.
func (s *steward) FilterFailedServerRemovals(_ *autopilot.Config, state *autopilot.State, _ *autopilot.FailedServers) *autopilot.FailedServers {
	var out autopilot.FailedServers
	for _, id := range s.decide(state).Remove {
		out.FailedNonVoters = append(out.FailedNonVoters, &autopilot.Server{ID: raft.ServerID(id), NodeType: autopilot.NodeVoter})
	}
	return &out
}

// RemoveFailedServer implements autopilot.ApplicationIntegration. It is called by the goroutine that promotes and demotes.
func (s *steward) RemoveFailedServer(one *autopilot.Server) {
	c, index := s.reign.member.configuration()
	for _, server := range c.Servers {
		if server.ID == one.ID && server.Suffrage == raft.Voter {
			return // it was promoted meanwhile
		}
	}
	s.node.log.Info("a member is removed", "id", one.ID, "name", s.node.nameOf(string(one.ID)))
	ctx, cancel := context.WithTimeout(s.node.ctx, changeTimeout)
	defer cancel()
	if err := wait(ctx, s.reign.raft.RemoveServer(one.ID, index, changeTimeout)); err != nil {
		s.node.log.Warn("a member could not be removed; trying again", "id", one.ID, "err", err)
		return
	}
	s.reign.member.transport.Forget(one.ID)
	s.node.expelled.done(string(one.ID))
	s.node.deps.Recorder.MembershipChange("removed")
}

// GetServerExt, GetStateExt, GetNodeTypes and IsPotentialVoter implement autopilot.Promoter.
func (s *steward) GetServerExt(*autopilot.Config, *autopilot.ServerState) any { return nil }

// GetStateExt implements autopilot.Promoter.
func (s *steward) GetStateExt(*autopilot.Config, *autopilot.State) any { return nil }

// GetNodeTypes implements autopilot.Promoter.
func (s *steward) GetNodeTypes(*autopilot.Config, *autopilot.State) map[raft.ServerID]autopilot.NodeType {
	return nil
}

// IsPotentialVoter implements autopilot.Promoter.
func (s *steward) IsPotentialVoter(t autopilot.NodeType) bool { return t == autopilot.NodeVoter }

// decide applies the rule to what is known now.
func (s *steward) decide(state *autopilot.State) members.Step {
	c, index := s.reign.member.configuration()
	if !s.reign.current() || index > s.reign.raft.CommitIndex() || !sameServers(c, state) {
		return members.Step{}
	}
	now := time.Now()
	var all []members.Member
	for _, one := range c.Servers {
		all = append(all, s.look(one, state.Servers[one.ID], now))
	}
	step := members.Decide(s.want(), all, s.agents(c))
	s.mu.Lock()
	s.step = step
	s.mu.Unlock()
	return step
}

// sameServers tells whether a state of autopilot is of this configuration.
func sameServers(c raft.Configuration, state *autopilot.State) bool {
	if len(c.Servers) != len(state.Servers) {
		return false
	}
	for _, one := range c.Servers {
		known := state.Servers[one.ID]
		if known == nil || known.HasVotingRights() != (one.Suffrage == raft.Voter) {
			return false
		}
	}
	return true
}

// look is a member as the rule wants to see it.
func (s *steward) look(one raft.Server, known *autopilot.ServerState, now time.Time) members.Member {
	id := string(one.ID)
	l := s.node.describe(id)
	m := members.Member{ID: id, Voter: one.Suffrage == raft.Voter, Leader: one.ID == s.node.id, Zone: l.Zone, Ephemeral: l.Ephemeral,
		Healthy: known.Health.Healthy, Stable: known.Health.IsStable(now, stableFor), Silent: s.silence(one.ID),
		Replaced: s.replaced(id, l.Name), Leaving: s.node.expelled.has(id)}
	switch e, ok := s.node.roll.look(id); {
	case one.ID == s.node.id:
		m.Leaving, m.Agent = m.Leaving || s.node.leaving.Load(), s.node.cfg.Agent
	case ok && e.links > 0:
		m.Leaving, m.Agent = m.Leaving || e.leaving, e.hello.About.Agent
	case ok: // one that has gone as it said; it may have been made a spare in the same moment
		m.Leaving = m.Leaving || e.leaving
	}
	return m
}

// silence is how long a member has not been heard of; since this reign knows of it, if not in it.
func (s *steward) silence(id raft.ServerID) time.Duration {
	if id == s.node.id {
		return 0
	}
	s.mu.Lock()
	met, known := s.met[id]
	if !known {
		met = time.Now()
		s.met[id] = met
	}
	s.mu.Unlock()
	since := time.Since(met)
	if ago := s.node.contact.ago(string(id)); ago >= 0 {
		return min(ago, since)
	}
	return since
}

// replaced tells whether another node with this one's name is connected: this one was wiped.
func (s *steward) replaced(id, name string) bool {
	return name != "" && id != string(s.node.id) && (name == s.node.cfg.Name || slices.ContainsFunc(s.node.roll.entries(), func(e entry) bool {
		return e.links > 0 && e.hello.Name == name && e.hello.NodeID != id
	}))
}

// agents are the sidecars that could become spares.
func (s *steward) agents(c raft.Configuration) (agents []members.Agent) {
	for _, e := range s.node.roll.entries() {
		id := raft.ServerID(e.hello.NodeID)
		if e.links == 0 || e.leaving || e.hello.About.Agent || contains(c, id) || time.Since(e.since) < agentSettles || s.node.expelled.lately(e.hello.NodeID) {
			continue
		}
		agents = append(agents, members.Agent{ID: e.hello.NodeID, Zone: e.hello.About.Zone})
	}
	return agents
}

// stays tells whether a sidecar is connected, and has not said since that it leaves.
func (s *steward) stays(id string) bool {
	e, ok := s.node.roll.look(id)
	return ok && e.links > 0 && !e.leaving
}

// understood is the least feature level that all sidecars understand; 0 if a member has not said yet.
func (s *steward) understood() uint32 {
	least := understands(s.node.about())
	c, _ := s.reign.member.configuration()
	for _, one := range c.Servers {
		if one.ID == s.node.id {
			continue
		}
		e, ok := s.node.roll.look(string(one.ID))
		if !ok || e.links == 0 {
			return 0 // it may come back with another release
		}
		h := e.hello
		least = min(least, understands(h.About))
	}
	for _, h := range s.node.roll.present() {
		least = min(least, understands(h.About))
	}
	return least
}
