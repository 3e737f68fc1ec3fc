package raftnode

import (
	"io/fs"
	"path/filepath"

	"github.com/sidelock/sidelock/raftnode/store"
)

// DiskSpace returns the bytes that are free on the file system of a directory, and those that it has; false if it does not say.
func DiskSpace(dir string) (free, size int64, ok bool) {
	free, size, err := store.Space(dir)
	return free, size, err == nil
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
