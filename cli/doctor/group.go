package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sidelock/sidelock/client"
	"github.com/sidelock/sidelock/raftnode"
	"github.com/sidelock/sidelock/raftnode/form"
)

// group puts together what all have said.
func (d *examination) group(ctx context.Context) {
	d.clusters()
	d.names()
	switch {
	case d.running != nil:
		d.quorumHere(d.running)
	case len(d.visits) > 0:
		d.quorumThere()
	}
	d.versions()
	d.settings()
	d.latency()
	if d.running != nil {
		d.certificatesInForce(ctx)
	}
}

// phase says how far a sidecar has come.
func phase(v raftnode.Visit) string {
	switch v.Status.Phase {
	case form.Joined:
		return "cluster " + v.Hello.ClusterID
	case form.Fresh, form.Writing:
		return "waiting for a group"
	case form.Promised:
		return "about to found a group"
	}
	return "about to join a group"
}

// others are those of the visited that answered and are not this node.
func (d *examination) others() (out []*visit) {
	seen := map[string]bool{d.ownID(): true}
	for i := range d.visits {
		v := &d.visits[i]
		if id := v.visit.Hello.NodeID; v.err == nil && !seen[id] {
			seen[id] = true
			out = append(out, v)
		}
	}
	return out
}

// ownCluster is the cluster that this node belongs to; "" if it belongs to none yet.
func (d *examination) ownCluster() string {
	if d.running != nil {
		return d.running.ID
	}
	return d.data.Membership.ClusterID
}

// clusters looks whether there is one where one is meant.
func (d *examination) clusters() {
	mine := d.ownCluster()
	of := map[string][]string{}
	for _, v := range d.others() {
		h := v.visit.Hello
		if h.ClusterID == "" {
			continue
		}
		of[h.ClusterID] = append(of[h.ClusterID], h.Name)
		if mine != "" && h.ClusterID != mine && slices.Contains(h.Ancestors, mine) {
			d.fail(Cluster, "", "move the data directory away and start again: this node then joins as a new member", "cluster %s, of which this node is, was replaced by cluster %s, of which %s is", mine, h.ClusterID, h.Name)
			return
		}
	}
	if mine != "" {
		of[mine] = append(of[mine], "this node")
	}
	switch {
	case len(of) > 1:
		var parts []string
		for _, id := range slices.Sorted(maps.Keys(of)) {
			parts = append(parts, id+" with "+strings.Join(of[id], ", "))
		}
		d.fail(Cluster, "", "correct --join, or empty the data directories of those that are of the wrong one", "--join leads to %d clusters where one is meant: %s", len(of), strings.Join(parts, "; "))
	case len(of) == 1 && mine == "":
		d.ok(Cluster, "", "cluster %s is there, and takes this node in when it starts", slices.Collect(maps.Keys(of))[0])
	case mine != "":
		d.ok(Cluster, "", "this node is of cluster %s, and nobody who answers is of another", mine)
	default:
		d.forming()
	}
}

// notAsked counts the addresses at which somebody may be, of a group or not, who was not asked or did not say.
func (d *examination) notAsked() (n int) {
	if len(d.visits) == 0 {
		return len(d.addresses)
	}
	for i := range d.visits {
		if v := &d.visits[i]; v.err != nil && !v.notMet() {
			n++
		}
	}
	return n
}

// forming looks whether those who are there could found a group.
func (d *examination) forming() {
	if n := d.notAsked(); n > 0 {
		d.warn(Cluster, "", "mend first what is said of the peers", "whether there is a group is not known: %s of %d could not be asked", plural(n, "peer"), len(d.addresses))
		return
	}
	if d.cfg.Existing || d.cfg.Agent {
		d.warn(Cluster, "", "start a group first", "no group was met, and this node waits for one that exists (--cluster-state existing, or --member never)")
		return
	}
	var odd []string
	there := 1
	for _, v := range d.others() {
		s := v.visit.Status
		if s.Existing {
			continue
		}
		there++
		if s.ClusterSize != d.cfg.ClusterSize || s.Voters != min(d.cfg.Voters, d.cfg.ClusterSize) {
			odd = append(odd, fmt.Sprintf("%s has %d and %d", v.visit.Hello.Name, s.ClusterSize, s.Voters))
		}
	}
	switch {
	case len(odd) > 0:
		d.fail(Cluster, "", "give all the same --cluster-size and --voters", "--cluster-size and --voters are %d and %d here, and %s: no group is formed", d.cfg.ClusterSize, min(d.cfg.Voters, d.cfg.ClusterSize), strings.Join(odd, ", "))
	case there < d.cfg.ClusterSize:
		d.warn(Cluster, "", "start the others", "there is no group yet, and %d of %d that are to found it are there, this node included", there, d.cfg.ClusterSize)
	default:
		d.ok(Cluster, "", "there is no group yet; %d of %d that are to found it are there, this node included", there, d.cfg.ClusterSize)
	}
}

// names looks whether another sidecar has this one's name.
func (d *examination) names() {
	for _, v := range d.others() {
		if h := v.visit.Hello; h.Name == d.cfg.Node {
			d.fail(Cluster, v.addr, "give each sidecar its own --node", "another node, %s, has the name of this one, %s", h.NodeID, h.Name)
		}
	}
}

// quorumHere judges the group as the sidecar that runs here knows it.
func (d *examination) quorumHere(g *client.Cluster) {
	if g.ID == "" {
		return // its own check says what it waits for
	}
	var away []string
	voters := 0
	for _, m := range g.Members {
		if m.Role == string(raftnode.Voter) {
			voters++
		}
		if !m.Healthy {
			away = append(away, m.Name)
		}
	}
	meant := min(d.cfg.Voters, d.cfg.ClusterSize) // a group of fewer has as many voters as members
	switch {
	case g.FailureTolerance < 0 || g.RaftLeader == nil:
		d.fail(Quorum, "", "start the others again, on their data; if most voters are lost for good, see `sidelock recover`", "there is no Raft leader and no majority%s: nothing is granted or renewed", awayText(away))
	case g.FailureTolerance == 0 && voters > 2:
		d.warn(Quorum, "", "bring the others back", "%s leads, and the group stops if one more voter is lost%s", g.RaftLeader.Name, awayText(away))
	case len(away) > 0:
		d.warn(Quorum, "", "start them again, or wait until they are removed", "%s leads, and %s may be lost%s", g.RaftLeader.Name, moreVoters(g.FailureTolerance), awayText(away))
	case voters < meant && g.FailureTolerance > 0:
		d.warn(Quorum, "", "start more sidecars", "%s leads; of %d voters %d may be lost, and --voters is %d", g.RaftLeader.Name, voters, g.FailureTolerance, d.cfg.Voters)
	case voters < meant || voters == 2:
		d.warn(Quorum, "", "start another sidecar: of three voters one may be lost", "%s leads; of %s none may be lost", g.RaftLeader.Name, plural(voters, "voter"))
	case voters == 1:
		d.ok(Quorum, "", "%s leads; a group of 1 voter survives no failure", g.RaftLeader.Name)
	default:
		d.ok(Quorum, "", "%s leads; of %s %d may be lost", g.RaftLeader.Name, plural(voters, "voter"), g.FailureTolerance)
	}
}

func moreVoters(n int) string {
	if n == 0 {
		return "none"
	}
	return plural(n, "more voter")
}

func awayText(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" (not heard of: %s)", few(names))
}

// quorumThere judges the group as the others tell of it.
func (d *examination) quorumThere() {
	members := 0
	for _, v := range d.others() {
		if v.visit.Status.Phase != form.Joined {
			continue
		}
		members = max(members, len(v.visit.Status.Members))
		if v.visit.LeaderID != "" {
			d.ok(Quorum, "", "the group has a Raft leader, %s, says %s", v.visit.LeaderName, v.visit.Hello.Name)
			return
		}
	}
	if members > 0 {
		d.fail(Quorum, "", "start the others again, on their data; if most voters are lost for good, see `sidelock recover`", "nobody who answers knows of a Raft leader: the group of %s has no majority", plural(members, "member"))
	}
}

// versions looks whether all run the same release.
func (d *examination) versions() {
	runs := map[string][]string{}
	add := func(version, name string) {
		if version != "" && !slices.Contains(runs[version], name) {
			runs[version] = append(runs[version], name)
		}
	}
	if d.running != nil {
		add(d.running.Node.Version, d.running.Node.Name)
		for _, m := range d.running.Members {
			add(m.Version, m.Name)
		}
	} else {
		add(d.cfg.Version, "this program")
	}
	for _, v := range d.others() {
		add(v.visit.Hello.About.Release, v.visit.Hello.Name)
	}
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(runs)) {
		parts = append(parts, version+" on "+few(runs[version]))
	}
	switch {
	case len(parts) > 1:
		d.warn(Versions, "", "finish the upgrade: features of the new release wait for the last sidecar", "not all run the same release: %s", strings.Join(parts, "; "))
	case len(parts) == 1 && len(d.others()) > 0:
		d.ok(Versions, "", "all run %s", slices.Collect(maps.Keys(runs))[0])
	}
}

// settings compares what should be said alike everywhere.
func (d *examination) settings() {
	others := d.others()
	var odd []string
	for _, v := range others {
		if a := v.visit.Hello.About; a.Voters != d.cfg.Voters || a.Spares != d.cfg.Spares {
			odd = append(odd, fmt.Sprintf("%d and %d at %s", a.Voters, a.Spares, v.visit.Hello.Name))
		}
	}
	switch {
	case len(odd) > 0:
		d.warn(Settings, "", "say the same everywhere: what counts is what the Raft leader of the day was told", "--voters and --spares are %d and %d here, and %s", d.cfg.Voters, d.cfg.Spares, strings.Join(odd, ", "))
	case len(others) > 0:
		d.ok(Settings, "", "--voters and --spares are the same everywhere")
	}
}

// latency compares the way to the others with the patience of Raft.
func (d *examination) latency() {
	var worst *visit
	for _, v := range d.others() {
		if worst == nil || v.trip > worst.trip {
			worst = v
		}
	}
	if worst == nil {
		return
	}
	election := d.cfg.Timing.Election
	figures := fmt.Sprintf("%s is %s away, there and back; the election timeout of --raft-timing %s is %s", worst.visit.Hello.Name, short(worst.trip), d.cfg.Timing.Name, election)
	switch {
	case worst.trip*roundTripsTooLow > election:
		d.fail(Latency, "", "use --raft-timing wan on all sidecars, of a group that is made with it", "%s", figures)
	case worst.trip*roundTripsLow > election:
		d.warn(Latency, "", "if Raft leaders change without a fault use a more patient --raft-timing", "%s", figures)
	default:
		d.ok(Latency, "", "%s", figures)
	}
}
