package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
)

// ports looks whether the addresses to listen on are free, or used by the very sidecar that is examined.
func (d *examination) ports(ctx context.Context) {
	had := 0
	for _, a := range d.cfg.APIAddrs {
		if d.port(ctx, place{flag: "--api-addr", addr: a.Addr, optional: a.Optional, who: d.whoServes(d.scheme(), a.Addr, "/")}) {
			had++
		}
	}
	if had == 0 && len(d.cfg.APIAddrs) > 0 {
		d.fail(Port, "--api-addr", "choose an address of this machine", "this machine has none of the addresses of --api-addr")
	}
	if d.cfg.APISocket != "" {
		d.apiSocket(ctx)
	}
	if d.cfg.OpsAddr != "" {
		d.port(ctx, place{flag: "--ops-addr", addr: d.cfg.OpsAddr, who: d.whoServes("http", d.cfg.OpsAddr, "/livez")})
	}
	if d.cfg.PeerAddr != "" {
		d.port(ctx, place{flag: "--peer-addr", addr: d.cfg.PeerAddr, who: d.whoPeers, free: &d.peerFree})
	}
}

// place is an address to listen on.
type place struct {
	flag, addr string
	optional   bool
	who        func(context.Context) holder
	free       *bool // is told whether nobody listens there; may be nil
}

// holder is who uses a port.
type holder struct {
	ours    bool   // the sidecar that runs on the data directory
	twin    bool   // another process with the identity in the data directory
	name    string // a sidecar's; "" if it is none, or not known
	unknown string // why it is not known who it is; "" if it is
}

// Why it is not known who uses a port.
const (
	silent        = "does not answer"
	otherwiseTLS  = "speaks with TLS and this configuration without it, or the other way round"
	otherwisePeer = "speaks with another secret or other certificates, or with none"
)

// port looks at one address. It is false if the machine does not have it.
func (d *examination) port(ctx context.Context, p place) (there bool) {
	subject := p.flag + " " + p.addr
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.addr)
	switch {
	case err == nil:
		l.Close()
		if p.free != nil {
			*p.free = true
		}
		if d.running != nil && portOf(p.addr) != 0 {
			d.warn(Port, subject, "give this the configuration that the sidecar was started with", "nobody listens there, although the sidecar runs")
			return true
		}
		d.ok(Port, subject, "it is free")
	case errors.Is(err, syscall.EADDRINUSE):
		d.taken(ctx, p, subject)
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		if p.optional {
			return false // and without it the others will do
		}
		d.fail(Port, subject, "choose one of its own, or 0.0.0.0 for all of them", "this machine does not have the address")
		return false
	case errors.Is(err, fs.ErrPermission):
		d.fail(Port, subject, "choose a port above 1023", "this user may not listen there")
	default:
		d.fail(Port, subject, "", "%v", err)
	}
	return true
}

func (d *examination) taken(ctx context.Context, p place, subject string) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	switch who := p.who(ctx); {
	case who.ours:
		d.ok(Port, subject, "the sidecar that runs here listens there")
	case who.twin:
		d.fail(Port, subject, twinRemedy, "another process with this directory's identity, %s, uses it", who.name)
	case who.name != "":
		d.fail(Port, subject, "choose another with "+p.flag+", or stop that one", "another sidecar, %s, uses it", who.name)
	case who.unknown != "" && d.occupied():
		d.warn(Port, subject, d.remedy(who), "probably the sidecar that runs here%s: it %s", d.data.Holder, who.unknown)
	default:
		d.fail(Port, subject, "choose another with "+p.flag+", or stop that program: ss -ltnp shows which it is", "another program uses it")
	}
}

// occupied says whether a process has the data directory, whether it answers or not.
func (d *examination) occupied() bool { return d.running != nil || d.data.InUse }

func (d *examination) remedy(who holder) string {
	if who.unknown == silent && d.running == nil {
		return "see its log and its disk; kill -CONT lets a stopped process go on"
	}
	return "give this the configuration that the sidecar was started with"
}

// scheme is how the API speaks.
func (d *examination) scheme() string {
	if d.cfg.APITLSCert != "" {
		return "https"
	}
	return "http"
}

// whoServes asks a page that every sidecar shows to everybody.
func (d *examination) whoServes(scheme, addr, page string) func(context.Context) holder {
	return func(ctx context.Context) holder {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+reachable(addr)+page, nil)
		if err != nil {
			return holder{}
		}
		transport := &http.Transport{
			DisableKeepAlives: true,
			// Nothing is told or believed here, but a name: whether its certificate is good is another check.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		}
		resp, err := (&http.Client{Transport: transport}).Do(req)
		switch {
		case tooSlow(err):
			return holder{unknown: silent}
		case err != nil:
			return holder{unknown: otherwiseTLS}
		}
		resp.Body.Close()
		name := resp.Header.Get("Sidelock-Node")
		if name == "" && resp.StatusCode == http.StatusBadRequest { // so answers who expects TLS and is greeted without
			return holder{unknown: otherwiseTLS}
		}
		return holder{ours: d.occupied() && name == d.nameHere(), name: name}
	}
}

// whoPeers asks for the identity of a peer port.
func (d *examination) whoPeers(ctx context.Context) holder {
	if d.security == nil {
		return holder{ours: d.running != nil, unknown: otherwisePeer} // it cannot be asked
	}
	v := d.visit(ctx, reachable(d.cfg.PeerAddr))
	switch {
	case tooSlow(v.err):
		return holder{unknown: silent}
	case v.err != nil:
		return holder{unknown: otherwisePeer}
	}
	h := v.visit.Hello
	same := h.NodeID != "" && h.NodeID == d.ownID()
	return holder{ours: same && d.occupied(), twin: same && !d.occupied(), name: h.Name}
}

// nameHere is what the sidecar on the data directory is called, if one runs.
func (d *examination) nameHere() string {
	if d.running != nil {
		return d.running.Node.Name
	}
	return d.cfg.Node
}

// tooSlow says whether patience was all that ended.
func tooSlow(err error) bool {
	timed, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timed.Timeout()
}

// reachable is where an address to listen on is dialled from this machine.
func reachable(addr string) string {
	at, err := netip.ParseAddrPort(addr)
	if err != nil || !at.Addr().IsUnspecified() {
		return addr
	}
	if at.Addr().Is4() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), at.Port()).String()
}

func portOf(addr string) uint16 {
	at, _ := netip.ParseAddrPort(addr)
	return at.Port()
}

// apiSocket looks whether the API's socket can be made, or is that of the sidecar that runs.
func (d *examination) apiSocket(ctx context.Context) {
	path := d.cfg.APISocket
	subject := "--api-socket " + path
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err == nil {
		conn.Close()
	}
	info, missing := os.Lstat(path)
	switch {
	case err == nil && d.running != nil:
		d.ok(Port, subject, "somebody listens there, and the sidecar runs")
	case err == nil && d.data.InUse:
		d.warn(Port, subject, d.remedy(holder{unknown: silent}), "probably the sidecar that runs here%s: it %s", d.data.Holder, silent)
	case err == nil:
		d.fail(Port, subject, "choose another, or stop that program", "another program listens there")
	case missing == nil && info.Mode().Type() != fs.ModeSocket:
		d.fail(Port, subject, "choose another path, or move the file away", "there is a file that is no socket")
	case !writable(filepath.Dir(path)):
		d.fail(Port, subject, "make its directory for the sidecar's user, or choose another", "it cannot be made: %s is not there, or not writable", filepath.Dir(path))
	case d.running != nil:
		d.warn(Port, subject, "give this the configuration that the sidecar was started with", "nobody listens there, although the sidecar runs")
	default:
		d.ok(Port, subject, "it can be made")
	}
}
