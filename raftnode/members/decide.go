package members

import (
	"cmp"
	"slices"
	"time"
)

// Member is one server of Raft's configuration, as the Raft leader sees it.
type Member struct {
	ID      string
	Voter   bool
	Leader  bool
	Healthy bool          // heard of lately, and not far behind
	Stable  bool          // healthy for a while: it has caught up
	Silent  time.Duration // since it was last heard of
	Zone    string        // empty: not known, which is a zone of its own

	Agent     bool // told never to be a member
	Ephemeral bool // its disk does not outlive it
	Leaving   bool // it asked to be let go, or an administrator put it out
	Replaced  bool // another node with its name is alive: it was wiped, and this is what it was before
}

// Agent is a sidecar that is no member, and could become one.
type Agent struct {
	ID   string
	Zone string
}

// Want is what the group should be like.
type Want struct {
	Voters int // odd
	Spares int

	DeadAfter      time.Duration // silent for so long, a voter is replaced
	RemoveAfter    time.Duration // silent for so long, a spare is removed
	EphemeralAfter time.Duration // likewise, if its disk does not outlive it
}

// Step is what to change next. At most one server is promoted and one demoted at a time.
type Step struct {
	Promote string   // spare, to voter
	Demote  string   // voter, to spare
	Remove  []string // spares
	Add     string   // agent, to spare
	// Transfer asks the Raft leader to let another voter lead: it is to be demoted.
	Transfer bool
}

// Decide returns the next step; the zero Step if all is well.
func Decide(w Want, all []Member, agents []Agent) Step {
	g := group{want: w, all: slices.SortedFunc(slices.Values(all), func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })}
	var s Step
	if !g.survives(0, 0) {
		// A change of the configuration is committed by the majority that it makes, not by the one before: hashicorp/raft appends
		// it, and it is in force. A majority that is lost must not be made up in this way.
		return s
	}
	s.Promote = g.promotion()
	s.Demote, s.Transfer = g.demotion(s.Promote, agents)
	s.Remove = g.removals()
	s.Add = g.addition(agents)
	return s
}

// group answers questions about the members.
type group struct {
	want Want
	all  []Member
}

// able tells who may vote, now or later.
func able(m Member) bool { return m.Healthy && !m.Leaving && !m.Agent && !m.Replaced }

func candidate(m Member) bool { return !m.Voter && m.Stable && able(m) }

// good is a voter that is to stay one.
func good(m Member) bool { return m.Voter && able(m) }

// kept is a voter that is to stay one; one that is silent for a moment too.
func (g group) kept(m Member) bool {
	return good(m) || m.Voter && !m.Leaving && !g.replaceable(m)
}

func (g group) count(f func(Member) bool) (n int) {
	for _, m := range g.all {
		if f(m) {
			n++
		}
	}
	return n
}

func voter(m Member) bool { return m.Voter }

// promotion chooses the spare that is to vote next, if one is missing or a better one is there.
func (g group) promotion() string {
	have, more := g.count(g.kept), g.count(candidate)
	best, ok := g.bestCandidate()
	if !ok || !g.survives(+1, 0) {
		return ""
	}
	to := oddAtMost(min(g.want.Voters, have+more))
	if have < to || have == g.want.Voters && g.count(voter) == have && g.spreads(best) {
		return best.ID
	}
	return ""
}

// survives tells whether the healthy voters are a majority after a change of their number: so many healthy and dead ones more.
func (g group) survives(healthy, dead int) bool {
	alive := g.count(func(m Member) bool { return m.Voter && m.Healthy }) + healthy
	voters := g.count(voter) + healthy + dead
	return 2*alive > voters
}

func oddAtMost(n int) int {
	if n%2 == 0 {
		n--
	}
	return max(n, 1)
}

// bestCandidate is the one whose zone has the fewest good voters.
func (g group) bestCandidate() (best Member, ok bool) {
	for _, m := range g.all {
		if candidate(m) && (!ok || g.crowd(m.Zone) < g.crowd(best.Zone)) {
			best, ok = m, true
		}
	}
	return best, ok
}

// crowd is how many good voters a zone has. Where nobody knows better each node is a zone of its own.
func (g group) crowd(zone string) int {
	if zone == "" {
		return 0
	}
	return g.count(func(m Member) bool { return good(m) && m.Zone == zone })
}

// spreads tells whether a candidate would relieve a zone that has at least two voters more than its own.
func (g group) spreads(m Member) bool {
	if m.Zone == "" {
		return false
	}
	here := g.crowd(m.Zone)
	return slices.ContainsFunc(g.all, func(v Member) bool {
		return good(v) && !v.Leader && g.crowd(v.Zone) >= here+2
	})
}

// demotion chooses the voter that is to vote no more: one that goes, one that is dead and replaced, one too many.
func (g group) demotion(promoted string, agents []Agent) (id string, transfer bool) {
	replaced := g.count(good) >= oddAtMost(g.want.Voters) || promoted != ""
	for _, m := range g.all {
		switch {
		case !m.Voter, !g.mayGo(m):
		case m.Leaving && m.Healthy && (promoted != "" || g.successorComes(agents)): // first its place is taken
		case m.Leaving, !able(m) && g.replaceable(m) && (replaced || g.better(m)):
			if !m.Leader {
				return m.ID, false
			}
			transfer = g.count(good) > 0 // else there is nobody to lead instead
		}
	}
	if transfer {
		return "", true
	}
	if g.count(good) > g.want.Voters && promoted == "" {
		return g.surplus(), false
	}
	return "", false
}

// mayGo tells whether the others can go on without a voter. The last one never goes; of those who all leave at once, each may go but the last.
func (g group) mayGo(m Member) bool {
	rest := g.count(func(o Member) bool {
		return o.ID != m.ID && (good(o) || m.Leaving && o.Voter && o.Healthy)
	})
	return rest > 0 && g.survives(g.lost(m))
}

// successorComes tells whether somebody can soon vote in place of a voter that leaves.
func (g group) successorComes(agents []Agent) bool {
	if g.count(good) >= g.want.Voters {
		return false
	}
	coming := func(m Member) bool {
		return !m.Voter && !m.Leaving && !m.Agent && !m.Replaced && (m.Healthy || m.Silent <= g.want.DeadAfter)
	}
	return g.count(coming) > 0 || g.addition(agents) != ""
}

// replaceable tells whether a voter is beyond waiting for.
func (g group) replaceable(m Member) bool {
	return m.Agent || m.Silent > g.want.DeadAfter || m.Replaced && !m.Healthy
}

// lost is what survives is to reckon with when m votes no more.
func (g group) lost(m Member) (healthy, dead int) {
	if m.Healthy {
		return -1, 0
	}
	return 0, -1
}

// better tells whether the group would survive more failures without all voters that are long dead.
func (g group) better(m Member) bool {
	long := func(v Member) bool { return v.Voter && !v.Healthy && v.Silent > g.removeAfter(v) }
	if !long(m) {
		return false
	}
	voters, alive := g.count(voter), g.count(func(v Member) bool { return v.Voter && v.Healthy })
	without := voters - g.count(long)
	return without/2 < voters/2 && 2*alive > without
}

// surplus is the voter that is missed the least: of the zone with the most, never the Raft leader.
func (g group) surplus() string {
	var worst Member
	for _, m := range g.all {
		if good(m) && !m.Leader && g.mayGo(m) && (worst.ID == "" || g.crowd(m.Zone) >= g.crowd(worst.Zone)) {
			worst = m
		}
	}
	return worst.ID
}

func (g group) removeAfter(m Member) time.Duration {
	if m.Ephemeral {
		return g.want.EphemeralAfter
	}
	return g.want.RemoveAfter
}

// removals are the spares that are no use any more, and those beyond the number that is wanted.
func (g group) removals() (ids []string) {
	var alive []Member
	for _, m := range g.all {
		switch {
		case m.Voter:
		case m.Leaving, m.Agent, m.Replaced && !m.Healthy, m.Silent > g.removeAfter(m):
			ids = append(ids, m.ID)
		case able(m):
			alive = append(alive, m)
		}
	}
	// A spare that is needed as a voter soon is none too many.
	keep := g.want.Spares + max(0, g.want.Voters-g.count(good))
	if len(alive) > keep {
		slices.SortStableFunc(alive, func(a, b Member) int { return cmp.Compare(rank(a), rank(b)) })
		for _, m := range alive[keep:] {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

func rank(m Member) int {
	if m.Stable {
		return 0
	}
	return 1
}

// addition chooses the agent that is to replicate next, if members are missing.
func (g group) addition(agents []Agent) string {
	here := g.count(func(m Member) bool { return able(m) || m.Voter && !m.Leaving && !g.replaceable(m) })
	// A spare that is silent for a moment is still one; a dead one is not.
	here += g.count(func(m Member) bool { return !m.Voter && !m.Healthy && !m.Leaving && m.Silent <= g.want.DeadAfter })
	if here >= g.want.Voters+g.want.Spares || len(agents) == 0 {
		return ""
	}
	in := func(zone string) int {
		if zone == "" {
			return 0
		}
		return g.count(func(m Member) bool { return able(m) && m.Zone == zone })
	}
	return slices.MinFunc(agents, func(a, b Agent) int {
		return cmp.Or(cmp.Compare(in(a.Zone), in(b.Zone)), cmp.Compare(a.ID, b.ID))
	}).ID
}
