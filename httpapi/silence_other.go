//go:build !linux

package httpapi

import "syscall"

// boundSilence has no equivalent here: a client whose machine vanishes is noticed when TCP gives up.
func boundSilence(string, string, syscall.RawConn) error { return nil }
