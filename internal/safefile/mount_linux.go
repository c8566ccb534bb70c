package safefile

import "golang.org/x/sys/unix"

// isSecretMount reports whether the file is on a read-only mount in memory. Kubernetes and Swarm give secrets to a
// container as such mounts, which all users of this container can read. A read-only mount of a disk does not
// count, because it does not limit which users can read the file.
func isSecretMount(path string) bool {
	var mount unix.Statfs_t
	if unix.Statfs(path, &mount) != nil || mount.Flags&unix.ST_RDONLY == 0 {
		return false
	}
	kind := uint32(mount.Type) // the size of Type differs between architectures
	return kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC
}
