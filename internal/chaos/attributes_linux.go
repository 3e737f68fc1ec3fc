package chaos

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes have the kernel kill a process should the tests die without a word.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitStop waits until every thread of a child that was sent SIGSTOP has stopped: until then some go on.
func awaitStop(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
