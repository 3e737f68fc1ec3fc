package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sidelock/sidelock/client"
)

const adminSocketName = "admin.sock"

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
	way := l.administrators(c, r)
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

// adminWay is how an administrator's call gets to a sidecar.
type adminWay struct {
	socket string         // "": with a key
	keyed  *client.Client // to the API
	server string         // for people
}

// administrators settles the way: the socket, unless a key is given, and the socket is not, or the key more plainly.
func (l *releaseCommand) administrators(c *call, r reader) adminWay {
	socket := c.given["data-dir"] || c.given["admin-socket"]
	aloud := c.given["api-key-file"] && l.APIKeyFile.from == ""
	if l.hasKey() && (aloud || !socket) {
		return adminWay{keyed: l.client(r, quick()), server: l.url(r)}
	}
	return adminWay{socket: l.adminSocket(c, r), server: "the admin socket"}
}

func (w adminWay) open(ctx context.Context) (*client.Client, error) {
	if w.keyed != nil {
		return w.keyed, nil
	}
	if err := reachable(ctx, w.socket); err != nil {
		return nil, err
	}
	return client.New("unix://"+w.socket, quick())
}

func (l *releaseCommand) adminSocket(c *call, r reader) string {
	path := r.string("admin-socket", &l.AdminSocket)
	dir := r.string("data-dir", &l.DataDir)
	if path == "" {
		if dir == "" {
			dir = defaultDataDir(c.env)
		}
		if dir == "" {
			r.faults.add("data-dir", nil, "none of STATE_DIRECTORY, XDG_STATE_HOME and HOME says where the sidecar keeps its data: name the directory")
			return ""
		}
		path = filepath.Join(dir, adminSocketName)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		r.faults.add("admin-socket", &l.AdminSocket.setting, "%v", err)
	}
	return absolute
}

// reachable says, before anything is asked, what is in the way of the admin socket and what to do.
func reachable(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, askAgainFor)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	switch {
	case err == nil:
		return conn.Close()
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no admin socket at %s: run this on a machine (in a container: inside it) where a sidecar of the group runs, and name its data directory with --data-dir, as its `serve` has it", socket)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the admin socket %s is another user's: run this as the user that the sidecar runs as", socket)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody listens on the admin socket %s: the sidecar that made it does not run any more; start it, or use another one's", socket)
	}
	return fmt.Errorf("the admin socket %s does not answer: %w", socket, err)
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
