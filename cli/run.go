package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/sidelock/sidelock/client"
)

// runCommand is `sidelock run --lock NAME -- CMD…`.
type runCommand struct {
	Lock    text   `placeholder:"NAME" help:"The lock to hold."`
	Wait    text   `placeholder:"TIME" help:"How long to stand in line for it; as long as it takes if not given."`
	NoWait  toggle `help:"Do not wait: exit with 75 if it is held."`
	Shared  toggle `help:"Hold it together with others that say so."`
	Limit   text   `placeholder:"N" help:"Hold it while at most N do, this one included; 1 if not given."`
	MinHold text   `placeholder:"TIME" help:"Keep the place taken so long from the grant, even if CMD ends sooner: for cron jobs that start on many machines and are to run once."`
	tenureFlags
	connection
}

// Help says what the flags do not.
func (*runCommand) Help() string {
	return `
CMD runs while the lock is held, with the fencing token in $FENCING_TOKEN: send it along to whatever the lock protects.
The exit code is CMD's (128 and the number of the signal that ended it), or:

    2    wrong usage
    75   the lock is held by another (--no-wait, --wait)
    76   the lock was lost while CMD ran; CMD was ended
    126  CMD cannot be run
    127  there is no CMD

If the sidecar cannot renew the lock, CMD and all processes of its group get SIGTERM, and SIGKILL after --kill-after, before the lock can be somebody else's.
What CMD leaves behind in its process group when it ends is ended too. Signals are passed on.
If sidelock itself is killed (-9) the lock is free at once, and nobody stops CMD but, on Linux, the kernel: CMD itself, not what it has started.
`
}

// runPlan is a run that was asked for in order.
type runPlan struct {
	c        *call
	name     string
	options  client.HoldOptions
	client   *client.Client
	server   string
	patience patience
	wait     *waiting
}

// Run holds the lock while the command runs.
func (r *runCommand) Run(c *call) error {
	plan, troubles := r.check(c)
	defer plan.wait.out.flush()
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	c.warn()
	cmd, err := findProgram(c.behind)
	if err != nil {
		return err
	}
	plan.options.Metadata = map[string]string{"command": cmd.name()}
	hold, err := plan.acquire()
	if err != nil {
		return plan.refused(err)
	}
	troubles.over()
	g := guard{c: c, held: hold, patience: plan.patience, say: plan.wait.say}
	v, err := g.run(cmd, c.childEnv(hold.Token(), lockVar, plan.name))
	plan.release(hold, v)
	switch {
	case err != nil:
		return err
	case v.lost != nil:
		return plan.lostExit(v, cmd.name())
	}
	return exitWith(v.end.code)
}

// check reads the flags; the plan is of use if there are no faults.
func (r *runCommand) check(c *call) (*runPlan, *troubles) {
	read := reader{c.faults}
	p := &runPlan{c: c, server: r.url(read)}
	p.name = read.name("--lock", &r.Lock)
	if from := r.Lock.from; from == lockVar && c.env[tokenVar] != "" {
		read.faults.add("lock", nil, "is missing: %s is set because this runs under that lock already", from)
	}
	o := &p.options
	p.patience = r.read(c, read, &o.TTL, &o.Owner)
	o.Grace = p.patience.grace()
	o.Wait = read.duration("wait", &r.Wait, maxWait)
	o.NoWait = read.boolean("no-wait", &r.NoWait)
	switch {
	case o.NoWait && c.given["wait"]:
		read.faults.add("no-wait", &r.NoWait.setting, "and --wait contradict each other")
	case c.given["wait"] && o.Wait == 0:
		o.NoWait = true
	}
	o.Shared = read.boolean("shared", &r.Shared)
	if c.given["limit"] {
		o.Limit = read.integer("limit", &r.Limit, 1, maxLimit)
		if o.Shared {
			read.faults.add("limit", &r.Limit.setting, "and --shared contradict each other: who shares has no limit of his own")
		}
	}
	o.MinHold = read.duration("min-hold", &r.MinHold, maxTTL)
	c.needsCommand()
	p.wait = newWaiting(c, "lock "+p.name)
	o.OnQueued = p.wait.queued
	o.OnJeopardy = p.wait.jeopardy()
	t := &troubles{say: func(line string) { p.wait.say("%s", line) }}
	p.client = r.client(read, client.WithOnRetry(t.retry))
	return p, t
}

// acquire waits for the lock.
func (p *runPlan) acquire() (*client.Hold, error) {
	return await(p.wait, p.look, func(ctx context.Context) (*client.Hold, error) {
		return p.client.Hold(ctx, p.name, p.options)
	}, func(h *client.Hold) { p.release(h, verdict{}) })
}

// holders are those that have the lock, if that is to be known soon.
func (p *runPlan) holders(ctx context.Context) ([]client.Holder, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	l, err := p.client.GetLock(ctx, p.name)
	if err != nil {
		return nil, err
	}
	return l.Holders, nil
}

// look says in short who has the lock.
func (p *runPlan) look(ctx context.Context) string {
	holders, err := p.holders(ctx)
	if err != nil || len(holders) == 0 || holders[0].Ended != "" {
		return ""
	}
	text := fmt.Sprintf("held by %s for %s", holders[0].Owner, humane(holders[0].HeldFor))
	if more := len(holders) - 1; more > 0 {
		text += fmt.Sprintf(" and by %d more", more)
	}
	return text
}

// heldBy says who holds a lock and since when.
func heldBy(c *call, holders []client.Holder) string {
	if len(holders) == 0 {
		return ""
	}
	h, now := holders[0], time.Now()
	if h.Ended != "" {
		return fmt.Sprintf("its place is kept for %s more (min hold), %s had it", humane(h.MinHoldLeft), h.Owner)
	}
	text := fmt.Sprintf("held by %s%s since %s, for %s (token %d)", h.Owner, aside(h.Metadata), c.moment(now.Add(-h.HeldFor), now), humane(h.HeldFor), h.Token)
	if len(holders) > 1 {
		text += fmt.Sprintf(", and by %d more", len(holders)-1)
	}
	return text
}

// refused turns the end of a wait without the lock into the command's.
func (p *runPlan) refused(err error) error {
	var by *interrupted
	if errors.As(err, &by) {
		return by.exit()
	}
	if !errors.Is(err, client.ErrHeld) {
		return errors.New(plainError(err) + whatToDo(err, p.server, false))
	}
	refusal := &client.Error{}
	errors.As(err, &refusal)
	holders := refusal.Holders
	if len(holders) == 0 {
		holders, _ = p.holders(context.Background()) // if nobody can say, it is held by another all the same
	}
	who := orElse(heldBy(p.c, holders), "held by another")
	text := fmt.Sprintf("lock %s: %s", p.name, who)
	if p.options.Wait > 0 {
		text += fmt.Sprintf("; waited %s", humane(p.options.Wait))
	}
	return &exitError{code: ExitHeld, text: safe(text)}
}

// release gives the lock back, now that the command is gone. It is no failure of the run if that does not succeed.
func (p *runPlan) release(h *client.Hold, v verdict) {
	ctx, cancel := v.timeToGiveBack()
	defer cancel()
	giveBack(p.wait, "lock "+p.name, p.options.TTL, v, h.Release(ctx))
}

// timeToGiveBack bounds a release: of what is lost anyway it is only a courtesy.
func (v verdict) timeToGiveBack() (context.Context, context.CancelFunc) {
	within := releaseWithin
	if v.lost != nil {
		within = releaseLostWithin
	}
	return context.WithTimeout(context.Background(), within)
}

// giveBack says what a release that did not succeed means. One that was lost is nobody's any more.
func giveBack(w *waiting, what string, ttl time.Duration, v verdict, err error) {
	if err != nil && v.lost == nil && !errors.Is(err, client.ErrLost) {
		w.say("%s could not be given back (%s); it ends by itself within %s", what, plainError(err), humane(ttl))
	}
}

// lostExit is the end of a run whose lock was lost. Why has been said already where the command had been started.
func (p *runPlan) lostExit(v verdict, cmd string) error {
	what := fmt.Sprintf("lock %s was lost while %s ran; it %s, and what it did last may be half done", p.name, cmd, v.end.how())
	if !v.started {
		what = fmt.Sprintf("%s; it was lost before %s was started", whyLost(v.lost), cmd)
	}
	return &exitError{code: ExitLost, text: fmt.Sprintf("%s. `sidelock show %s` and `sidelock status` say why; run it again when that is mended", what, p.name)}
}

// childEnv is this process's environment with what a command is told of what it runs under.
func (c *call) childEnv(token uint64, nameVar, name string) []string {
	env := maps.Clone(c.env)
	delete(env, lockVar)
	delete(env, electionVar)
	env[tokenVar], env[nameVar] = strconv.FormatUint(token, 10), name
	var list []string
	for _, key := range slices.Sorted(maps.Keys(env)) {
		list = append(list, key+"="+env[key])
	}
	return list
}

// needsCommand records a fault if no command stands behind --.
func (c *call) needsCommand() {
	if len(c.behind) == 0 || c.behind[0] == "" {
		c.faults.at("CMD", "is missing: the command to run stands behind --")
	}
}
