package httpapi

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// boundSilence bounds how long data may go unacknowledged: without it a connection to a machine that is gone lasts for as
// long as TCP retransmits, which is a quarter of an hour. Accepted connections inherit it.
func boundSilence(network, _ string, raw syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(SilentPeer.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
