package httpapi

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// hungUp tells whether the stream from the other side is over, whatever of it is still unread, and why: io.EOF where it was closed.
// It takes nothing from the socket but its pending error, which it returns, and does not wait.
func hungUp(c net.Conn) (over bool, why error) {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return false, nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false, nil
	}
	err = raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		if n, err := unix.Poll(poll, 0); err != nil || n == 0 {
			return
		}
		over, why = true, io.EOF
		// A connection that was reset or that timed out is over as well, and only this tells which.
		if code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code != 0 {
			why = os.NewSyscallError("read", syscall.Errno(code))
		}
	})
	return over && err == nil, why
}
