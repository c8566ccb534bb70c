package secretfile

import "golang.org/x/sys/unix"

// isSecretMount reports whether the file is on a read-only mount in memory. Kubernetes and Swarm give secrets to a
// container so, readable for all users of this container. On disks a read-only mount says nothing of who can read.
func isSecretMount(path string) bool {
	var mount unix.Statfs_t
	if unix.Statfs(path, &mount) != nil || mount.Flags&unix.ST_RDONLY == 0 {
		return false
	}
	kind := uint32(mount.Type) // whose size differs between machines
	return kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC
}
