//go:build !unix

package store

import (
	"errors"
	"io/fs"
	"os"
)

var (
	errLocked = errors.New("another process has the lock")
	errNoUnix = errors.New("no sidecar runs on this system: run it on Linux, and use this program to talk to it")
)

func tryLock(*os.File, bool) error { return errNoUnix }

// Space is not known here.
func Space(string) (free, size int64, err error) { return 0, 0, errNoUnix }

func ownerOf(fs.FileInfo) (uid, gid int, ok bool) { return 0, 0, false }
