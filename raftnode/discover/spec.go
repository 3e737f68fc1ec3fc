package discover

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Parse reads what --join says, each item one of
//
//	host:port         an address, taken as it is
//	dns:name:port     all IPv4 and IPv6 addresses of a name, with that port
//	srv:name          targets and ports of a name's SRV records, and their addresses
//	file:path         one host:port a line; # begins a comment
//
// and names all that is wrong at once. Nothing is looked up yet: names and files need not exist.
func Parse(specs []string) (*Finder, error) {
	f := &Finder{}
	var faults []error
	for _, spec := range specs {
		s, err := parse(spec)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		f.searches = append(f.searches, &search{spec: spec, source: s, busy: make(chan struct{}, 1)})
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return f, nil
}

func parse(spec string) (source, error) {
	scheme, rest, _ := strings.Cut(spec, ":")
	switch scheme {
	case "dns":
		return parseDNS(spec, rest)
	case "srv":
		if !isName(rest) || isAddress(rest) {
			return nil, fmt.Errorf("%q is not srv:name, such as srv:_peer._tcp.sidelock.example", spec)
		}
		return srv{name: rest}, nil
	case "file":
		if rest == "" {
			return nil, fmt.Errorf("%q is not file:path", spec)
		}
		return file{path: rest}, nil
	}
	if err := checkAddress(spec); err != nil {
		return nil, err
	}
	return fixed{spec}, nil
}

func parseDNS(spec, rest string) (source, error) {
	host, port, err := splitHostPort(rest)
	switch {
	case err != nil || host == "":
		return nil, fmt.Errorf("%q is not dns:name:port, such as dns:sidelock.default.svc:5626", spec)
	case isAddress(host):
		return nil, fmt.Errorf("%q: %s is an address already; leave dns: out", spec, host)
	case !isName(host):
		return nil, fmt.Errorf("%q: %q is not a host name", spec, host)
	case port == 0:
		return nil, fmt.Errorf("%q: nobody can dial port 0", spec)
	}
	return dns{name: host, port: port}, nil
}

// checkAddress says what is wrong with a host:port that is to be dialled, if anything.
func checkAddress(addr string) error {
	host, port, err := splitHostPort(addr)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not host:port, such as 10.0.0.2:5626", addr)
	case port == 0:
		return fmt.Errorf("%q: nobody can dial port 0", addr)
	}
	return CheckHost(host)
}

// splitHostPort is net.SplitHostPort for numeric ports.
func splitHostPort(addr string) (string, uint16, error) {
	host, word, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.ParseUint(word, 10, 16)
	return host, uint16(port), err
}

// CheckHost says what is wrong with a host that others are to dial, if anything.
func CheckHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.IsUnspecified() {
			return fmt.Errorf("%s is every interface, not an address that others can dial", host)
		}
		return nil
	}
	if !isName(host) {
		return fmt.Errorf("%q is neither an IP address nor a host name", host)
	}
	return nil
}

// hostName is a DNS name as people write it: letters, digits, hyphens and (in container networks and SRV records)
// underscores; a dot at the end says that no search list is to be tried.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?$`)

func isName(host string) bool { return len(host) <= maxHost && hostName.MatchString(host) }

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
