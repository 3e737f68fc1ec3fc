package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/sidelock/sidelock/httpapi"
)

// apiSocketMode lets the sidecar's user and group in.
const apiSocketMode = 0o660

// listenSocket opens the API's Unix socket. One that a process before has left behind is replaced; one that somebody listens on is not, nor
// is anything else that has the name.
func listenSocket(ctx context.Context, path string) (net.Listener, error) {
	if err := clearSocket(ctx, path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	made, err := os.Lstat(path)
	if err == nil {
		err = os.Chmod(path, apiSocketMode)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(path))
	}
	return socketListener{httpapi.Watch(l), path, made}, nil
}

// clearSocket removes what is left of a process before.
func clearSocket(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there already, and no socket: it is left alone", path)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return errors.Join(fmt.Errorf("somebody listens on %s: another sidecar, or this one's process before, which is still stopping", path), conn.Close())
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return fmt.Errorf("whether somebody listens on %s cannot be told: %w", path, err)
}

// socketListener takes its name away when it closes, unless another has that name by now.
type socketListener struct {
	net.Listener
	path string
	made fs.FileInfo
}

func (l socketListener) Close() error {
	var err error
	if now, statErr := os.Lstat(l.path); statErr == nil && os.SameFile(now, l.made) {
		err = os.Remove(l.path)
	}
	return errors.Join(err, l.Listener.Close())
}
