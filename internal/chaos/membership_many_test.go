package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

const (
	// agentCPU is how much of a processor an agent may take that nobody asks anything. It is generous, for busy machines.
	agentCPU = 0.1
	// A sidecar may have so many files open: some of its own, some for clients, and, as Raft leader, a few for each of the others.
	filesOfOwn, filesPerSidecar = 80, 4
	joinsWithin                 = 45 * time.Second
)

// TestManySidecarsComeAndGo: however many there are, three vote and two stand ready. All others are agents, at which locks work as
// anywhere.
func TestManySidecarsComeAndGo(t *testing.T) {
	t.Parallel()
	more := 9
	if *long {
		more = 27
	}
	g := chaos.Empty(t)
	for _, name := range chaos.Numbered("n", 3) {
		g.Add(name)
	}
	founders := g.Nodes
	args := append(chaos.Join(founders...), "--cluster-size", "3", "--drain-timeout", "1s")
	for _, n := range founders {
		n.Tell(args...)
		n.Start()
	}
	g.AwaitReady()
	awaitRoles(t, want{voters: 3}, founders...)
	tr := startTraffic(t, founders...)
	for _, n := range founders {
		tr.holdAt(n)
	}
	tr.renewed()

	came := time.Now()
	for _, name := range chaos.Numbered("m", more) {
		g.Add(name, append(args, "--ephemeral")...).Start()
	}
	guests := g.Others(founders...)
	awaitRoles(t, want{3, 2, more - 2}, g.Nodes...)
	joined := time.Since(came)
	if joined > joinsWithin {
		t.Errorf("%d sidecars took %s to join", more, joined)
	}
	g.AwaitReady()
	agents := withRole(t, g, g.Leader(), "agent")
	used := measure(t, g, agents)
	tr.circle.know(g.Nodes...)
	atAgents := []*steady{tr.holdAt(agents[0]), tr.holdAt(agents[1])}
	pause(t.Context(), 2*time.Second) // clients ask all of them
	tr.awaitService(t, settlesWithin)
	for _, s := range atAgents {
		if s.moved > 0 {
			t.Errorf("%s was held at an agent that went on, and its stream ended", s.path)
		}
	}
	tr.circle.know(founders...)
	went := time.Now()
	for _, n := range guests {
		n.Terminate()
	}
	for _, n := range guests {
		wantStopped(t, n)
	}
	awaitRoles(t, want{voters: 3}, founders...)
	tr.finish(g, fmt.Sprintf("%d sidecars came to three within %s (%s), and left within %s", more, joined.Round(100*time.Millisecond), used,
		time.Since(went).Round(100*time.Millisecond)))
}

// measure looks at what the sidecars of a group use for some seconds, in which nobody asks the agents anything.
func measure(t *testing.T, g *chaos.Group, agents []*chaos.Node) string {
	t.Helper()
	leader := g.Leader()
	cpu := func(nodes ...*chaos.Node) (all time.Duration) {
		for _, n := range nodes {
			all += n.Usage().CPU
		}
		return all
	}
	begun, agentsBefore, leaderBefore := time.Now(), cpu(agents...), cpu(leader)
	pause(t.Context(), 3*time.Second)
	took := time.Since(begun)
	share := func(used time.Duration, of int) float64 { return used.Seconds() / took.Seconds() / float64(of) }
	agent, lead := share(cpu(agents...)-agentsBefore, len(agents)), share(cpu(leader)-leaderBefore, 1)
	files, memory := 0, int64(0)
	for _, n := range g.Nodes {
		u := n.Usage()
		files, memory = max(files, u.Files), max(memory, u.Memory)
	}
	used := fmt.Sprintf("an idle agent takes %.1f %% of a processor, the Raft leader under load %.0f %%; at most %d open files and %d MiB each",
		100*agent, 100*lead, files, memory>>20)
	if most := filesOfOwn + filesPerSidecar*len(g.Nodes); agent > agentCPU || files > most {
		t.Errorf("%s; want at most %.0f %% and %d files", used, 100*agentCPU, most)
	}
	return used
}
