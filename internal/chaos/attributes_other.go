//go:build !linux

package chaos

import "syscall"

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitStop does nothing where it cannot be told.
func awaitStop(int) error { return nil }
