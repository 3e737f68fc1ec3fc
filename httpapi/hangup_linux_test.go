package httpapi

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tcpPair is a connection and its other side.
func tcpPair(t *testing.T) (server, client *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); c.Close() })
	return s.(*net.TCPConn), c.(*net.TCPConn)
}

// control does something to a socket.
func control(t *testing.T, c *net.TCPConn, do func(fd int) error) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// vanish has the kernel drop all that comes for c, as if its machine were gone, and the other side give up soon.
func vanish(t *testing.T, server, c *net.TCPConn) error {
	control(t, server, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 100)
	})
	control(t, c, func(fd int) error {
		filter := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &filter[0]})
	})
	_, err := server.Write([]byte("are you there?"))
	return err
}

// TestWhyAConnectionIsOverIsSeenBehindWhatIsUnread: a close, or that the client cannot be reached, which is none.
func TestWhyAConnectionIsOverIsSeenBehindWhatIsUnread(t *testing.T) {
	for name, tc := range map[string]struct {
		end    func(t *testing.T, server, client *net.TCPConn) error
		closed bool
		why    error
	}{
		"closed":   {func(_ *testing.T, _, c *net.TCPConn) error { return c.Close() }, true, nil},
		"its half": {func(_ *testing.T, _, c *net.TCPConn) error { return c.CloseWrite() }, true, nil},
		"reset":    {func(_ *testing.T, _, c *net.TCPConn) error { _ = c.SetLinger(0); return c.Close() }, true, syscall.ECONNRESET},
		"vanished": {vanish, false, syscall.ETIMEDOUT},
	} {
		t.Run(name, func(t *testing.T) {
			server, client := tcpPair(t)
			if _, err := client.Write([]byte("unread")); err != nil {
				t.Fatal(err)
			}
			c := &connection{Conn: server, tls: true}
			ctx := rememberConnection(t.Context(), c)
			if connectionOver(ctx) || closedByClient(ctx) {
				t.Fatal("an open connection is over")
			}
			if err := tc.end(t, server, client); err != nil {
				t.Fatal(err)
			}
			ticker := time.NewTicker(5 * time.Millisecond)
			defer ticker.Stop()
			for begin := time.Now(); c.end.Load() == nil; <-ticker.C {
				if closed := closedByClient(ctx); closed && !tc.closed {
					t.Fatal("taken for closed by the client")
				}
				if time.Since(begin) > 20*time.Second {
					t.Fatal("its end is not seen")
				}
			}
			if why := *c.end.Load(); closedByClient(ctx) != tc.closed || tc.why != nil && !errors.Is(why, tc.why) {
				t.Errorf("over because of %v; closed by the client: %v", why, closedByClient(ctx))
			}
		})
	}
}
