package cli

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// nodeName is the pattern of the API's names: a node's label stands in headers, and is the default owner.
var nodeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)

// check reads every setting and the relations between them. Whatever is wrong is in c.faults afterwards, and the
// result is then of no use.
func (s *serveCommand) check(c *call) ServeConfig {
	r := reader{c.faults}
	cfg := ServeConfig{
		Node:          s.node(c, r),
		DataDir:       s.dataDir(c, r),
		InsecureAPI:   r.boolean("insecure-api", &s.InsecureAPI),
		AllowHosts:    s.allowHosts(r),
		ClusterSize:   r.integer("cluster-size", &s.ClusterSize, 1, maxClusterSize),
		Voters:        r.integer("voters", &s.Voters, 1, maxVoters),
		InsecurePeers: r.boolean("insecure-peers", &s.InsecurePeers),
		RaftTiming:    RaftTiming(r.oneOf("raft-timing", &s.RaftTiming, string(TimingLAN), string(TimingFast), string(TimingWAN))),
		DrainTimeout:  r.duration("drain-timeout", &s.DrainTimeout, maxDrainTimeout),
		LogLevel:      r.logLevel("log-level", &s.LogLevel),
		LogFormat:     r.oneOf("log-format", &s.LogFormat, LogText, LogJSON),
		Warnings:      c.warnings,
	}
	r.string("config", &s.Config) // loaded already; here only "needs a value"
	if cfg.Voters%2 == 0 {
		r.faults.add("voters", &s.Voters.setting, "%d voters survive no more failures than %d, and every commit waits for one more: use an odd number",
			cfg.Voters, cfg.Voters-1)
	}
	var taken sockets
	s.apiAddrs(c, r, &cfg, &taken)
	s.opsAddr(r, &cfg, &taken)
	peer := s.peerAddr(r, &cfg, &taken)
	s.advertise(c, r, &cfg, peer)
	s.join(r, &cfg)
	s.group(c, r, &cfg, peer)
	return cfg
}

func (s *serveCommand) node(c *call, r reader) string {
	name := r.string("node", &s.Node)
	if name == "" && !c.given["node"] {
		var err error
		if name, err = c.host.hostname(); err != nil {
			r.faults.add("node", nil, "this machine's host name is not known (%v): say --node", err)
			return ""
		}
	}
	if name != "" && (len(name) > maxNodeName || !nodeName.MatchString(name)) {
		r.faults.add("node", &s.Node.setting, "%q is not a name of at most %d letters, digits and . _ : - that begins with a letter or digit", name, maxNodeName)
	}
	return name
}

func (s *serveCommand) dataDir(c *call, r reader) string {
	dir := r.string("data-dir", &s.DataDir)
	if dir == "" && !c.given["data-dir"] {
		if dir = defaultDataDir(c.env); dir == "" {
			r.faults.add("data-dir", nil, "none of STATE_DIRECTORY, XDG_STATE_HOME and HOME says where to keep data: name a directory")
		}
	}
	if dir == "" {
		return ""
	}
	return filepath.Clean(dir)
}

func (s *serveCommand) allowHosts(r reader) []string {
	hosts := r.items("allow-host", &s.AllowHost)
	for _, host := range hosts {
		if len(host) > 253 || !hostName.MatchString(host) {
			r.faults.add("allow-host", &s.AllowHost.setting, "%q is not a host name: no port, no pattern, no dot at the end", host)
		}
	}
	return hosts
}

// sockets are the addresses that are to be listened on, to find two settings that want the same.
type sockets []socket

type socket struct {
	flag string
	addr netip.AddrPort
}

// add records a fault if another socket of this process is in the way.
func (t *sockets) add(r reader, flag string, from *setting, addr netip.AddrPort) {
	for _, other := range *t {
		if overlap(other.addr, addr) {
			r.faults.add(flag, from, "%s is in the way of --%s %s: give each its own port", addr, other.flag, other.addr)
		}
	}
	*t = append(*t, socket{flag, addr})
}

func (s *serveCommand) apiAddrs(c *call, r reader, cfg *ServeConfig, taken *sockets) {
	for _, item := range r.items("api-addr", &s.APIAddr) {
		addr, err := bindAddr(item)
		if err != nil {
			r.faults.add("api-addr", &s.APIAddr.setting, "%v", err)
			continue
		}
		if !addr.Addr().IsLoopback() && !cfg.InsecureAPI {
			r.faults.add("api-addr", &s.APIAddr.setting, "%s is not loopback: whoever reaches it could take and release every lock; if that is meant, say --insecure-api", addr)
		}
		taken.add(r, "api-addr", &s.APIAddr.setting, addr)
		cfg.APIAddrs = append(cfg.APIAddrs, ListenAddr{Addr: addr.String(), Optional: !c.given["api-addr"]})
	}
}

func (s *serveCommand) opsAddr(r reader, cfg *ServeConfig, taken *sockets) {
	word := r.string("ops-addr", &s.OpsAddr)
	if word == "" {
		return
	}
	addr, err := bindAddr(word)
	if err != nil {
		r.faults.add("ops-addr", &s.OpsAddr.setting, "%v", err)
		return
	}
	taken.add(r, "ops-addr", &s.OpsAddr.setting, addr)
	cfg.OpsAddr = addr.String()
}

// peerAddr returns the zero value if the address cannot be read.
func (s *serveCommand) peerAddr(r reader, cfg *ServeConfig, taken *sockets) netip.AddrPort {
	word := r.string("peer-addr", &s.PeerAddr)
	if word == "" {
		return netip.AddrPort{}
	}
	addr, err := bindAddr(word)
	if err != nil {
		r.faults.add("peer-addr", &s.PeerAddr.setting, "%v", err)
		return netip.AddrPort{}
	}
	if !addr.Addr().IsLoopback() && !cfg.InsecurePeers {
		r.faults.add("peer-addr", &s.PeerAddr.setting, "%s is not loopback, and peers talk without TLS: whoever reaches it would be trusted; if that is meant, say --insecure-peers", addr)
	}
	taken.add(r, "peer-addr", &s.PeerAddr.setting, addr)
	cfg.PeerAddr = addr.String()
	return addr
}

// advertise settles what peers dial.
func (s *serveCommand) advertise(c *call, r reader, cfg *ServeConfig, peer netip.AddrPort) {
	from := &s.PeerAdvertise.setting
	word := r.string("peer-advertise", &s.PeerAdvertise)
	if word == "" {
		if c.given["peer-advertise"] || !peer.IsValid() {
			return
		}
		host := peer.Addr()
		if host.IsUnspecified() {
			var err error
			if host, err = c.host.outgoing(); err != nil {
				r.faults.add("peer-advertise", nil, "--peer-addr %s is every interface, and %v: name the address that peers are to dial", peer, err)
				return
			}
		}
		cfg.PeerAdvertise = netip.AddrPortFrom(host, peer.Port()).String()
		return
	}
	host, port := strings.Trim(word, "[]"), peer.Port()
	if _, err := netip.ParseAddr(host); err != nil && strings.Contains(word, ":") {
		if host, port, err = splitHostPort(word); err != nil {
			r.faults.add("peer-advertise", from, "%v", err)
			return
		}
		if port == 0 {
			r.faults.add("peer-advertise", from, "%q: nobody can dial port 0", word)
		}
	}
	if err := dialable(host); err != nil {
		r.faults.add("peer-advertise", from, "%v", err)
		return
	}
	cfg.PeerAdvertise = net.JoinHostPort(host, strconv.Itoa(int(port)))
}

func (s *serveCommand) join(r reader, cfg *ServeConfig) {
	from := &s.Join.setting
	for _, item := range r.items("join", &s.Join) {
		if scheme, _, ok := strings.Cut(item, ":"); ok && (scheme == "dns" || scheme == "srv" || scheme == "file") {
			r.faults.add("join", from, "%q: %s: is not supported yet; list the addresses as host:port", item, scheme)
			continue
		}
		host, port, err := splitHostPort(item)
		switch {
		case err != nil:
			r.faults.add("join", from, "%q is not host:port, such as 10.0.0.2:5626", item)
			continue
		case port == 0:
			r.faults.add("join", from, "%q: nobody can dial port 0", item)
			continue
		}
		if err := dialable(host); err != nil {
			r.faults.add("join", from, "%v", err)
			continue
		}
		cfg.Join = append(cfg.Join, item)
	}
}

// group checks what is said about forming a group: three forgotten flags must not be three groups of one that all
// answer "held".
func (s *serveCommand) group(c *call, r reader, cfg *ServeConfig, peer netip.AddrPort) {
	joins, sized := c.given["join"], c.given["cluster-size"]
	switch {
	case joins && !sized:
		r.faults.add("cluster-size", nil, "is missing: --join says with whom to form a group, --cluster-size how many it takes")
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
	host, _, err := net.SplitHostPort(cfg.PeerAdvertise)
	if err == nil && loopback(host) {
		for _, item := range cfg.Join {
			if other, _, _ := net.SplitHostPort(item); !loopback(other) {
				r.faults.add("peer-advertise", nil, "is %s, which %s cannot dial: set --peer-addr or --peer-advertise to an address that the others reach", cfg.PeerAdvertise, item)
				break
			}
		}
	}
	if cfg.ClusterSize == 2 {
		cfg.Warnings = append(cfg.Warnings, "a group of two survives no failure: it is less available than one sidecar alone; use three")
	}
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
