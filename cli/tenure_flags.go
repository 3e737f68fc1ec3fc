package cli

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/sidelock/sidelock/client"
)

// tenureFlags are the flags of commands that hold something.
type tenureFlags struct {
	TTL       text `name:"ttl" placeholder:"TIME" default:"15s" help:"How long others are kept out should this machine die."`
	Owner     text `placeholder:"TEXT" help:"The name that others see; host name and process number if not given."`
	KillAfter text `placeholder:"TIME" help:"How long CMD may take to end after SIGTERM before it gets SIGKILL; a fifth of the TTL, at most 10s, if not given."`
}

// read reads the flags: TTL and owner into their places, and how a command is ended.
func (f *tenureFlags) read(c *call, r reader, ttl *time.Duration, owner *string) patience {
	*ttl = r.duration("ttl", &f.TTL, maxTTL)
	if *ttl < minTTL {
		if *ttl > 0 {
			r.faults.add("ttl", &f.TTL.setting, "%s is not within %s and %s", *ttl, minTTL, maxTTL)
		}
		*ttl = minTTL
	}
	*owner = f.owner(c, r)
	p := patience{killAfter: min(*ttl/5, maxKillAfter), margin: client.DefaultGrace(*ttl)}
	if c.given["kill-after"] {
		p.killAfter = r.duration("kill-after", &f.KillAfter, maxTTL)
		if most := *ttl/2 - p.margin; p.killAfter > most && len(r.faults.list) == 0 {
			r.faults.add("kill-after", &f.KillAfter.setting, "%s is too long for a TTL of %s, at most %s: the rest is needed to renew in", p.killAfter, *ttl, most.Truncate(time.Millisecond))
		}
	}
	return p
}

func (f *tenureFlags) owner(c *call, r reader) string {
	owner := r.string("owner", &f.Owner)
	if owner != "" {
		if len(owner) > maxOwner || owner != safe(owner) {
			r.faults.add("owner", &f.Owner.setting, "is more than %d bytes, or not all printable", maxOwner)
		}
		return owner
	}
	host, err := c.host.hostname()
	if err != nil {
		return "" // the sidecar has a name for us
	}
	return host + ":" + strconv.Itoa(os.Getpid())
}

// jeopardy is for the client's callback: it tells, but not each time.
func (w *waiting) jeopardy() func(time.Duration, string) {
	var told time.Time
	return func(validFor time.Duration, reason string) {
		if now := time.Now(); now.Sub(told) >= tellJeopardyEvery {
			told = now
			why := ""
			if reason != "" {
				why = fmt.Sprintf(" (%s)", reason)
			}
			w.say("%s is in jeopardy: the sidecar cannot renew it%s; it counts as lost in %s", w.what, why, humane(validFor))
		}
	}
}
