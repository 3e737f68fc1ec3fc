package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sidelock/sidelock/client"
)

// removeCommand is `sidelock remove MEMBER`.
type removeCommand struct {
	Member text   `arg:"" name:"MEMBER" optional:"" help:"The member's name, or its ID, as sidelock members shows them."`
	Yes    toggle `spoken:"" help:"Do not ask: for scripts that know whom they mean."`

	administration
	outputFlag
}

// Run finds out who is meant, asks, and removes.
func (v *removeCommand) Run(c *call) error {
	r := reader{c.faults}
	word, yes, asJSON, way := r.name("MEMBER", &v.Member), r.boolean("yes", &v.Yes), v.json(r), v.administrators(c, r)
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	c.warn()
	ctx, stop := c.interruptible()
	defer stop()
	cl, err := way.open(ctx)
	if err != nil {
		return err
	}
	group, err := cl.Cluster(ctx)
	if err != nil {
		return errors.New(plainError(err) + whatToDo(err, way.server, false))
	}
	m, err := meant(group.Members, word)
	if err != nil {
		return err
	}
	if !yes {
		if err := c.askToRemove(ctx, group, m); err != nil {
			return err
		}
	}
	removed, err := cl.RemoveMember(ctx, m.ID)
	if err != nil {
		return notRemoved(err, way.server)
	}
	if asJSON {
		return printJSON(c.stdout, map[string]any{"state": "removed", "name": m.Name, "id": m.ID, "role": m.Role, "healthy": removed.Healthy})
	}
	return c.tellRemoved(ctx, cl, m, removed.Healthy)
}

// meant finds the member with that ID or name.
func meant(members []client.Member, word string) (client.Member, error) {
	var found []client.Member
	for _, m := range members {
		if m.ID == word {
			found = []client.Member{m}
			break
		}
		if m.Name == word {
			found = append(found, m)
		}
	}
	switch {
	case len(found) == 0:
		return client.Member{}, fmt.Errorf("nothing was done: there is no member %s in the group as this sidecar knows it; `sidelock members` lists them", word)
	case len(found) > 1:
		var b strings.Builder
		fmt.Fprintf(&b, "nothing was done: %d members are called %s. Name the one that is meant by its ID:", len(found), word)
		for _, m := range inOrder(found) {
			fmt.Fprintf(&b, "\n  %s  %s", m.ID, whoIs(m))
		}
		return client.Member{}, &exitError{code: ExitUsage, text: b.String()}
	case found[0].Role == roleAgent:
		return client.Member{}, fmt.Errorf("nothing was done: %s is an agent, and no member: stop it, and it is gone", called(found[0].MemberRef))
	}
	return found[0], nil
}

// whoIs describes a member in a few words.
func whoIs(m client.Member) string {
	heard := "never heard of here"
	switch {
	case m.Healthy:
		heard = "it runs"
	case m.LastContact >= 0:
		heard = "last heard of " + ago(m.LastContact)
	}
	return fmt.Sprintf("%s at %s, %s", m.Role, safe(dash(m.Address)), heard)
}

// askToRemove says what would happen, and asks whoever sits at the terminal.
func (c *call) askToRemove(ctx context.Context, group *client.Cluster, m client.Member) error {
	nobody := &exitError{code: ExitUsage, text: "nothing was done: nobody can be asked here. Run it on a terminal, or say --yes"}
	if c.stdin == nil || !c.host.terminal(c.stdin) {
		return nobody
	}
	p := c.printer()
	p.line("%s (%s) is a %s.", p.paint(strong, safe(called(m.MemberRef))), safe(m.ID), whoIs(m))
	if m.Healthy {
		p.line("It would go on as an agent, and may become a member again. To be rid of it, stop it.")
	}
	switch {
	case m.Role == roleVoter && anyWell(group.Members, roleSpare):
		p.line("A spare would take its place.")
	case m.Role == roleVoter && anyWell(group.Members, roleAgent):
		p.line("There is no spare: an agent would become one first, and then take its place, unless it is never to be a member.")
	case m.Role == roleVoter:
		left, bears := withoutVoter(group.Members, m)
		p.line("There is nobody to take its place: the group would go on with %s, of which %s may be lost.", counted(left, roleVoter), bears)
	}
	p.write("Type yes to take it out of the group; anything else stops: ")
	if p.err != nil {
		return p.err
	}
	switch answer, err := readLine(ctx, c.stdin); {
	case errors.Is(err, io.EOF):
		return nobody
	case err != nil:
		return fmt.Errorf("nothing was done: %w", err)
	case answer != "yes":
		return errors.New("nothing was done")
	}
	return nil
}

// withoutVoter is how many voters there are without this one, and how many of them may be lost, in a word.
func withoutVoter(members []client.Member, without client.Member) (voters int, bears string) {
	well := 0
	for _, m := range members {
		if m.Role == roleVoter && m.ID != without.ID {
			voters++
			if m.Healthy {
				well++
			}
		}
	}
	if spare := well - (voters/2 + 1); spare > 0 {
		return voters, strconv.Itoa(spare)
	}
	return voters, "none"
}

func anyWell(members []client.Member, role string) bool {
	return slices.ContainsFunc(members, func(m client.Member) bool { return m.Role == role && m.Healthy })
}

// notRemoved says what is in the way.
func notRemoved(err error, server string) error {
	var refused *client.Error
	if errors.As(err, &refused) && refused.Code == "no_such_member" {
		return errors.New("nothing was done: it is no member any more")
	}
	if errors.Is(err, client.ErrOutcomeUnknown) {
		return fmt.Errorf("%s; `sidelock members` shows whether it was removed", plainError(err))
	}
	return errors.New("nothing was done: " + plainError(err) + whatToDo(err, server, false))
}

// tellRemoved says what was done, and how the group stands after it.
func (c *call) tellRemoved(ctx context.Context, cl *client.Client, m client.Member, runs bool) error {
	p := c.printer()
	p.line("%s (%s) is out of the group.", safe(called(m.MemberRef)), safe(m.ID))
	if runs {
		p.line("It runs, and goes on as an agent: it serves its clients as before, and may become a member again. To be rid of it, stop it.")
	} else {
		p.line("If it is started again on its data, it joins as an agent, and may become a member again.")
	}
	if group := without(ctx, cl, m.ID); group != nil { // if it is not known, the rest is true all the same
		p.line("The group: %s.", tolerance(group))
	}
	return p.err
}

// without is the group when the sidecar has heard that the member is out of it; nil if it does not hear in time.
func without(ctx context.Context, cl *client.Client, id string) *client.Cluster {
	ctx, cancel := context.WithTimeout(ctx, removalHeardWithin)
	defer cancel()
	ticker := time.NewTicker(removalLookEvery)
	defer ticker.Stop()
	for {
		group, err := cl.Cluster(ctx)
		if err == nil && !slices.ContainsFunc(group.Members, func(m client.Member) bool { return m.ID == id && m.Role != roleAgent }) {
			return group
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
