package cli

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
)

// ListenAddr is an address to listen on.
type ListenAddr struct {
	Addr string // IP:port; port 0 lets the kernel choose
	// Optional marks the defaults 127.0.0.1 and [::1]: that this machine lacks such an address is no error as long
	// as another one listens. Any other failure, such as a taken port, is.
	Optional bool
}

// bindAddr reads an address to listen on: an IP address, `localhost` (127.0.0.1) or nothing (every interface), and a
// port. Names are refused: what they stand for may change after it was judged.
func bindAddr(word string) (netip.AddrPort, error) {
	host, port, err := splitHostPort(word)
	if err != nil {
		return netip.AddrPort{}, err
	}
	switch host {
	case "":
		return netip.AddrPortFrom(netip.IPv6Unspecified(), port), nil
	case "localhost":
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), nil
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q: the host must be an IP address, localhost, or empty for every interface", word)
	}
	return netip.AddrPortFrom(addr.Unmap(), port), nil
}

// splitHostPort is net.SplitHostPort for numeric ports.
func splitHostPort(word string) (string, uint16, error) {
	host, portWord, err := net.SplitHostPort(word)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port, such as 127.0.0.1:5625 or [::1]:5625", word)
	}
	port, err := strconv.ParseUint(portWord, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q: the port must be a number from 0 to 65535", word)
	}
	return host, uint16(port), nil
}

// overlap says whether two sockets could not listen side by side.
func overlap(a, b netip.AddrPort) bool {
	return a.Port() != 0 && a.Port() == b.Port() && (covers(a.Addr(), b.Addr()) || covers(b.Addr(), a.Addr()))
}

func covers(a, b netip.Addr) bool {
	if a.IsUnspecified() {
		return a.Is6() || b.Is4() // [::] takes IPv4 too, 0.0.0.0 no IPv6
	}
	return a == b
}

// hostName is a DNS name as people write it: letters, digits, hyphens and (in container networks) underscores.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*$`)

// loopback says whether a host is this machine, so that nobody else can dial it.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// outgoingAddr is the address of the interface through which this machine reaches others. Nothing is sent: connecting
// a UDP socket only asks the routing table. The targets are documentation addresses (RFC 5737, RFC 3849).
func outgoingAddr() (netip.Addr, error) {
	for _, target := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} {
		conn, err := net.Dial("udp", target)
		if err != nil {
			continue
		}
		local, ok := conn.LocalAddr().(*net.UDPAddr)
		conn.Close()
		if ok && !local.IP.IsUnspecified() {
			return local.AddrPort().Addr().Unmap(), nil
		}
	}
	return netip.Addr{}, errors.New("this machine has no route to others")
}
