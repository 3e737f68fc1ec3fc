package doctor

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// namelessFile makes a file that no directory lists, so that none is left behind, whatever happens.
func namelessFile(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EINVAL) { // not every file system knows how
		return unnamedFile(dir)
	}
	if err != nil {
		return nil, &os.PathError{Op: "make a file", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), dir), nil
}

func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
