package cli

import (
	"fmt"
	"strconv"

	"github.com/sidelock/sidelock/client"
)

// releaseCommand is `sidelock release NAME`: with the lease ID, which its holder has; or, with --force, somebody else's.
type releaseCommand struct {
	Name     text   `arg:"" name:"NAME" optional:"" help:"The lock's name, or with --election the election's."`
	Election toggle `spoken:"" help:"NAME is an election's."`
	Lease    text   `placeholder:"ID" help:"The lease ID that the acquire was answered with. A variable is seen by fewer eyes than a flag."`
	Token    text   `spoken:"" placeholder:"T" help:"The fencing token of the grant that is meant: needed with --force, and for a lease that holds several names."`

	Force     toggle `spoken:"" help:"End somebody else's grant, the one with this --token, for a --reason; through the admin socket or, with an API key that may, at --server. Without --token: show who holds, and do nothing."`
	Reason    text   `spoken:"" placeholder:"TEXT" help:"Why; the holder is told, and the history remembers it."`
	Immediate toggle `spoken:"" help:"Let others have it at once, while its holder may still be at work. Unsafe, unless the holder is known to be dead."`

	administration
	outputFlag
}

// Run releases, one way or the other.
func (l *releaseCommand) Run(c *call) error {
	r := reader{c.faults}
	plan := releasePlan{c: c, kind: client.KindLock, name: r.name("NAME", &l.Name), json: l.json(r), token: l.tokenOf(r)}
	if r.boolean("election", &l.Election) {
		plan.kind = client.KindElection
	}
	if r.boolean("force", &l.Force) {
		return l.force(r, plan)
	}
	for name, s := range map[string]*setting{"reason": &l.Reason.setting, "immediate": &l.Immediate.setting} {
		if c.given[name] {
			r.faults.add(name, s, "goes with --force")
		}
	}
	lease := r.string("lease", &l.Lease)
	if lease == "" && !l.Lease.noValue {
		r.faults.add("lease", nil, "is missing: the lease ID that the acquire was answered with; to end somebody else's grant see --force")
	}
	cl, server := l.client(r, client.WithRetryFor(releaseWithin)), l.url(r)
	if err := c.faults.err(c.name); err != nil {
		return err
	}
	c.warn()
	return plan.byLease(cl, server, lease)
}

func (l *releaseCommand) tokenOf(r reader) uint64 {
	word := r.string("token", &l.Token)
	if word == "" {
		return 0
	}
	token, err := strconv.ParseUint(word, 10, 53)
	if err != nil || token == 0 {
		r.faults.add("token", &l.Token.setting, "%q is no fencing token: those are whole numbers from 1", word)
	}
	return token
}

// releasePlan is what is to be released.
type releasePlan struct {
	c     *call
	kind  client.Kind
	name  string
	token uint64 // 0: not said
	json  bool

	server string // that is asked, for people; of a forced release
}

// byLease releases what a lease holds. To the sidecar a repeat is the same release, so it is tried again where there was no
// answer.
func (p releasePlan) byLease(cl *client.Client, server, lease string) error {
	ctx, stop := p.c.interruptible()
	defer stop()
	if err := cl.Release(ctx, p.kind, p.name, lease, p.token); err != nil {
		return source{server: server, local: true}.failed(err)
	}
	if p.json {
		return printJSON(p.c.stdout, map[string]string{"name": p.name, "state": "released"})
	}
	_, err := fmt.Fprintf(p.c.stdout, "%s %s is released\n", p.kind, p.name)
	return err
}
