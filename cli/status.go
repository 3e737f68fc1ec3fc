package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sidelock/sidelock/cli/doctor"
	"github.com/sidelock/sidelock/client"
)

// statusCommand is `sidelock status`.
type statusCommand struct {
	connection
	outputFlag
	Ready toggle `help:"Only whether this sidecar is ready, as /readyz says it: for the health check of a container."`
}

// Run prints the group as the sidecar sees it. Its exit code says whether all is well.
func (s *statusCommand) Run(c *call) error {
	r := reader{c.faults}
	cl, server, asJSON, ready := s.client(r, quick()), s.url(r), s.json(r), r.boolean("ready", &s.Ready)
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	c.warn()
	ctx, release := c.interruptible()
	defer release()
	if ready {
		if _, err := cl.Get(ctx, "/readyz", nil); err != nil {
			return source{server: server, local: true}.failed(err)
		}
		p := c.printer()
		p.line("ready")
		return p.err
	}
	group, err := doctor.Settled(ctx, cl)
	if err != nil {
		return source{server: server, local: true}.failed(err)
	}
	wrong, notes := ailments(group), notable(group)
	if asJSON {
		raw, err := cl.Get(ctx, "/v1/cluster", nil)
		if err != nil {
			return source{server: server, local: true}.failed(err)
		}
		if err := printStatusJSON(c, raw, wrong, notes); err != nil {
			return err
		}
	} else {
		p := c.printer()
		printStatus(p, group, wrong, notes)
		if p.err != nil {
			return p.err
		}
	}
	if len(wrong) > 0 {
		return exitWith(ExitFailed)
	}
	return nil
}

func printStatusJSON(c *call, cluster json.RawMessage, wrong, notes []string) error {
	return printJSON(c.stdout, struct {
		Healthy bool            `json:"healthy"`
		Wrong   []string        `json:"wrong"`
		Notes   []string        `json:"notes"`
		Cluster json.RawMessage `json:"cluster"`
	}{len(wrong) == 0, append([]string{}, wrong...), append([]string{}, notes...), cluster})
}

// ailments says what is wrong with the group, worst first; nothing if it is healthy.
func ailments(g *client.Cluster) []string {
	var wrong []string
	switch {
	case g.ID == "" && len(g.Members) == 0:
		return []string{"the group has not formed yet: this sidecar waits for the others (--cluster-size, --join)"}
	case g.FailureTolerance < 0:
		wrong = append(wrong, "no majority of the voters is alive: nothing is granted or renewed until it is back")
	case g.RaftLeader == nil:
		wrong = append(wrong, "no Raft leader is known here: nothing is granted or renewed until there is one; ask again in a second or two")
	}
	var down []string
	voters := 0
	for _, m := range g.Members {
		if m.Role == roleVoter {
			voters++
		}
		if !m.Healthy {
			down = append(down, called(m.MemberRef))
		}
	}
	if len(down) > 0 {
		are, run := "is", "it runs"
		if len(down) > 1 {
			are, run = "are", "they run"
		}
		wrong = append(wrong, fmt.Sprintf("%s %s not heard of: see whether %s and the peer ports are open", strings.Join(down, ", "), are, run))
	}
	if g.FailureTolerance == 0 && voters > 2 {
		wrong = append(wrong, "if one more voter is lost, the group stops")
	}
	return wrong
}

// notable says what is no fault, and worth knowing all the same.
func notable(g *client.Cluster) (notes []string) {
	voters := 0
	for _, m := range g.Members {
		if m.Role == roleVoter {
			voters++
		}
	}
	if g.FailureTolerance == 0 && voters == 2 {
		notes = append(notes, "if one of the two voters is lost, the group stops: with a third one it would go on")
	}
	if versions := skew(g.Members); versions != "" {
		notes = append(notes, "versions differ: "+versions+". That is as it should be during an upgrade, and not for long: features of a new release wait for the last sidecar")
	}
	return notes
}

func printStatus(p *printer, g *client.Cluster, wrong, notes []string) {
	if len(wrong) == 0 {
		p.line("%s: %s", p.paint(good, "healthy"), tolerance(g))
	} else {
		p.line("%s: %s", p.paint(bad, "not healthy"), wrong[0])
		for _, w := range wrong[1:] {
			p.line("             %s", w)
		}
	}
	for _, note := range notes {
		p.line("%s: %s", p.paint(alert, "note"), safe(note))
	}
	leader := p.paint(bad, "none known here")
	if g.RaftLeader != nil {
		leader = safe(called(*g.RaftLeader))
	}
	p.line("")
	p.line("Raft leader  %s, term %d", leader, g.Term)
	p.line("log          committed %d, applied here %d%s", g.CommitIndex, g.AppliedIndex, lag(g))
	if g.ID != "" {
		p.line("group        %s", safe(g.ID))
	}
	if len(g.Members) == 0 {
		return
	}
	t := newTable("MEMBER", "ROLE", "HEALTHY", "LAST CONTACT", "ADDRESS", "VERSION")
	for _, m := range inOrder(g.Members) {
		role, healthy, contact := standing(g, m)
		t.row(styled(strong, called(m.MemberRef)), role, healthy, contact, cellOf(dash(m.Address)), cellOf(dash(m.Version)))
	}
	p.line("")
	t.print(p, "")
}

// tolerance says how much the group can bear.
func tolerance(g *client.Cluster) string {
	switch {
	case len(g.Members) == 1:
		return "a group of one, which survives no failure"
	case g.FailureTolerance <= 0:
		return census(g.Members) + "; none may be lost"
	}
	return fmt.Sprintf("%s; %s may be lost", census(g.Members), counted(g.FailureTolerance, "voter"))
}

func lag(g *client.Cluster) string {
	if g.CommitIndex <= g.AppliedIndex {
		return ""
	}
	return fmt.Sprintf(" (%d behind)", g.CommitIndex-g.AppliedIndex)
}

// called is a member's name, or what identifies it where its name is not known.
func called(m client.MemberRef) string {
	switch {
	case m.Name != "":
		return m.Name
	case m.Address != "":
		return m.Address
	}
	return m.ID
}
