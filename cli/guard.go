package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sidelock/sidelock/client"
)

// tenure is a lock or a leadership that is held.
type tenure interface {
	// Context ends a grace before the safe deadline at the latest.
	Context() context.Context
	// Valid is how long Context will last if no further word comes.
	Valid() time.Duration
	Token() uint64
}

var (
	_ tenure = (*client.Hold)(nil)
	_ tenure = (*client.Leadership)(nil)
)

// patience is how a command is ended when what it runs under is in doubt.
type patience struct {
	killAfter time.Duration // between SIGTERM and SIGKILL
	margin    time.Duration // before the safe deadline at which SIGKILL is sent at the latest
}

// grace is how long before the safe deadline the end must begin.
func (p patience) grace() time.Duration { return p.killAfter + p.margin }

// guard runs commands under a tenure: each in a process group of its own, and gone, with all that it has started, before
// the tenure may be somebody else's. Its methods belong to one goroutine.
type guard struct {
	c        *call
	held     tenure
	patience patience
	say      func(format string, args ...any)

	passed <-chan os.Signal // signals beyond those of call
	job    jobControl
	until  safeDeadline
}

// verdict is what became of a command.
type verdict struct {
	end     childEnd
	lost    error // why the command had to be ended, or was never started; nil if it ended by itself
	started bool
}

// run starts the command and returns when it is gone. The error says that it could not be started.
func (g *guard) run(p program, env []string) (verdict, error) {
	passed, release := passedSignals()
	defer release()
	g.passed = passed
	g.job = openJobControl()
	defer g.job.close()
	g.note()
	if lost := g.lost(); lost != nil {
		return verdict{lost: lost}, nil
	}
	ch, err := startChild(p, env, g.c)
	if err != nil {
		return verdict{}, err
	}
	return g.attend(ch, p.name()), nil
}

// attend stands by the command until it is gone.
func (g *guard) attend(ch *child, name string) verdict {
	ticker := time.NewTicker(min(noteAtLeastEvery, g.patience.margin))
	defer ticker.Stop()
	for {
		if lost := g.lost(); lost != nil {
			g.say("%s; ending %s", whyLost(lost), name)
			if !g.impatient() {
				ch.terminate()
			}
			return verdict{end: g.bury(ch, nil, name), lost: lost, started: true}
		}
		select {
		case <-g.held.Context().Done():
		case end := <-ch.ended:
			return g.ended(ch, end, name)
		case s := <-ch.stopped:
			g.childStopped(ch, s)
		case s := <-g.c.signals:
			ch.signal(s)
		case s := <-g.passed:
			g.pass(ch, s)
		case <-ticker.C:
			g.note()
		}
	}
}

// ended is called when the command has ended by itself. What it has left behind in its group is ended too: it would go on
// without the lock. If the lock was lost meanwhile, that is the verdict: the command may not have noticed.
func (g *guard) ended(ch *child, end childEnd, name string) verdict {
	v := verdict{end: end, started: true}
	if !ch.groupGone() {
		g.say("%s has ended and left processes behind; ending them before the lock is released", name)
		ch.terminate()
		g.bury(ch, &end, name)
	}
	if v.lost = g.lost(); v.lost != nil {
		g.say("%s, as %s ended", whyLost(v.lost), name)
	}
	return v
}

// bury waits until the command and its group are gone, and kills them when patience is at its end. end is nil while the
// command itself still runs; the result is how that one has ended. It does not return before: what the kernel cannot end
// (a process that waits for a disk or a network file system) may go on later.
func (g *guard) bury(ch *child, end *childEnd, name string) childEnd {
	ticker := time.NewTicker(min(buryEvery, g.patience.margin/4))
	defer ticker.Stop()
	began := time.Now()
	var killed, told time.Time
	for {
		if end != nil && ch.groupGone() {
			return *end
		}
		now := time.Now()
		if killed.IsZero() && (now.Sub(began) >= g.patience.killAfter || g.impatient()) {
			killed, told = now, now
		}
		if !killed.IsZero() {
			ch.kill() // again and again: it may have been starting another one
			if now.Sub(told) >= tellUndyingEvery {
				told = now
				g.say("%s, or something that it has started, does not die of SIGKILL; look after it: process group %d", name, ch.group)
			}
		}
		select {
		case e := <-ch.ended:
			end = &e
		case s := <-g.c.signals:
			if end == nil {
				ch.signal(s)
			}
		case <-g.passed:
		case <-ch.stopped:
		case <-ticker.C:
			g.note()
		}
	}
}

// impatient says that there is no time left: SIGKILL now. Either the safe deadline is near, or others may have it already.
func (g *guard) impatient() bool {
	var lost *client.LostError
	if errors.As(g.lost(), &lost) && lost.Reason != client.Deadline && lost.Reason != client.Forced {
		return true
	}
	return g.until.left() <= g.patience.margin
}

// lost is why the tenure has ended; nil while it lasts.
func (g *guard) lost() error {
	ctx := g.held.Context()
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

// whyLost says it to a person. What is in doubt may have been spoken of all the time, by a sidecar that could not renew it.
func whyLost(err error) string {
	var lost *client.LostError
	if errors.As(err, &lost) && lost.Silent {
		return fmt.Sprintf("%s %s (token %d) is in doubt: it could not be renewed, and the deadline is near", lost.Kind, lost.Name, lost.Token)
	}
	return plainError(err)
}

// note remembers the safe deadline, which is not to be had any more once the tenure is in doubt.
func (g *guard) note() {
	if valid := g.held.Valid(); valid > 0 {
		g.until.note(valid + g.patience.grace())
	}
}

// safeDeadline is a moment by both clocks of this machine. Neither is enough: the monotonic one of Go stands still while
// the machine is suspended, and the wall clock may be set back.
type safeDeadline struct {
	at   time.Time
	span time.Duration
}

func (d *safeDeadline) note(left time.Duration) { d.at, d.span = time.Now(), left }

// left is the time until the deadline by the clock that says less.
func (d *safeDeadline) left() time.Duration {
	now := time.Now()
	return d.span - max(now.Sub(d.at), now.Round(0).Sub(d.at.Round(0)))
}
