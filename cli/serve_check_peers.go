package cli

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sidelock/sidelock/raftnode/discover"
)

// trust checks what is said about whom to trust: a secret or certificates or, aloud, everybody.
func (s *serveCommand) trust(r reader, cfg *ServeConfig) {
	certificates := cfg.TLSCA != "" || cfg.TLSCert != "" || cfg.TLSKey != ""
	if certificates && cfg.PeerSecretFile != "" {
		r.faults.add("peer-secret-file", &s.PeerSecretFile.setting, "excludes --tls-ca, --tls-cert and --tls-key: peers trust a shared secret or certificates")
	} else {
		together(r, "--tls-ca, --tls-cert and --tls-key go together",
			file{"tls-ca", cfg.TLSCA}, file{"tls-cert", cfg.TLSCert}, file{"tls-key", cfg.TLSKey})
	}
	if cfg.InsecurePeers && cfg.peersUseTLS() {
		r.faults.add("insecure-peers", &s.InsecurePeers.setting, "excludes a secret and certificates: peers talk with TLS or without")
	}
}

// peersUseTLS says whether peers have to prove who they are.
func (cfg *ServeConfig) peersUseTLS() bool {
	return cfg.PeerSecretFile != "" || cfg.TLSCA != "" || cfg.TLSCert != "" || cfg.TLSKey != ""
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
	if !addr.Addr().IsLoopback() && !cfg.InsecurePeers && !cfg.peersUseTLS() {
		r.faults.add("peer-addr", &s.PeerAddr.setting, "%s is not loopback, and whoever reaches it would be trusted: say --peer-secret-file, or --tls-ca, --tls-cert and --tls-key; or --insecure-peers if that is meant", addr)
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
	if err := discover.CheckHost(host); err != nil {
		r.faults.add("peer-advertise", from, "%v", err)
		return
	}
	cfg.PeerAdvertise = net.JoinHostPort(host, strconv.Itoa(int(port)))
}
