package cli

import (
	"fmt"
	"text/tabwriter"
)

// introduce says who is who and what to try first.
func (g *devGroup) introduce(view clusterView) {
	kept := "removed at the end"
	if !g.temporary {
		kept = "kept"
	}
	fmt.Fprintf(g.stdout, "%s, data in %s (%s)\n\n", groupOf(len(g.nodes)), g.dataDir, kept)
	table := tabwriter.NewWriter(g.stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "NODE\tAPI\tPID\tROLE")
	for _, n := range g.nodes {
		fmt.Fprintf(table, "%s\thttp://%s\t%d\t%s\n", n.name, n.ports.host(), n.pid, view.role(n.name))
	}
	table.Flush()
	last := g.nodes[len(g.nodes)-1]
	fmt.Fprintf(g.stdout, "\nTake a lock, and look at it through another door:\n")
	fmt.Fprintf(g.stdout, "  curl -d ttl=60s %s/v1/locks/nightly\n", g.nodes[0].ports.host())
	fmt.Fprintf(g.stdout, "  curl %s/v1/locks/nightly\n", last.ports.host())
	if leader := g.named(view.Leader); leader != nil && g.majority(len(g.nodes)-1) {
		fmt.Fprintf(g.stdout, "Kill the Raft leader and look again:\n  kill -9 %d\n", leader.pid)
	}
	fmt.Fprintf(g.stdout, "Ctrl-C stops everything.\n")
}

func (g *devGroup) named(m *memberView) *devNode {
	for _, n := range g.nodes {
		if m != nil && n.name == m.Name {
			return n
		}
	}
	return nil
}

// role of the node with that name, for people.
func (v clusterView) role(name string) string {
	if v.Leader != nil && v.Leader.Name == name {
		return "Raft leader"
	}
	for _, m := range v.Members {
		if m.Name == name {
			return m.Role
		}
	}
	return "not in the group"
}

// reportEnd says that a node has ended and what that means.
func (g *devGroup) reportEnd(n *devNode, alive int) {
	rest := ""
	switch {
	case alive == 1:
		rest = "; the other one goes on"
	case alive > 1:
		rest = fmt.Sprintf("; the other %s go on", inWords(alive))
	}
	fmt.Fprintf(g.stdout, "%s (PID %d) ended: %s%s\n", n.name, n.pid, n.how(), rest)
	if alive > 0 && !g.majority(alive) {
		fmt.Fprintf(g.stdout, "%d of %d is no majority: requests will be refused. Start dev again to go on.\n", alive, len(g.nodes))
	}
}

func groupOf(nodes int) string {
	if nodes == 1 {
		return "A group of one"
	}
	return fmt.Sprintf("A group of %s on this machine", inWords(nodes))
}

// inWords writes a number of nodes, at most maxDevNodes.
func inWords(n int) string {
	return [maxDevNodes + 1]string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}[n]
}
