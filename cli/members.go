package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidelock/sidelock/client"
)

// membersCommand is `sidelock members`.
type membersCommand struct {
	connection
	outputFlag
}

// Run prints the sidecars of the group as the asked one last knew them.
func (m *membersCommand) Run(c *call) error {
	r := reader{c.faults}
	from, asJSON := source{client: m.client(r, quick()), server: m.url(r), local: true}, m.json(r)
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	c.warn()
	ctx, release := c.interruptible()
	defer release()
	if asJSON {
		raw, err := from.client.Get(ctx, "/v1/cluster", nil)
		if err != nil {
			return from.failed(err)
		}
		return printJSON(c.stdout, raw)
	}
	group, err := from.client.Cluster(ctx)
	if err != nil {
		return from.failed(err)
	}
	p := c.printer()
	if len(group.Members) == 0 {
		p.line("no members are known here: the group has not formed yet, or this sidecar is not of it")
		return p.err
	}
	t := newTable("NAME", "ID", "ROLE", "ZONE", "HEALTHY", "LAST CONTACT", "VERSION", "ADDRESS")
	for _, one := range inOrder(group.Members) {
		role, healthy, contact := standing(group, one)
		t.row(styled(strong, called(one.MemberRef)), cellOf(one.ID), role, cellOf(dash(one.Zone)), healthy, contact, cellOf(dash(one.Version)), cellOf(dash(one.Address)))
	}
	t.print(p, "")
	return p.err
}

// The roles, in the order in which they are shown.
const (
	roleVoter = "voter"
	roleSpare = "spare"
	roleAgent = "agent"
)

// inOrder lists members by role, those that matter most first, and by name.
func inOrder(members []client.Member) []client.Member {
	roles := []string{roleVoter, roleSpare, roleAgent}
	return slices.SortedStableFunc(slices.Values(members), func(a, b client.Member) int {
		if by := slices.Index(roles, a.Role) - slices.Index(roles, b.Role); by != 0 {
			return by
		}
		return strings.Compare(called(a.MemberRef), called(b.MemberRef))
	})
}

// standing is how a member stands in the group: its role, whether it is well, and when it was last heard of.
func standing(g *client.Cluster, m client.Member) (role, healthy, contact cell) {
	word := m.Role
	if g.RaftLeader != nil && m.ID == g.RaftLeader.ID {
		word += ", Raft leader"
	}
	role, healthy, contact = cellOf(word), styled(good, "yes"), cellOf("-")
	if !m.Healthy {
		healthy = styled(bad, "no")
	}
	if m.LastContact >= 0 {
		contact = cellOf(ago(m.LastContact))
	}
	return role, healthy, contact
}

// census counts the sidecars by role: 3 voters, 2 spares, 45 agents.
func census(members []client.Member) string {
	count := map[string]int{}
	for _, m := range members {
		count[m.Role]++
	}
	var parts []string
	for _, role := range []string{roleVoter, roleSpare, roleAgent} {
		if n := count[role]; n > 0 {
			parts = append(parts, counted(n, role))
		}
	}
	return strings.Join(parts, ", ")
}

// skew says which versions the sidecars run, the most frequent first; empty if there is but one. One whose version is not known does not count.
func skew(members []client.Member) string {
	runs := map[string][]string{}
	for _, m := range inOrder(members) {
		if m.Version != "" {
			runs[m.Version] = append(runs[m.Version], called(m.MemberRef))
		}
	}
	if len(runs) < 2 {
		return ""
	}
	var parts []string
	for version, names := range runs {
		parts = append(parts, fmt.Sprintf("%s on %s", version, few(names)))
	}
	slices.SortFunc(parts, func(a, b string) int {
		va, _, _ := strings.Cut(a, " on ")
		vb, _, _ := strings.Cut(b, " on ")
		if by := len(runs[vb]) - len(runs[va]); by != 0 {
			return by
		}
		return strings.Compare(va, vb)
	})
	return strings.Join(parts, ", ")
}

// few lists names, the first ones alone if there are many.
func few(names []string) string {
	if len(names) <= shownNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shownNames], ", "), len(names)-shownNames)
}
