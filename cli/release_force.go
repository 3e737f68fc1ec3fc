package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sidelock/sidelock/client"
)

// force ends the named grant, through the admin socket or with an administrator's API key; if none is named it shows which there are.
func (l *releaseCommand) force(r reader, plan releasePlan) error {
	c := plan.c
	if c.given["lease"] && l.Lease.from == "" {
		r.faults.add("lease", nil, "is what a holder releases by; with --force name the grant by its --token")
	}
	reason := r.string("reason", &l.Reason)
	if plan.token != 0 && reason == "" && !c.given["reason"] {
		r.faults.add("reason", nil, "is missing: the holder is told why, and the history remembers it")
	}
	immediate := r.boolean("immediate", &l.Immediate)
	var way adminWay
	if plan.token == 0 && !l.socketSpoken() {
		way = l.everybody(r) // it is only shown who holds
	} else {
		way = l.administrators(c, r)
	}
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
	plan.server = way.server
	if plan.token == 0 {
		return plan.showGrants(ctx, cl)
	}
	return plan.end(ctx, cl, reason, immediate)
}

// end ends the grant.
func (p releasePlan) end(ctx context.Context, cl *client.Client, reason string, immediate bool) error {
	done, err := cl.ForceRelease(ctx, p.kind, p.name, p.token, reason, immediate)
	switch {
	case errors.Is(err, client.ErrStaleToken):
		return fmt.Errorf("nothing was done: nobody holds %s %s with token %d now; the same command without --token shows who holds it", p.kind, p.name, p.token)
	case err != nil:
		return errors.New(plainError(err) + whatToDo(err, p.server, false))
	}
	if p.json {
		return printJSON(p.c.stdout, map[string]any{
			"name": done.Name, "state": "forced", "owner": done.Owner, "token": done.Token, "free_in_ms": done.FreeIn.Milliseconds(),
		})
	}
	free := "it is free"
	if done.FreeIn > 0 {
		free = fmt.Sprintf("it is free when its holder lets go, in %s at the latest", humane(done.FreeIn))
	}
	_, err = fmt.Fprintf(p.c.stdout, "%s %s: the grant of %s (token %d) was ended; %s\n", p.kind, p.name, safe(done.Owner), done.Token, free)
	return err
}

// grant is one that may be ended by force.
type grant struct {
	owner string
	token uint64
	since string
}

// showGrants says which token to name. Nothing is done, and that is an error.
func (p releasePlan) showGrants(ctx context.Context, cl *client.Client) error {
	grants, err := p.grants(ctx, cl)
	if err != nil {
		return errors.New(plainError(err) + whatToDo(err, p.server, false))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "--token is missing, and nothing was done. ")
	if len(grants) == 0 {
		fmt.Fprintf(&b, "Nobody holds %s %s.", p.kind, p.name)
		return &exitError{code: ExitUsage, text: b.String()}
	}
	fmt.Fprintf(&b, "%s %s is held:", p.kind, p.name)
	for _, g := range grants {
		fmt.Fprintf(&b, "\n  by %s for %s, token %d", safe(g.owner), g.since, g.token)
	}
	fmt.Fprintf(&b, "\nTo end that grant add: --token %d --reason '…'", grants[0].token)
	return &exitError{code: ExitUsage, text: b.String()}
}

func (p releasePlan) grants(ctx context.Context, cl *client.Client) ([]grant, error) {
	if p.kind == client.KindElection {
		e, err := cl.GetElection(ctx, p.name)
		if err != nil || e.Leader == nil || e.Leader.Ended != "" {
			return nil, err
		}
		return []grant{{e.Leader.Owner, e.Leader.Token, humane(e.Leader.LeadingFor)}}, nil
	}
	l, err := cl.GetLock(ctx, p.name)
	if err != nil {
		return nil, err
	}
	var grants []grant
	for _, h := range l.Holders {
		if h.Ended == "" {
			grants = append(grants, grant{h.Owner, h.Token, humane(h.HeldFor)})
		}
	}
	return grants, nil
}
