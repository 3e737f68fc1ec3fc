package cli

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/metrics"
)

// nodeName is the pattern of the API's names: a node's label stands in headers, and is the default owner.
var nodeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)

// check reads every setting and the relations between them. Whatever is wrong is in c.faults afterwards, and the
// result is then of no use.
func (s *serveCommand) check(c *call) ServeConfig {
	r := reader{c.faults}
	cfg := ServeConfig{
		Node:        s.node(c, r),
		DataDir:     s.dataDir(c, r),
		APITLSCert:  r.readable("api-tls-cert", &s.APITLSCert),
		APITLSKey:   r.readable("api-tls-key", &s.APITLSKey),
		APIKeysFile: r.readable("api-keys-file", &s.APIKeysFile),
		InsecureAPI: r.boolean("insecure-api", &s.InsecureAPI),
		AllowHosts:  s.allowHosts(r),
		ClusterSize: r.integer("cluster-size", &s.ClusterSize, 1, maxClusterSize),
		Existing:    r.oneOf("cluster-state", &s.ClusterState, "new", "existing") == "existing",
		Voters:      r.integer("voters", &s.Voters, 1, maxVoters),
		Spares:      r.integer("spares", &s.Spares, 0, maxSpares),
		Agent:       r.oneOf("member", &s.Member, "auto", "never") == "never",
		Ephemeral:   r.boolean("ephemeral", &s.Ephemeral),
		Zone:        s.zone(r),

		PeerSecretFile: r.readable("peer-secret-file", &s.PeerSecretFile),
		TLSCA:          r.readable("tls-ca", &s.TLSCA),
		TLSCert:        r.readable("tls-cert", &s.TLSCert),
		TLSKey:         r.readable("tls-key", &s.TLSKey),
		InsecurePeers:  r.boolean("insecure-peers", &s.InsecurePeers),

		RaftTiming:   RaftTiming(r.oneOf("raft-timing", &s.RaftTiming, string(TimingLAN), string(TimingFast), string(TimingWAN))),
		MetricsNames: s.metricsNames(r),
		DrainTimeout: r.duration("drain-timeout", &s.DrainTimeout, maxDrainTimeout),
		LogLevel:     r.logLevel("log-level", &s.LogLevel),
		LogFormat:    r.oneOf("log-format", &s.LogFormat, LogText, LogJSON),
		Warnings:     c.warnings,
	}
	cfg.adminSocket()
	r.string("config", &s.Config) // loaded already; here only "needs a value"
	if cfg.Voters%2 == 0 {
		r.faults.add("voters", &s.Voters.setting, "%d voters survive no more failures than %d, and every commit waits for one more: use an odd number",
			cfg.Voters, cfg.Voters-1)
	}
	var taken sockets
	s.apiAddrs(c, r, &cfg, &taken)
	s.apiSocket(r, &cfg)
	s.opsAddr(r, &cfg, &taken)
	s.trust(r, &cfg)
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

// adminSocket warns where there can be none.
func (cfg *ServeConfig) adminSocket() {
	if cfg.DataDir == "" {
		return
	}
	socket, err := filepath.Abs(filepath.Join(cfg.DataDir, AdminSocket))
	if long := longSocket(socket); err == nil && long != "" {
		cfg.Warnings = append(cfg.Warnings, "administrators' calls are not available here: "+long)
	}
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

func (s *serveCommand) metricsNames(r reader) []string {
	patterns := r.items("metrics-names", &s.MetricsNames)
	for _, p := range patterns {
		if prefix, open := strings.CutSuffix(p, "*"); lease.ValidName(prefix) != nil && (prefix != "" || !open) {
			r.faults.add("metrics-names", &s.MetricsNames.setting, "%q is neither a name nor the beginning of one and a * at the end", p)
		}
	}
	if len(patterns) > metrics.MaxNames {
		r.faults.add("metrics-names", &s.MetricsNames.setting, "has %d items, at most %d are allowed", len(patterns), metrics.MaxNames)
	}
	return patterns
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
