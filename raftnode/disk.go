package raftnode

import (
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// DiskSpace returns the bytes that are free on the file system of a directory, and those that it has; false if it does not say.
func DiskSpace(dir string) (free, size int64, ok bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), true
}

// DiskUsage returns the bytes of the files below a data directory, as far as they can be seen now.
func DiskUsage(dir string) (total int64) {
	// What vanishes or cannot be read while we look does not count.
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}
