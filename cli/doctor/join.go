package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/sidelock/sidelock/raftnode/discover"
)

// join looks up where the others are, and adds those that the sidecar which runs here knows.
func (d *examination) join(ctx context.Context) {
	var addresses []string
	if len(d.cfg.Join) > 0 {
		finder, err := discover.Parse(d.cfg.Join)
		if err != nil {
			d.fail(Join, "", "", "%v", err)
			return
		}
		found, faults := finder.Find(ctx)
		for _, err := range faults {
			d.fail(Join, "", "correct --join, or what it leads to: without all of them no group is formed, and after a start the others may not be found", "%v", err)
		}
		if len(found) == 0 && len(faults) == 0 {
			d.fail(Join, "", "correct --join", "it leads to no address")
		}
		if len(found) > 0 {
			d.ok(Join, "", "it leads to %s: %s", count(len(found), "address", "addresses"), few(found))
		}
		addresses = found
	}
	if d.running != nil {
		for _, m := range d.running.Members {
			if m.Address != "" && m.ID != d.running.Node.ID {
				addresses = append(addresses, m.Address)
			}
		}
	}
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	d.addresses = slices.DeleteFunc(addresses, func(a string) bool { return a == d.cfg.PeerAdvertise })
	if n := len(d.addresses); n > maxPeers {
		d.warn(Join, "", "", "%d sidecars are more than are visited here: only the first %d are", n, maxPeers)
		d.addresses = d.addresses[:maxPeers]
	}
}

// few lists words, the first ones alone if there are many.
func few(all []string) string {
	const shown = 8
	if len(all) <= shown {
		return strings.Join(all, ", ")
	}
	return strings.Join(all[:shown], ", ") + " and more"
}
