//go:build unix

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// hasModes is true, because the modes of files are real permissions on this system.
const hasModes = true

// hasOtherNames reports whether the file may have a hard link in another folder.
func hasOtherNames(info fs.FileInfo) bool {
	stat, known := info.Sys().(*syscall.Stat_t)
	return !known || stat.Nlink != 1
}

// ChownLike gives f the owner and group of the file that like describes, if this process runs as root. Without root the
// file already belongs to the user of this process. So a service can still use its file after root has replaced it.
func ChownLike(f *os.File, like fs.FileInfo) error {
	stat, known := like.Sys().(*syscall.Stat_t)
	if !known || os.Geteuid() != 0 {
		return nil
	}
	return f.Chown(int(stat.Uid), int(stat.Gid))
}

// SyncFolder makes the names in a folder durable, if the file system supports that.
func SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}
