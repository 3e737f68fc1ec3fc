package httpapi

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// guard refuses requests that a web page may have made. Neither half is enough: a rebound DNS name makes the request
// same-origin but shows in Host, and a page of another origin may name any host but shows in Origin or
// Sec-Fetch-Site. X-Forwarded-* and Forwarded decide nothing here.
type guard struct {
	hosts map[string]bool // lower case, without port
}

func newGuard(names []string) guard {
	g := guard{hosts: map[string]bool{"localhost": true}}
	for _, n := range names {
		g.hosts[strings.ToLower(n)] = true
	}
	return g
}

func (g guard) check(r *http.Request) *problem {
	if !g.hostAllowed(r.Host) {
		return &problem{code: HostNotAllowed, detail: "the Host header must be localhost, an IP address, or a name given with --allow-host"}
	}
	return sameOrigin(r)
}

// sameOrigin is the half that asks where a request comes from.
func sameOrigin(r *http.Request) *problem {
	if crossOrigin(r) {
		return &problem{code: CrossOrigin, detail: "this looks like a request from a web page of another origin; sidelock answers none of those"}
	}
	return nil
}

// hostAllowed ignores the port. An IP literal always passes, for rebinding needs a name; a trailing dot never does.
func (g guard) hostAllowed(host string) bool {
	name, ok := splitPort(host)
	if !ok || name == "" {
		return false
	}
	if g.hosts[name] {
		return true
	}
	if strings.HasPrefix(name, "[") {
		addr, err := netip.ParseAddr(strings.Trim(name, "[]"))
		return err == nil && addr.Is6()
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Is4()
	}
	return g.hosts[strings.ToLower(name)]
}

// splitPort cuts off :port, which may be empty. An IPv6 address must be in brackets.
func splitPort(host string) (name string, ok bool) {
	end := strings.IndexByte(host, ':')
	if strings.HasPrefix(host, "[") {
		if end = strings.IndexByte(host, ']') + 1; end == 0 {
			return "", false
		}
	} else if end < 0 {
		return host, true
	}
	name, port := host[:end], host[end:]
	if port == "" {
		return name, true
	}
	for _, c := range port[1:] {
		if c < '0' || c > '9' {
			return "", false
		}
	}
	return name, port[0] == ':' && len(port) <= len(":65535")
}

// crossOrigin is the rule of http.CrossOriginProtection, which lets GET and HEAD pass; on /v1 they do not, for there
// even a read tells a page what it has no business to know.
func crossOrigin(r *http.Request) bool {
	site, origin := r.Header["Sec-Fetch-Site"], r.Header["Origin"]
	if len(site) == 0 && len(origin) == 0 {
		return false // not a browser
	}
	if safeMethod(r.Method) && !strings.HasPrefix(r.URL.Path, "/v1/") {
		return false
	}
	for _, s := range site {
		if s != "same-origin" && s != "none" {
			return true
		}
	}
	if len(site) > 0 {
		return false
	}
	for _, o := range origin {
		if u, err := url.Parse(o); err != nil || u.Host == "" || u.Host != r.Host {
			return true
		}
	}
	return false
}

func safeMethod(m string) bool {
	return m == http.MethodGet || m == http.MethodHead || m == http.MethodOptions
}
