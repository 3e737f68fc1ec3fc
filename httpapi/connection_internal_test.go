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
		conn := &connection{}
		conn.note(c.err)
		conn.note(errors.New("what came later"))
		ctx := rememberConnection(context.Background(), conn)
		if got := closedByClient(ctx); got != c.want {
			t.Errorf("%v: closed by the client: %v", c.err, got)
		}
	}
}
