package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/sidelock/sidelock/cli"
	"github.com/sidelock/sidelock/httpapi"
)

// listenAdmin opens the socket on which administrators' calls are taken. Who may open it is an administrator, so it must not be open
// to others for a moment: it is made in a directory of its own, restricted there, and only then given its name. Whatever has
// that name is left from an earlier process, for this one has the data directory to itself.
func listenAdmin(dataDir string) (net.Listener, error) {
	private, err := os.MkdirTemp(dataDir, "a") // a short name: the path of a socket may have a hundred bytes
	if err != nil {
		return nil, err
	}
	defer os.Remove(private)
	first := filepath.Join(private, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: first, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	path := filepath.Join(dataDir, cli.AdminSocket)
	err = os.Chmod(first, 0o600)
	if err == nil {
		err = os.Remove(path)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(first, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(first))
	}
	return adminListener{httpapi.Watch(l), path}, nil
}

// adminListener takes its name away when it closes.
type adminListener struct {
	net.Listener
	path string
}

func (l adminListener) Close() error {
	return errors.Join(l.Listener.Close(), os.Remove(l.path))
}
