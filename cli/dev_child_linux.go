package cli

import "syscall"

// childAttributes gives a node a process group of its own, so that the terminal's Ctrl-C reaches it only once, through
// dev; and has the kernel kill it should dev die without a word.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
