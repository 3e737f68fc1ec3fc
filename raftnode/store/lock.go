package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const lockFile = "lock"

// lockDir takes the directory for this process. The kernel lets go when the
// process ends, however it ends, so a left-over file is no obstacle.
func lockDir(dir string, offline bool) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, privateFile)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if err := tryLock(f, false); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 32))
		_ = f.Close()
		if errors.Is(err, errLocked) {
			way := "stop that one, or give this one a --data-dir of its own"
			if offline {
				way = "stop the sidecar that runs on it first"
			}
			return nil, fmt.Errorf("%s: %w by another process%s; %s", dir, ErrInUse, pidOf(holder), way)
		}
		return nil, fmt.Errorf("lock data directory %s (does its file system know flock?): %w", dir, err)
	}
	if err := writePID(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	return f, nil
}

// writePID leaves word for a second process, and for people.
func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

func pidOf(holder []byte) string {
	if pid := strings.TrimSpace(string(holder)); pid != "" {
		return " (PID " + pid + ")"
	}
	return ""
}
