//go:build unix

package bunstore

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// chownLike gives f the owner and group of like, if this process runs as root. Without root the file already
// belongs to the user of this process.
func chownLike(f *os.File, like fs.FileInfo) error {
	stat, known := like.Sys().(*syscall.Stat_t)
	if !known || os.Geteuid() != 0 {
		return nil
	}
	return f.Chown(int(stat.Uid), int(stat.Gid))
}

// linkCount returns the number of names (hard links) of a file.
func linkCount(info fs.FileInfo) uint64 {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 1
	}
	return uint64(stat.Nlink) //nolint:unconvert // some systems count with fewer bits
}

// changedAt returns the time at which a file was last written, renamed or copied into.
func changedAt(path string) (time.Time, error) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return time.Time{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return time.Unix(stat.Ctim.Unix()), nil
}

// syncFolder makes the names in a folder durable, if the file system supports that.
func syncFolder(path string) error {
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
