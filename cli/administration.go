package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"syscall"

	"github.com/sidelock/sidelock/client"
)

// administration are the flags of commands that make administrators' calls.
type administration struct {
	DataDir     text `placeholder:"DIR" help:"The data directory of the sidecar on this machine, in which its admin socket is; the same default as of serve."`
	AdminSocket text `placeholder:"PATH" help:"The admin socket itself; admin.sock in --data-dir if not given."`

	connection
}

// adminWay is how an administrator's call gets to a sidecar.
type adminWay struct {
	socket string         // "": with a key
	keyed  *client.Client // to the API; with a key, where that is needed
	server string         // for people
}

// administrators settles the way: the socket, unless a key is given, and the socket is not, or the key more plainly.
func (a *administration) administrators(c *call, r reader) adminWay {
	socket := c.given["data-dir"] || c.given["admin-socket"]
	aloud := c.given["api-key-file"] && a.APIKeyFile.from == ""
	if a.hasKey() && (aloud || !socket) {
		return a.everybody(r)
	}
	return adminWay{socket: a.adminSocket(c, r), server: "the admin socket"}
}

// socketSpoken says whether the command line itself names the socket.
func (a *administration) socketSpoken() bool {
	spoken := func(t *text) bool { return len(t.words) > 0 && t.from == "" }
	return spoken(&a.DataDir) || spoken(&a.AdminSocket)
}

// everybody is the way of calls that need no administrator.
func (a *administration) everybody(r reader) adminWay {
	return adminWay{keyed: a.client(r, quick()), server: a.url(r)}
}

func (w adminWay) open(ctx context.Context) (*client.Client, error) {
	if w.keyed != nil {
		return w.keyed, nil
	}
	if err := reachable(ctx, w.socket); err != nil {
		return nil, err
	}
	return client.New("unix://"+w.socket, quick())
}

func (a *administration) adminSocket(c *call, r reader) string {
	path := r.string("admin-socket", &a.AdminSocket)
	dir := r.string("data-dir", &a.DataDir)
	if path == "" {
		if dir == "" {
			dir = defaultDataDir(c.env)
		}
		if dir == "" {
			r.faults.add("data-dir", nil, "none of STATE_DIRECTORY, XDG_STATE_HOME and HOME says where the sidecar keeps its data: name the directory")
			return ""
		}
		path = filepath.Join(dir, AdminSocket)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		r.faults.add("admin-socket", &a.AdminSocket.setting, "%v", err)
	}
	return absolute
}

// longSocket says what is to be done where the path of the admin socket is too long for one; "" where it is not.
func longSocket(socket string) string {
	if len(socket) <= maxSocketPath {
		return ""
	}
	return fmt.Sprintf("the path of the admin socket, %s, is too long for a socket: it has %d bytes, at most %d will do. What to do: choose a shorter --data-dir, or use an API key with admin",
		socket, len(socket), maxSocketPath)
}

// reachable says, before anything is asked, what is in the way of the admin socket and what to do.
func reachable(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, askAgainFor)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	switch {
	case err == nil:
		return conn.Close()
	case len(socket) > maxSocketPath:
		return errors.New(longSocket(socket))
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no admin socket at %s: run this on a machine (in a container: inside it) where a sidecar of the group runs, and name its data directory with --data-dir, as its `serve` has it", socket)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the admin socket %s is another user's: run this as the user that the sidecar runs as", socket)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody listens on the admin socket %s: the sidecar that made it does not run any more; start it, or use another one's", socket)
	}
	return fmt.Errorf("the admin socket %s does not answer: %w", socket, err)
}
