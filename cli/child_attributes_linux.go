package cli

import "syscall"

// childAttributes gives a child a process group of its own, so that it can be ended with all that it has started, and
// the terminal's Ctrl-C reaches it only once, through this process; and has the kernel kill it should this process die
// without a word. Linux does that when the *thread* that started the child ends: stay on it for as long.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
