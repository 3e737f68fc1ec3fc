package httpapi

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
)

// A hold ends when its client closes the connection, and only then. net/http tells that a connection is over, but not how: so each
// connection remembers it. Whether the client has gone or cannot be reached is a matter of promises: one that was cut off
// may be alive, and act on the last deadline that it heard.

// Listen opens a listener for NewServer. Clients whose machine does not answer any more are noticed within SilentPeer.
func Listen(ctx context.Context, network, addr string) (net.Listener, error) {
	config := net.ListenConfig{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: SilentPeer / 3, Interval: SilentPeer / 3, Count: 2},
		Control:         boundSilence,
	}
	l, err := config.Listen(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return Watch(l), nil
}

// Watch makes a listener's connections remember how they end. What does not go through here or Listen is never taken for
// closed by its client.
func Watch(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &connection{Conn: c}, nil
}

// connection remembers how it ended.
type connection struct {
	net.Conn
	tls bool // TLS is spoken on it: its bytes are not the client's own, see secured
	end atomic.Pointer[error]
}

func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.note(err)
	return n, err
}

func (c *connection) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.note(err)
	return n, err
}

// CloseWrite lets net/http answer a request that it has not read, and be heard.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// note keeps the first error. net/http sets deadlines in the past to wake a reader of its own.
func (c *connection) note(err error) {
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.end.CompareAndSwap(nil, &err)
	}
}

type connectionKey struct{}

// rememberConnection makes a connection known to its requests.
func rememberConnection(ctx context.Context, c net.Conn) context.Context {
	if s, ok := c.(*secured); ok {
		c = s.under
	}
	return context.WithValue(ctx, connectionKey{}, c)
}

// connectionOver tells whether the other side has closed its connection, though net/http may not have noticed yet: a client that gave up
// while this process was paused has gone before its request is read. It looks at the socket itself.
func connectionOver(ctx context.Context) bool {
	c, ok := ctx.Value(connectionKey{}).(*connection)
	return ok && (c.end.Load() != nil || c.closedUnread())
}

// closedUnread tells whether the client has closed the connection, though nobody has read that far.
func (c *connection) closedUnread() bool {
	if !c.tls {
		return endOfFile(c.Conn)
	}
	// What TLS says at a close lies unread before the end of the stream, so that a look at the next byte would not find that.
	over, why := hungUp(c.Conn)
	if over {
		c.note(why)
	}
	return over && closes(*c.end.Load())
}

// closedByClient tells, of a request whose connection is over, whether the client has closed it: or else it was this side, or the
// client cannot be reached. Of a connection that is not watched nothing is known, and its client may be there.
func closedByClient(ctx context.Context) bool {
	c, ok := ctx.Value(connectionKey{}).(*connection)
	if !ok {
		return false
	}
	end := c.end.Load()
	if end == nil {
		return c.closedUnread()
	}
	return closes(*end)
}

// closes tells an end that is the other side's own close.
func closes(end error) bool {
	return errors.Is(end, io.EOF) || errors.Is(end, syscall.ECONNRESET) || errors.Is(end, syscall.EPIPE)
}
