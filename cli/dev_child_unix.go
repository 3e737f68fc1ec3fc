//go:build unix && !linux

package cli

import "syscall"

// childAttributes gives a node a process group of its own, so that the terminal's Ctrl-C reaches it only once, through
// dev. These systems have no way to end it should dev be killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
