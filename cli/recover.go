package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sidelock/sidelock/raftnode"
)

// recoverCommand is `sidelock recover`: the way out when a group has lost most of its voters for good.
type recoverCommand struct {
	offlineDir
	Show toggle `spoken:"" help:"Only show what the directory holds, to compare survivors; nothing is changed."`
	Yes  toggle `spoken:"" help:"Do not ask: for scripts that have compared the survivors."`
}

// offlineDir is the flag of commands that work on the directory of a stopped sidecar.
type offlineDir struct {
	DataDir text `placeholder:"DIR" help:"The data directory of the sidecar, which must be stopped; the same default as of serve."`
}

func (o *offlineDir) dir(c *call, r reader) string {
	dir := r.string("data-dir", &o.DataDir)
	if dir == "" && !c.given["data-dir"] {
		if dir = defaultDataDir(c.env); dir == "" {
			r.faults.add("data-dir", nil, "none of STATE_DIRECTORY, XDG_STATE_HOME and HOME says where the sidecar keeps its data: name the directory")
		}
	}
	return dir
}

// errShown ends a recovery that was only to show what there is.
var errShown = errors.New("shown")

// Run shows the survivor, asks, and recovers.
func (v *recoverCommand) Run(c *call) error {
	r := reader{c.faults}
	dir, show, yes := v.dir(c, r), r.boolean("show", &v.Show), r.boolean("yes", &v.Yes)
	if show && yes {
		r.faults.add("yes", nil, "and --show exclude each other: --show changes nothing")
	}
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	c.warn()
	done, err := c.app.Recover(dir, ReadVersion().Version, func(s raftnode.Survivor) error {
		p := c.printer()
		c.printSurvivor(p, s)
		if show {
			return errors.Join(p.err, errShown)
		}
		warnOfRecovery(p, s)
		if p.err != nil || yes {
			return p.err
		}
		return c.consent(s.ClusterID)
	})
	switch {
	case errors.Is(err, errShown):
		return nil
	case err != nil:
		return err
	}
	p := c.printer()
	p.write(fmt.Sprintf("\nRecovered: this directory is a group of one now, cluster %s, in place of %s.", done.ClusterID, done.Replaced))
	if done.Token > 0 {
		p.write(fmt.Sprintf(" Every fencing token from now on is above %d.", done.Token))
	}
	p.write("\nNext: start its sidecar as before. Then move the data directories of the other members away and start those: they join as new members.\n")
	return p.err
}

func (c *call) printSurvivor(p *printer, s raftnode.Survivor) {
	written := "when it was written is not known"
	if !s.Written.IsZero() {
		now := time.Now()
		written = fmt.Sprintf("written %s (%s)", c.moment(s.Written, now), ago(now.Sub(s.Written)))
	}
	line := func(name, text string) { p.write(fmt.Sprintf("%-15s %s\n", name, text)) }
	line("data directory", s.Dir)
	line("node", s.ID)
	line("cluster", s.ClusterID)
	if len(s.Replaced) > 0 {
		line("", "which has replaced "+strings.Join(s.Replaced, ", "))
	}
	line("last entry", p.paint(strong, fmt.Sprintf("term %d, index %d", s.Term, s.Index))+", "+written)
	line("holds", fmt.Sprintf("%s, %s, %s, %s; last fencing token %d", counted(s.Counts.Leases, "lease"), counted(s.Counts.LocksHeld, "held lock"),
		counted(s.Counts.ElectionsLed, "led election"), counted(s.Counts.Waiters, "waiter"), s.Token))
	p.write("\n")
	t := newTable("MEMBER", "ROLE", "ADDRESS", "ID")
	for _, m := range s.Members {
		name, address := orDash(m.Name), orDash(m.Address)
		if m.ID == s.ID {
			name, address = "this one", "-"
		}
		t.row(cellOf(name), cellOf(string(m.Role)), cellOf(address), cellOf(m.ID))
	}
	t.print(p, "")
	if s.Unfinished {
		p.write("\nA recovery of this directory was begun and not finished; it will be taken up where it stopped.\n")
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func warnOfRecovery(p *printer, s raftnode.Survivor) {
	p.write(fmt.Sprintf(`
Of all survivors recover one: that with the highest term of its last entry, and among equals the highest index. It knows most.
`+"`sidelock recover --show`"+` on the others' machines tells what they have.

%s This makes the directory a group of its own. Cluster %s is no more, and there is no way back.
  - What the lost members had acknowledged, and this one never heard of, is gone: somebody may hold a lock that is granted again. Only
    fencing tokens, which go on rising, protect what it guards.
  - All other members must be stopped, and never be started on their old data again: they could grant the same locks. Move their
    data directories away; without them they come back as new members.
`, p.paint(bad, "WARNING:"), s.ClusterID))
}

// consent asks whoever sits at the terminal.
func (c *call) consent(cluster string) error {
	nobody := &exitError{code: ExitUsage, text: "nothing was changed: nobody can be asked here. Run it on a terminal, or say --yes"}
	if c.stdin == nil || !c.host.terminal(c.stdin) {
		return nobody
	}
	if _, err := fmt.Fprint(c.stdout, "\nType the cluster's ID, or yes, to go on; anything else stops: "); err != nil {
		return err
	}
	ctx, stop := c.interruptible()
	defer stop()
	switch answer, err := readLine(ctx, c.stdin); {
	case errors.Is(err, io.EOF):
		return nobody
	case err != nil:
		return fmt.Errorf("nothing was changed: %w", err)
	case answer != cluster && answer != "yes":
		return errors.New("nothing was changed")
	}
	return nil
}

// readLine reads one. A signal that comes first ends the question, and leaves the reader behind to the end of the process.
func readLine(ctx context.Context, from io.Reader) (string, error) {
	type line struct {
		text string
		err  error
	}
	lines := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(from).ReadString('\n')
		if errors.Is(err, io.EOF) && text != "" {
			err = nil
		}
		lines <- line{strings.TrimSpace(text), err}
	}()
	select {
	case l := <-lines:
		return l.text, l.err
	case <-ctx.Done():
		return "", errors.New("interrupted")
	}
}
