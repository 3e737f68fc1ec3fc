package doctor

import "golang.org/x/sys/unix"

// remotes are the network file systems that say so.
var remotes = map[int64]string{unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB", unix.CEPH_SUPER_MAGIC: "CephFS"}

func lookAtDisk(dir string) (fileSystem, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fileSystem{}, err
	}
	size := uint64(st.Bsize)
	return fileSystem{
		free: st.Bavail * size, total: st.Blocks * size, noFiles: st.Files > 0 && st.Ffree == 0, readOnly: st.Flags&unix.ST_RDONLY != 0,
		memory: int64(st.Type) == unix.TMPFS_MAGIC, remote: remotes[int64(uint32(st.Type))],
	}, nil
}
