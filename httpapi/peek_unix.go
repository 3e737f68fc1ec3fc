//go:build unix

package httpapi

import (
	"net"
	"syscall"
)

// endOfFile tells whether everything has been read and the other side has closed. It takes nothing from the socket and does not wait, nor for
// a reader that is waiting there.
func endOfFile(c net.Conn) bool {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	over := false
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		over = n == 0 && err == nil || err == syscall.ECONNRESET
	})
	return over && err == nil
}
