package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

// TestOnlyWhatTheClientDidIsItsOwnClose: a client that cannot be reached may be alive, and act on the last deadline that it heard.
func TestOnlyWhatTheClientDidIsItsOwnClose(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{io.EOF, true},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, true},
		{&net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}, true},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}, false},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.EHOSTUNREACH)}, false},
		{fmt.Errorf("read: %w", net.ErrClosed), false},
		{os.ErrDeadlineExceeded, false}, // net/http wakes its own reader so
		{nil, false},
	} {
		near, far := net.Pipe()
		defer far.Close()
		conn := &connection{Conn: near}
		conn.note(c.err)
		conn.note(errors.New("what came later"))
		ctx := rememberConnection(context.Background(), conn)
		if got := closedByClient(ctx); got != c.want {
			t.Errorf("%v: closed by the client: %v", c.err, got)
		}
	}
}

// TestClosedSocketIsSeenBeforeItIsRead, also while somebody waits to read from it.
func TestClosedSocketIsSeenBeforeItIsRead(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		addr := "127.0.0.1:0"
		if network == "unix" {
			addr = t.TempDir() + "/s"
		}
		l, err := Listen(t.Context(), network, addr)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		client, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		ctx := rememberConnection(t.Context(), server)
		if connectionOver(ctx) {
			t.Errorf("%s: an open connection is over", network)
		}
		read := make(chan error, 1)
		go func() {
			_, err := server.Read(make([]byte, 1))
			read <- err
		}()
		if connectionOver(ctx) {
			t.Errorf("%s: a connection with a reader is over", network)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != io.EOF {
			t.Errorf("%s: %v", network, err)
		}
		if !connectionOver(ctx) || !closedByClient(ctx) {
			t.Errorf("%s: a closed connection is not over", network)
		}
	}
}
