package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sidelock/sidelock/raftnode/store"
)

// dataDir looks whether the data are sound, without touching them.
func (d *examination) dataDir(context.Context) {
	dir := d.cfg.DataDir
	d.data, d.dataErr = store.Inspect(dir, d.cfg.Version)
	in := d.data
	switch {
	case errors.Is(d.dataErr, fs.ErrPermission):
		d.fail(DataDir, "", "run this as the user that the sidecar runs as", "%v", d.dataErr)
		return
	case d.dataErr != nil:
		d.fail(DataDir, "", "", "%v", d.dataErr)
		return
	case in.InUse && d.running == nil && !d.mute:
		d.warn(DataDir, "", "if none is just starting or stopping, see what that process does", "%s is in use by another process%s, which does not answer", dir, in.Holder)
		return
	case in.InUse:
		d.ok(DataDir, "", "%s is in use by the sidecar%s: it verifies what it reads", dir, in.Holder)
	case in.Fresh:
		d.fresh(dir)
		return
	case in.Membership.Promise != nil && len(in.Membership.Promise.Nodes) == 1 && !in.Membership.Grown && d.cfg.ClusterSize > 1:
		d.fail(DataDir, "", "move the directory away, or start it with --cluster-size 1 and let the others join it (--cluster-state existing)", "%s belongs to a group of one, and --cluster-size is %d", dir, d.cfg.ClusterSize)
	case !writable(dir):
		d.fail(DataDir, "", "run the sidecar as the directory's owner, or give it to the sidecar's user", "%s cannot be written to", dir)
	default:
		d.ok(DataDir, "", "%s is that of node %s%s, was opened %s, and is sound", dir, in.Identity.NodeID, ofCluster(in.Membership.ClusterID), plural(int(in.Boots), "time"))
	}
	if info, err := os.Stat(dir); err == nil && info.Mode()&0o077 != 0 {
		d.warn(DataDir, "", "chmod 700 "+dir, "others than its owner may look into %s (mode %v)", dir, info.Mode().Perm())
	}
}

func ofCluster(id string) string {
	if id == "" {
		return ", of no group yet"
	}
	return " of cluster " + id
}

// fresh looks whether a directory that is not there yet can be made.
func (d *examination) fresh(dir string) {
	above := existing(dir)
	if !writable(above) {
		d.fail(DataDir, "", "make the directory for the sidecar's user, or choose another with --data-dir", "%s is not there, and cannot be made: %s is not writable", dir, above)
		return
	}
	d.ok(DataDir, "", "%s is new: the first start makes a new node there", dir)
}

// existing is the directory itself or, where it is not there yet, the first one above it that is.
func existing(dir string) string {
	dir, err := filepath.Abs(dir)
	for err == nil {
		info, missing := os.Stat(dir)
		if missing == nil && info.IsDir() || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// disk looks how much room there is, and what kind of file system it is.
func (d *examination) disk(context.Context) {
	dir := existing(d.cfg.DataDir)
	fs, err := lookAtDisk(dir)
	if err != nil {
		d.warn(Disk, "", "", "how much of it is free is not known: %v", err)
		return
	}
	switch {
	case fs.readOnly:
		d.fail(Disk, "", "mount it writable, or choose another --data-dir", "the file system of %s is mounted read-only", dir)
	case fs.free < diskTooLow || fs.noFiles:
		d.fail(Disk, "", "make room: a sidecar that cannot write stops", "%s of %s are free at %s%s", size(fs.free), size(fs.total), dir, noFiles(fs))
	case fs.free < diskLow:
		d.warn(Disk, "", "make room: the log grows by 16 MiB at a time, and snapshots need their place twice", "%s of %s are free at %s", size(fs.free), size(fs.total), dir)
	case fs.remote != "":
		d.warn(Disk, "", "use a local disk: locks and syncs of network file systems fail in their own ways", "%s is on %s", dir, fs.remote)
	case fs.memory && !d.cfg.Ephemeral:
		d.warn(Disk, "", "say --ephemeral, or use a disk", "%s is in memory: after a restart of the machine this is a new node, and the old one is waited for", dir)
	default:
		d.ok(Disk, "", "%s of %s are free at %s", size(fs.free), size(fs.total), dir)
	}
}

func noFiles(fs fileSystem) string {
	if fs.noFiles {
		return ", and no more files can be made"
	}
	return ""
}

// fileSystem is what is known of the place where the data are.
type fileSystem struct {
	free, total uint64 // bytes, for those who are not root
	noFiles     bool   // its inodes are used up
	readOnly    bool
	memory      bool   // tmpfs
	remote      string // which network file system; "": none that is known
}
