package cli

import (
	"path/filepath"
	"strings"
)

// missingForAPI names the flags without which the API must not be served to other machines.
func (cfg *ServeConfig) missingForAPI() (flags []string) {
	if cfg.APITLSCert == "" && cfg.APITLSKey == "" { // one alone is a fault of its own
		flags = append(flags, "--api-tls-cert and --api-tls-key")
	}
	if cfg.APIKeysFile == "" {
		flags = append(flags, "--api-keys-file")
	}
	return flags
}

func (s *serveCommand) apiAddrs(c *call, r reader, cfg *ServeConfig, taken *sockets) {
	for _, item := range r.items("api-addr", &s.APIAddr) {
		addr, err := bindAddr(item)
		if err != nil {
			r.faults.add("api-addr", &s.APIAddr.setting, "%v", err)
			continue
		}
		if missing := cfg.missingForAPI(); !addr.Addr().IsLoopback() && !cfg.InsecureAPI && len(missing) > 0 {
			r.faults.add("api-addr", &s.APIAddr.setting, "%s is not loopback: whoever reaches it could take and release every lock; say %s too, or --insecure-api if that is meant", addr, strings.Join(missing, " and "))
		}
		taken.add(r, "api-addr", &s.APIAddr.setting, addr)
		cfg.APIAddrs = append(cfg.APIAddrs, ListenAddr{Addr: addr.String(), Optional: !c.given["api-addr"]})
	}
}

// apiSocket settles the further ways to the API: its socket, and its certificate.
func (s *serveCommand) apiSocket(r reader, cfg *ServeConfig) {
	together(r, "--api-tls-cert and --api-tls-key go together",
		file{"api-tls-cert", cfg.APITLSCert}, file{"api-tls-key", cfg.APITLSKey})
	path := r.string("api-socket", &s.APISocket)
	if path == "" {
		return
	}
	cfg.APISocket = filepath.Clean(path)
	switch from := &s.APISocket.setting; {
	case len(cfg.APISocket) > maxSocketPath:
		r.faults.add("api-socket", from, "%s has %d bytes, a socket's path at most %d", cfg.APISocket, len(cfg.APISocket), maxSocketPath)
	case cfg.DataDir != "" && cfg.APISocket == filepath.Join(cfg.DataDir, AdminSocket):
		r.faults.add("api-socket", from, "%s is where administrators' calls are taken: choose another", cfg.APISocket)
	}
}

// file is a flag that names a file, and what it names.
type file struct{ flag, path string }

// together records a fault for each file that is missing, if any of them is given.
func together(r reader, why string, files ...file) {
	given := false
	for _, f := range files {
		given = given || f.path != ""
	}
	for _, f := range files {
		if given && f.path == "" {
			r.faults.add(f.flag, nil, "is missing: %s", why)
		}
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
