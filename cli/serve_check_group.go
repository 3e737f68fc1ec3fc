package cli

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/sidelock/sidelock/raftnode/discover"
)

func (s *serveCommand) join(r reader, cfg *ServeConfig) {
	for _, item := range r.items("join", &s.Join) {
		if _, err := discover.Parse([]string{item}); err != nil {
			r.faults.add("join", &s.Join.setting, "%v", err)
			continue
		}
		cfg.Join = append(cfg.Join, item)
	}
}

// zone is a label like a node's name.
func (s *serveCommand) zone(r reader) string {
	zone := r.string("zone", &s.Zone)
	if zone != "" && (len(zone) > maxZoneName || !nodeName.MatchString(zone)) {
		r.faults.add("zone", &s.Zone.setting, "%q is not a name of at most %d letters, digits and . _ : - that begins with a letter or digit", zone, maxZoneName)
	}
	return zone
}

// group checks what is said about forming a group: three forgotten flags must not be three groups of one that all
// answer "held".
func (s *serveCommand) group(c *call, r reader, cfg *ServeConfig, peer netip.AddrPort) {
	joins, sized := c.given["join"], c.given["cluster-size"]
	switch {
	case joins && !sized:
		r.faults.add("cluster-size", nil, "is missing: --join says with whom to form a group, --cluster-size how many it takes")
	case cfg.Agent && !joins:
		r.faults.add("join", nil, "is missing: --member never needs a group of others, and their addresses")
	case cfg.Existing && !joins:
		r.faults.add("join", nil, "is missing: --cluster-state existing needs the addresses of the group that exists")
	case sized && cfg.ClusterSize > 1 && !joins:
		r.faults.add("join", nil, "is missing: --cluster-size %d needs the addresses of the other sidecars", cfg.ClusterSize)
	case !sized:
		if why := accident(c.env, peer); why != "" {
			r.faults.add("cluster-size", nil, "is missing, and %s, where a sidecar is seldom meant to be alone: say --cluster-size 1 for a group of its own, or --cluster-size and --join", why)
		}
	}
	if len(cfg.Join) == 0 {
		return
	}
	if item := cfg.elsewhere(); item != "" {
		r.faults.add("peer-advertise", nil, "is %s, which %s cannot dial: set --peer-addr or --peer-advertise to an address that the others reach", cfg.PeerAdvertise, item)
	}
	if cfg.ClusterSize == 2 {
		cfg.Warnings = append(cfg.Warnings, "a group of two survives no failure: it is less available than one sidecar alone; use three")
	}
}

// elsewhere is an item of --join on another machine, from which what this node advertises cannot be reached; empty if there
// is none. What a file or SRV records say is not known here.
func (cfg *ServeConfig) elsewhere() string {
	host, _, err := net.SplitHostPort(cfg.PeerAdvertise)
	if err != nil || !loopback(host) {
		return ""
	}
	for _, item := range cfg.Join {
		if strings.HasPrefix(item, "srv:") || strings.HasPrefix(item, "file:") {
			continue
		}
		if other, _, _ := net.SplitHostPort(strings.TrimPrefix(item, "dns:")); !loopback(other) {
			return item
		}
	}
	return ""
}

// accident says why a group of one would be surprising here; empty if it would not be.
func accident(env environment, peer netip.AddrPort) string {
	switch {
	case env["KUBERNETES_SERVICE_HOST"] != "":
		return "this is Kubernetes (KUBERNETES_SERVICE_HOST is set)"
	case env["NOMAD_ALLOC_ID"] != "":
		return "this is Nomad (NOMAD_ALLOC_ID is set)"
	case peer.IsValid() && !peer.Addr().IsLoopback():
		return fmt.Sprintf("--peer-addr %s is not loopback", peer)
	}
	return ""
}
