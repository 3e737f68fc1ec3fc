package store

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// ErrInUse is returned by Open while another process has the directory open.
var ErrInUse = errors.New("data directory is in use")

// ErrClosed is returned by every use of a directory after Close.
var ErrClosed = errors.New("data directory is closed")

// ErrMembershipFixed is returned by an attempt to change a promise or a joined cluster.
var ErrMembershipFixed = errors.New("membership is already decided and cannot be changed")

// ErrNoDirectory is returned by OpenOffline where there is no data directory.
var ErrNoDirectory = errors.New("there is no data directory of a sidecar")

// CorruptError says that something on disk is not what was written there. The
// node must not go on: a wrong entry would be applied, or replicated to others.
type CorruptError struct {
	File   string // path of the damaged file
	Index  uint64 // index of the damaged entry, 0 where it is not about one
	Reason string
	Err    error // cause, may be nil
}

var _ error = (*CorruptError)(nil)

// Error names file and entry, and tells a person what to do.
func (e *CorruptError) Error() string {
	where := e.File
	if e.Index != 0 {
		where = fmt.Sprintf("%s, entry %d", e.File, e.Index)
	}
	return fmt.Sprintf("%s: %s; this node's data cannot be trusted. Way out: stop the node, move its whole data directory away and start it again: "+
		"it comes back as a new member, and the others go on as long as they are a majority. If they are not, see `sidelock recover` on one whose data is sound "+
		"(a group of one loses its locks and leases)", where, e.Reason)
}

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// FormatError says that a file was written by another release of sidelock, or edited by hand.
type FormatError struct {
	File    string
	Reason  string
	Release string // that wrote it; "" if the file does not say
	Err     error
}

var _ error = (*FormatError)(nil)

// Error names the file, and the release that wrote it, and tells a person what to do.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: %s; run %s, or move the whole data directory away to come back as a new member",
		e.File, e.Reason, named("the release of sidelock that wrote it", e.Release))
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// named says which release is meant, where that is known.
func named(what, release string) string {
	if release == "" {
		return what
	}
	return fmt.Sprintf("%s (%q)", what, release)
}

// DiskError says that the system could not do what it was asked with a file. The
// node must stop: after an fsync that failed nobody knows what is on disk.
type DiskError struct {
	File string
	Read bool // it was to be read, not written
	Err  error
}

var _ error = (*DiskError)(nil)

// Error names the file, the system's reason, and what to look after.
func (e *DiskError) Error() string {
	look := "look after the disk (space, health, permissions)"
	switch {
	case e.says(syscall.ENOSPC), e.says(syscall.EDQUOT):
		look = "make room on the disk"
	case e.says(syscall.EFBIG):
		look = "raise the limit on the size of files (ulimit -f)"
	case e.says(syscall.EROFS):
		look = "mount the file system writable"
	}
	if e.Read {
		return fmt.Sprintf("%s could not be read: %v; the node stops: %s, then start it again", e.File, e.Err, look)
	}
	return fmt.Sprintf("%s could not be written: %v; a write that failed is never tried again, so the node stops: %s, then start it again", e.File, e.Err, look)
}

// Unwrap returns the system's reason.
func (e *DiskError) Unwrap() error { return e.Err }

// says tells whether the system's reason is this one; bbolt hands on the text alone.
func (e *DiskError) says(no syscall.Errno) bool {
	return errors.Is(e.Err, no) || strings.Contains(e.Err.Error(), no.Error())
}

// StallError says that a use of the disk has not come back.
type StallError struct {
	File  string
	What  string
	After string // how long it was waited for
}

var _ error = (*StallError)(nil)

// Error names the file and what to look after.
func (e *StallError) Error() string {
	return fmt.Sprintf("%s: %s has not come back for %s: the disk hangs; look after it (the kernel's log, the storage behind it), then start the node again", e.File, e.What, e.After)
}
