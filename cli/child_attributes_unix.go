//go:build unix && !linux

package cli

import "syscall"

// childAttributes gives a child a process group of its own, so that it can be ended with all that it has started, and
// the terminal's Ctrl-C reaches it only once, through this process. These systems have no way to end it should this
// process be killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
