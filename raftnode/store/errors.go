package store

import (
	"errors"
	"fmt"
)

// ErrInUse is returned by Open while another process has the directory open.
var ErrInUse = errors.New("data directory is in use")

// ErrClosed is returned by every use of a directory after Close.
var ErrClosed = errors.New("data directory is closed")

// ErrMembershipFixed is returned by an attempt to change a promise or a joined cluster.
var ErrMembershipFixed = errors.New("membership is already decided and cannot be changed")

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
	return fmt.Sprintf("%s: %s; this node's data cannot be trusted. Way out: stop the node, move its whole data directory away and start it again; "+
		"it is a new node then, which waits until its group takes it in (this version's groups do not); the others go on as long as they are a majority (a group of one loses its locks and leases)", where, e.Reason)
}

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// FormatError says that a file was written by another version of sidelock, or edited by hand.
type FormatError struct {
	File   string
	Reason string
	Err    error
}

var _ error = (*FormatError)(nil)

// Error names the file and tells a person what to do.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: %s; run the sidelock version that wrote it, or move the whole data directory away to come back as a new member", e.File, e.Reason)
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }
