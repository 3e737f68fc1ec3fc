package client

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// newTransport makes the transport to a host or, if one is given, a socket. It speaks HTTP/1.1 alone, so that a hold has
// a connection of its own and closing it is seen at once. secure is how it speaks TLS; nil is as net/http does.
func newTransport(host, socket string, secure *tls.Config) *http.Transport {
	dialer := &net.Dialer{Timeout: dialWithin}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        secure,
		TLSHandshakeTimeout:    dialWithin,
		DisableCompression:     true, // a compressor may hold lines of a stream back
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second, // less than a sidecar's own
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	switch {
	case socket != "":
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
	case !loopback(host):
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
