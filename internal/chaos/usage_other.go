//go:build !linux

package chaos

import "time"

// Usage is what a process has used, and uses; not known on this system.
type Usage struct {
	CPU    time.Duration
	Files  int
	Memory int64
}

// Usage is not known on this system.
func (n *Node) Usage() Usage { return Usage{} }
