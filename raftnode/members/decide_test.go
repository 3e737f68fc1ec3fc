package members

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var want = Want{Voters: 3, Spares: 2, DeadAfter: 5 * time.Second, RemoveAfter: 15 * time.Minute, EphemeralAfter: time.Minute}

// a word describes a member: its ID, then v for voter, s for spare, and what is special.
func member(word string) Member {
	m := Member{ID: word[:1], Voter: word[1] == 'v', Healthy: true, Stable: true}
	for _, c := range word[2:] {
		switch c {
		case '*':
			m.Leader = true
		case '?': // silent for a moment
			m.Healthy, m.Stable, m.Silent = false, false, 2*time.Second
		case '!': // dead
			m.Healthy, m.Stable, m.Silent = false, false, 10*time.Second
		case '#': // long dead
			m.Healthy, m.Stable, m.Silent = false, false, time.Hour
		case '~': // not caught up
			m.Stable = false
		case '>':
			m.Leaving = true
		case '%':
			m.Replaced = true
		case '-':
			m.Agent = true
		case 'x', 'y', 'z':
			m.Zone = string(c)
		}
	}
	return m
}

func groupOf(words ...string) (all []Member) {
	for _, w := range words {
		all = append(all, member(w))
	}
	return all
}

func agents(words ...string) (all []Agent) {
	for _, w := range words {
		all = append(all, Agent{ID: w[:1], Zone: w[1:]})
	}
	return all
}

func TestTheRule(t *testing.T) {
	for _, c := range []struct {
		what    string
		members []Member
		agents  []Agent
		want    Step
	}{
		{"all is well", groupOf("av*", "bv", "cv", "ds", "es"), agents("f"), Step{}},
		{"one alone takes the next in", groupOf("av*"), agents("b"), Step{Add: "b"}},
		{"two do not vote where one survives as much", groupOf("av*", "bs"), nil, Step{}},
		{"three do", groupOf("av*", "bs", "cs"), nil, Step{Promote: "b"}},
		{"and the second of them at once", groupOf("av*", "bv", "cs"), nil, Step{Promote: "c"}},
		{"not before it has caught up", groupOf("av*", "bs~", "cs~"), nil, Step{}},
		{"a voter that is silent for a moment is waited for", groupOf("av*", "bv", "cv?", "ds", "es"), agents("f"), Step{}},
		{"a dead one is replaced", groupOf("av*", "bv", "cv!", "ds", "es"), nil, Step{Promote: "d", Demote: "c"}},
		{"and its place as a spare is filled", groupOf("av*", "bv", "dv", "cs!", "es"), agents("f"), Step{Add: "f"}},
		{"a dead one without a spare stays", groupOf("av*", "bv", "cv!"), nil, Step{}},
		{"however long, for two survive no more than three less one", groupOf("av*", "bv", "cv#"), nil, Step{}},
		{"two long dead of five are better gone", groupOf("av*", "bv", "cv", "dv#", "ev#"), nil, Step{Demote: "d"}},
		{"and the second too", groupOf("av*", "bv", "cv", "ev#"), nil, Step{Demote: "e"}},
		{"nothing is done without a majority", groupOf("av*", "bv!", "cv!", "ds", "es"), nil, Step{}},
		{"a spare that is long dead is removed", groupOf("av*", "bv", "cv", "ds#"), nil, Step{Remove: []string{"d"}}},
		{"one that is dead for a while is not", groupOf("av*", "bv", "cv", "ds!"), nil, Step{}},
		{"who leaves is replaced first", groupOf("av*", "bv", "cv>", "ds"), nil, Step{Promote: "d"}},
		{"then demoted", groupOf("av*", "bv", "dv", "cv>"), nil, Step{Demote: "c"}},
		{"of all who leave at once the Raft leader is the last", groupOf("av*>", "bv>", "cv>"), nil, Step{Demote: "b"}},
		{"and hands over to none who leaves too", groupOf("av*>", "cv>"), nil, Step{Demote: "c"}},
		{"and stays", groupOf("av*>"), nil, Step{}},
		{"then removed", groupOf("av*", "bv", "dv", "cs>"), nil, Step{Remove: []string{"c"}}},
		{"who leaves waits for a spare that catches up", groupOf("av*", "bv", "cv>", "ds~"), nil, Step{}},
		{"and for an agent that can become one", groupOf("av*", "bv", "cv>"), agents("d"), Step{Add: "d"}},
		{"but not for nobody", groupOf("av*", "bv", "cv>"), nil, Step{Demote: "c"}},
		{"a Raft leader that leaves hands over first", groupOf("av*>", "bv", "cv"), nil, Step{Transfer: true}},
		{"the last voter never goes", groupOf("av*>"), nil, Step{}},
		{"nor the last but one that is dead", groupOf("av*>", "bv!"), nil, Step{}},
		{"a wiped node's old self is replaced at once", groupOf("av*", "bv", "cv?%", "ds"), nil, Step{Promote: "d", Demote: "c"}},
		{"and removed at once", groupOf("av*", "bv", "dv", "cs?%"), nil, Step{Remove: []string{"c"}}},
		{"too many spares", groupOf("av*", "bv", "cv", "ds", "es~", "fs"), nil, Step{Remove: []string{"e"}}},
		{"too many voters", groupOf("av*", "bv", "cv", "dv", "ev"), nil, Step{Demote: "e"}},
		{"one told never to be a member", groupOf("av*", "bv", "cv", "ds-"), agents("e"), Step{Remove: []string{"d"}, Add: "e"}},
		{"zones: the new voter comes from the emptiest", groupOf("av*x", "bvy", "cv!z", "dsx", "esz"), nil, Step{Promote: "e", Demote: "c"}},
		{"zones: a crowded one is relieved", groupOf("av*x", "bvx", "cvy", "dsz"), nil, Step{Promote: "d"}},
		{"zones: by the one too many", groupOf("av*x", "bvx", "cvy", "dvz"), nil, Step{Demote: "b"}},
		{"zones: the agent too", groupOf("av*x", "bvy", "cvy"), agents("dx", "ez"), Step{Add: "e"}},
	} {
		w := want
		if c.what == "two long dead of five are better gone" || c.what == "and the second too" {
			w.Voters = 5
		}
		if got := Decide(w, c.members, c.agents); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
	}
}

// TestEveryStepLeavesAMajority: whatever the group is like, if its voters have a healthy majority before a step then they have one after
// it; the Raft leader is never demoted or removed, no voter is removed, and there is always a voter.
func TestEveryStepLeavesAMajority(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawGroup(t)
		if !majority(all) {
			if s := Decide(drawWant(t), all, nil); s.Demote != "" {
				t.Fatalf("demotes %s without a majority: %+v", s.Demote, all)
			}
			return
		}
		s := Decide(drawWant(t), all, drawAgents(t))
		for _, m := range all {
			if m.Leader && (m.ID == s.Demote || slices.Contains(s.Remove, m.ID)) {
				t.Fatalf("the Raft leader is put out: %+v", s)
			}
			if m.Voter && slices.Contains(s.Remove, m.ID) {
				t.Fatalf("a voter is removed: %+v", s)
			}
		}
		// One after the other, in either order, for the two may be applied so.
		for _, steps := range [][]Step{{{Promote: s.Promote}, {Demote: s.Demote}}, {{Demote: s.Demote}, {Promote: s.Promote}}} {
			now := slices.Clone(all)
			for _, one := range steps {
				if now = apply(now, one); !majority(now) {
					t.Fatalf("%+v leaves no majority: %+v of %+v", one, now, all)
				}
			}
		}
	})
}

// TestTheGroupComesToRest: with no further change a group reaches, in few steps, a state in which nothing is done; then as many vote as can.
func TestTheGroupComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWant(t)
		all := slices.DeleteFunc(drawGroup(t), func(m Member) bool { return m.Leader && (m.Leaving || m.Agent) })
		if !majority(all) || !slices.ContainsFunc(all, func(m Member) bool { return m.Leader }) {
			return
		}
		free := drawAgents(t)
		for step := range 100 {
			s := Decide(w, all, free)
			if fmt.Sprint(s) == fmt.Sprint(Step{}) {
				checkRest(t, w, all, free)
				return
			}
			if step == 99 {
				t.Fatalf("does not come to rest: %+v for %+v", s, all)
			}
			all = apply(all, s)
			if s.Add != "" {
				i := slices.IndexFunc(free, func(a Agent) bool { return a.ID == s.Add })
				all = append(all, Member{ID: s.Add, Zone: free[i].Zone, Healthy: true, Stable: true})
				free = slices.Delete(free, i, i+1)
			}
			for _, id := range s.Remove {
				i := slices.IndexFunc(all, func(m Member) bool { return m.ID == id })
				if able(all[i]) {
					free = append(free, Agent{ID: id, Zone: all[i].Zone})
				}
				all = slices.Delete(all, i, i+1)
			}
		}
	})
}

func checkRest(t *rapid.T, w Want, all []Member, free []Agent) {
	g := group{want: w, all: all}
	have, can := g.count(good), g.count(good)+g.count(candidate)
	if g.count(func(m Member) bool { return m.Voter && !good(m) }) == 0 && have < oddAtMost(min(w.Voters, can)) {
		t.Fatalf("%d vote, %d could of %d wanted: %+v", have, can, w.Voters, all)
	}
	if g.count(func(m Member) bool { return !m.Healthy && m.Silent <= w.DeadAfter }) > 0 {
		return // whoever is silent for a moment is waited for
	}
	if have > w.Voters {
		t.Fatalf("%d vote, %d are wanted: %+v", have, w.Voters, all)
	}
	if spares := g.count(func(m Member) bool { return !m.Voter && able(m) }); spares < w.Spares && len(free) > 0 && have >= w.Voters {
		t.Fatalf("%d spares of %d, and %d agents: %+v", spares, w.Spares, len(free), all)
	}
}

func apply(all []Member, s Step) []Member {
	all = slices.Clone(all)
	for i := range all {
		switch all[i].ID {
		case s.Promote:
			all[i].Voter = true
		case s.Demote:
			all[i].Voter = false
		}
	}
	return all
}

func majority(all []Member) bool {
	voters, healthy := 0, 0
	for _, m := range all {
		if m.Voter {
			voters++
			if m.Healthy {
				healthy++
			}
		}
	}
	return 2*healthy > voters
}

func drawWant(t *rapid.T) Want {
	w := want
	w.Voters = rapid.SampledFrom([]int{1, 3, 5, 7}).Draw(t, "voters")
	w.Spares = rapid.IntRange(0, 3).Draw(t, "spares")
	return w
}

func drawGroup(t *rapid.T) (all []Member) {
	zone := rapid.SampledFrom([]string{"", "x", "y", "z"})
	leads := false
	for i := range rapid.IntRange(1, 9).Draw(t, "members") {
		m := Member{ID: string(rune('a' + i)), Voter: i == 0 || rapid.Bool().Draw(t, "voter"), Zone: zone.Draw(t, "zone")}
		m.Silent = rapid.SampledFrom([]time.Duration{0, 0, 0, 2 * time.Second, 10 * time.Second, 2 * time.Minute, time.Hour}).Draw(t, "silent")
		m.Healthy = m.Silent == 0
		m.Stable = m.Healthy && rapid.IntRange(0, 3).Draw(t, "stable") > 0
		m.Leaving, m.Replaced = rapid.IntRange(0, 7).Draw(t, "leaving") == 0, !m.Healthy && rapid.IntRange(0, 7).Draw(t, "replaced") == 0
		m.Agent, m.Ephemeral = rapid.IntRange(0, 15).Draw(t, "agent") == 0, rapid.Bool().Draw(t, "ephemeral")
		if m.Voter && m.Healthy && !leads {
			m.Leader, leads = true, true
		}
		all = append(all, m)
	}
	return all
}

func drawAgents(t *rapid.T) (all []Agent) {
	for i := range rapid.IntRange(0, 4).Draw(t, "agents") {
		all = append(all, Agent{ID: string(rune('p' + i)), Zone: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "zone")})
	}
	return all
}
