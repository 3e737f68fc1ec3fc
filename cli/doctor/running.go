package doctor

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"syscall"
	"time"

	"github.com/sidelock/sidelock/client"
)

// sidecar finds out whether a sidecar runs on the data directory, through its administrators' socket, and asks it how it is.
func (d *examination) sidecar(ctx context.Context) {
	if !d.listens(ctx) {
		return
	}
	admin, err := client.New("unix://"+d.cfg.AdminSocket, client.WithRetryFor(0))
	if err != nil {
		d.fail(Sidecar, "", "", "%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	d.running, err = Settled(ctx, admin)
	switch {
	case tooSlow(err):
		d.fail(Sidecar, "", "see its log and its disk; kill -CONT lets a stopped process go on", "one runs here, takes connections and does not answer: it is stopped, or hangs")
		return
	case err != nil:
		d.fail(Sidecar, "", "see its log", "one runs here, and does not answer: %v", err)
		return
	}
	node := d.running.Node
	role := node.Role
	if role == "" {
		role = "in no group yet"
	}
	if node.Version != d.cfg.Version {
		d.warn(Sidecar, "", "", "it runs as version %s, and this program is %s: after an upgrade restart the sidecar", node.Version, d.cfg.Version)
	}
	if _, err := admin.Get(ctx, "/readyz", nil); err != nil {
		var refused *client.Error
		if errors.As(err, &refused) {
			why := refused.Detail
			if refused.Code == "draining" {
				d.warn(Sidecar, "", "", "%s runs (%s), and is stopping: %s", node.Name, role, why)
				return
			}
			d.fail(Sidecar, "", "", "%s runs (%s), and is not ready: %s", node.Name, role, why)
			return
		}
		d.fail(Sidecar, "", "see its log", "%s runs (%s), and does not say whether it is ready: %v", node.Name, role, err)
		return
	}
	d.ok(Sidecar, "", "%s runs (%s) and is ready; it is asked through %s", node.Name, role, d.cfg.AdminSocket)
}

// listens tells whether anybody listens on the administrators' socket.
func (d *examination) listens(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", d.cfg.AdminSocket)
	switch {
	case err == nil:
		conn.Close()
		return true
	case errors.Is(err, fs.ErrNotExist):
		d.ok(Sidecar, "", "none runs on this data directory")
	case errors.Is(err, syscall.ECONNREFUSED):
		d.ok(Sidecar, "", "none runs on this data directory; the last one ended without tidying up")
	case errors.Is(err, fs.ErrPermission):
		d.warn(Sidecar, "", "run this as the user that the sidecar runs as", "whether one runs here is not known: %s is another user's", d.cfg.AdminSocket)
	case errors.Is(err, syscall.EINVAL):
		d.mute = true
		d.warn(Sidecar, "", "choose a shorter --data-dir", "whether one runs here is not known: the path of its admin socket is too long for one")
	default:
		d.warn(Sidecar, "", "", "whether one runs here is not known: %v", err)
	}
	return false
}

// days writes how long something lasts yet.
func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Minute).String()
	}
	return plural(int(d/(24*time.Hour)), "day")
}
