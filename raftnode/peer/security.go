package peer

import (
	"context"
	"fmt"
	"net"
)

// Security wraps every peer connection before anything is said over it, on both sides. All methods are called from any
// goroutine. Errors are for people: they name the cause and the remedy.
type Security interface {
	// Server and Client do the handshake within ctx. The connection returned is used in place of c; an error leaves c to
	// the caller to close. addr is what was dialed.
	Server(ctx context.Context, c net.Conn) (net.Conn, error)
	Client(ctx context.Context, c net.Conn, addr string) (net.Conn, error)
	// Vouches compares what the other side says of itself with what its certificate says.
	Vouches(c net.Conn, h Hello) error
	// Explain puts cause and remedy beside an error of reading or writing c, where they are known: in TLS 1.3 a caller hears
	// only at its first read that its certificate was refused.
	Explain(c net.Conn, addr string, err error) error
	// Valid tells whether c, made earlier, would be made now. It is asked for each connection after a change.
	Valid(c net.Conn) error
	// OnChange registers f, to be called after the secret or the certificates were replaced.
	OnChange(f func())
}

// Plain is the absence of security: for loopback, or where it was asked for aloud.
type Plain struct{}

var _ Security = Plain{}

// Server implements Security.
func (Plain) Server(_ context.Context, c net.Conn) (net.Conn, error) { return c, nil }

// Client implements Security.
func (Plain) Client(_ context.Context, c net.Conn, _ string) (net.Conn, error) { return c, nil }

// Vouches implements Security.
func (Plain) Vouches(net.Conn, Hello) error { return nil }

// Explain implements Security.
func (Plain) Explain(_ net.Conn, addr string, err error) error {
	return fmt.Errorf("peer %s gave no answer to the hello (is it a sidelock peer port, does it speak TLS where this node does not, and is it not at its limit of connections?): %w", addr, err)
}

// Valid implements Security.
func (Plain) Valid(net.Conn) error { return nil }

// OnChange implements Security.
func (Plain) OnChange(func()) {}

// recheck closes the connections that would not be made any more.
func (p *Port) recheck() {
	p.mu.Lock()
	var bad []net.Conn
	for bare, secured := range p.secured {
		if p.cfg.Security.Valid(secured) != nil {
			bad = append(bad, bare)
		}
	}
	p.mu.Unlock()
	for _, c := range bad {
		p.cfg.Log.Info("peer connection closed: it was made under a secret or certificate that is no longer accepted", "remote", c.RemoteAddr())
		c.Close()
	}
}
