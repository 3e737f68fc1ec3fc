package chaos

import "syscall"

// attributes have the kernel kill a process should the tests die without a word.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
