package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
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

// Server implements Security. A caller that begins a TLS handshake is refused, in plaintext: its own node knows such an answer for
// what it is.
func (Plain) Server(_ context.Context, c net.Conn) (net.Conn, error) {
	first := make([]byte, 2)
	n, _ := io.ReadFull(c, first) // what stopped it short stops the read of the hello too
	if n == len(first) && first[0] == tlsHandshake && first[1] == tlsMajor {
		RefusePlainly(c, "this node speaks plaintext with its peers, and the caller TLS: "+setUpAlike)
		return nil, errors.New("the caller speaks TLS, and this node does not: " + setUpAlike)
	}
	return &begun{Conn: c, first: first[:n]}, nil
}

const (
	tlsHandshake = 22 // the type of the first record of TLS
	tlsMajor     = 3  // and its version's first byte, in every version since SSL 3

	setUpAlike = "give all nodes the same --peer-secret-file, or all of them --tls-ca, --tls-cert and --tls-key"
)

// begun is a connection of which the first bytes have been read already.
type begun struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.first)
	b.first = b.first[n:]
	return n, nil
}

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

// IsPlain tells whether first, the first five bytes of a connection or more, begin a hello, or the answer to one, in plaintext.
func IsPlain(first []byte) bool {
	return len(first) >= 5 && first[0] == 0 && first[1] == 0 && int(first[2])<<8|int(first[3]) <= MaxHello && first[4] == '{'
}

// RefusePlainly answers a caller in plaintext, for a node that speaks another way than the caller, and lets it hear that. message
// is for people: cause and remedy. Closing c is left to the caller.
func RefusePlainly(c net.Conn, message string) {
	if writeFrame(c, answer{Code: CodeCertificate, Message: message}) == nil {
		Linger(c)
	}
}

// Linger reads for a moment what the other side still sends. To close a connection with bytes unread resets it, and what was last
// written to it might be lost.
func Linger(c net.Conn) {
	c.SetDeadline(time.Now().Add(lingerTimeout))
	io.CopyN(io.Discard, c, lingerBytes)
}

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
