//go:build unix

package doctor

import "golang.org/x/sys/unix"

// writable tells whether files can be made in a directory, by its permissions and its file system's.
func writable(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }
