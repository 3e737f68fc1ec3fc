package peer

import (
	"context"
	"net"
	"time"
)

// Network is where a Port listens and dials. Connections must honour deadlines.
// Both methods may be called from any goroutine.
type Network interface {
	// Listen listens at host:port; port 0 lets the system choose.
	Listen(addr string) (net.Listener, error)
	// Dial connects to host:port within ctx. A refusal must be noticed at once.
	Dial(ctx context.Context, addr string) (net.Conn, error)
}

// TCP is the real network.
type TCP struct{}

var _ Network = TCP{}

// Keep-alive notices a peer whose machine is gone on connections that wait
// without deadline: after 5 + 3×2 s.
var tcpKeepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}

// Listen implements Network.
func (TCP) Listen(addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: tcpKeepAlive}
	return lc.Listen(context.Background(), "tcp", addr)
}

// Dial implements Network.
func (TCP) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: tcpKeepAlive}
	return d.DialContext(ctx, "tcp", addr)
}
