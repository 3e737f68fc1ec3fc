package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sidelock/sidelock/client"
)

// electCommand is `sidelock elect NAME [-- CMD…]`.
type electCommand struct {
	Name  text `arg:"" name:"NAME" optional:"" help:"The election's name."`
	Value text `placeholder:"TEXT" help:"What others need to know of the leader, such as an address."`
	tenureFlags
	connection
	outputFlag
}

// Help says what the flags do not.
func (*electCommand) Help() string {
	return `
Stands for the election until a signal. With CMD: runs it while leading, with the fencing token in $FENCING_TOKEN; ends it when deposed, as run does, and stands by again;
when CMD ends by itself, resigns and exits with its code. Without CMD: prints a line when it leads and when it has lost, and resigns at the end.
`
}

// campaign is an elect that was asked for in order.
type campaign struct {
	c        *call
	name     string
	value    string
	options  client.CampaignOptions
	client   *client.Client
	server   string
	patience patience
	wait     *waiting
	troubles *troubles
	json     bool
}

// Run campaigns, again and again.
func (e *electCommand) Run(c *call) error {
	p := e.check(c)
	defer p.wait.out.flush()
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	c.warn()
	if c.behind == nil {
		return p.stand(p.announce)
	}
	cmd, err := findProgram(c.behind)
	if err != nil {
		return err
	}
	p.options.Metadata = map[string]string{"command": cmd.name()}
	return p.stand(func(l *client.Leadership) (over bool, err error) { return p.runUnder(l, cmd) })
}

func (e *electCommand) check(c *call) *campaign {
	r := reader{c.faults}
	p := &campaign{c: c, name: r.name("NAME", &e.Name), value: r.string("value", &e.Value), server: e.url(r), json: e.json(r)}
	if len(p.value) > maxValue {
		r.faults.add("value", &e.Value.setting, "has %d bytes, at most %d are allowed", len(p.value), maxValue)
	}
	p.patience = e.read(c, r, &p.options.TTL, &p.options.Owner)
	if c.behind != nil {
		p.options.Grace = p.patience.grace()
		c.needsCommand()
	}
	p.wait = newWaiting(c, "election "+p.name)
	p.options.OnStandby = p.wait.queued
	p.options.OnJeopardy = p.wait.jeopardy()
	p.troubles = &troubles{say: func(line string) { p.wait.say("%s", line) }}
	p.client = e.client(r, client.WithOnRetry(p.troubles.retry))
	return p
}

// stand campaigns, has lead called with each leadership won, and goes on until that says it is over, or a signal.
func (p *campaign) stand(lead func(*client.Leadership) (over bool, err error)) error {
	for {
		l, err := await(p.wait, p.look, func(ctx context.Context) (*client.Leadership, error) {
			return p.client.Campaign(ctx, p.name, p.value, p.options)
		}, func(l *client.Leadership) { p.resign(l, verdict{}) })
		var by *interrupted
		switch {
		case errors.As(err, &by):
			return nil // standing by was all there was to do
		case err != nil:
			return errors.New(plainError(err) + whatToDo(err, p.server, false))
		}
		p.troubles.over()
		if over, err := lead(l); over || err != nil {
			return err
		}
	}
}

// runUnder runs the command while l lasts.
func (p *campaign) runUnder(l *client.Leadership, cmd program) (over bool, err error) {
	p.wait.say("leading %s, token %d", p.name, l.Token())
	g := guard{c: p.c, held: l, patience: p.patience, say: p.wait.say}
	v, err := g.run(cmd, p.c.childEnv(l.Token(), electionVar, p.name))
	p.resign(l, v)
	switch {
	case err != nil:
		return true, err
	case v.lost == nil:
		return true, exitWith(v.end.code)
	case v.started:
		p.wait.say("%s %s; standing for %s again", cmd.name(), v.end.how(), p.name)
	}
	return false, nil
}

// announce says that l leads, and when it does not any more.
func (p *campaign) announce(l *client.Leadership) (over bool, err error) {
	if err := p.print(electionNews{Event: "leading", Name: p.name, Token: l.Token()}); err != nil {
		p.resign(l, verdict{})
		return true, err
	}
	select {
	case <-p.c.signals:
		p.resign(l, verdict{})
		return true, p.print(electionNews{Event: "resigned", Name: p.name, Token: l.Token()})
	case <-l.Context().Done():
	}
	cause := context.Cause(l.Context())
	token := l.Token()
	p.resign(l, verdict{lost: cause})
	return false, p.print(electionNews{Event: "lost", Name: p.name, Token: token, Why: whyLost(cause)})
}

// electionNews is what is printed where no command is run.
type electionNews struct {
	Event string    `json:"event"` // leading, lost or resigned
	Name  string    `json:"name"`
	Token uint64    `json:"token"`
	Why   string    `json:"why,omitempty"`
	At    time.Time `json:"at"`
}

func (p *campaign) print(n electionNews) error {
	n.At = time.Now().UTC().Truncate(time.Millisecond)
	if p.json {
		raw, err := json.Marshal(n)
		if err == nil {
			_, err = fmt.Fprintln(p.c.stdout, string(raw))
		}
		return err
	}
	line := fmt.Sprintf("%s  %-8s  %s  token %d", p.c.moment(n.At, n.At), n.Event, n.Name, n.Token)
	if n.Why != "" {
		line += "  " + safe(n.Why)
	}
	_, err := fmt.Fprintln(p.c.stdout, line)
	return err
}

func (p *campaign) resign(l *client.Leadership, v verdict) {
	ctx, cancel := v.timeToGiveBack()
	defer cancel()
	giveBack(p.wait, "election "+p.name, p.options.TTL, v, l.Resign(ctx))
}

// look says who leads; nothing if that cannot be known soon.
func (p *campaign) look(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	e, err := p.client.GetElection(ctx, p.name)
	if err != nil || e.Leader == nil {
		return ""
	}
	return fmt.Sprintf("%s has led for %s", e.Leader.Owner, humane(e.Leader.LeadingFor))
}
