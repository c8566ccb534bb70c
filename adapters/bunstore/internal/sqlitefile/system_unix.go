//go:build unix

package sqlitefile

import (
	"io/fs"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// linkCount returns the number of names (hard links) of a file.
func linkCount(info fs.FileInfo) uint64 {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 1
	}
	return uint64(stat.Nlink) //nolint:unconvert // some systems count with fewer bits
}

// changedAt returns the time (ctime) at which a file was last written or renamed, or its mode or owner was changed.
func changedAt(path string) (time.Time, error) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return time.Time{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return time.Unix(stat.Ctim.Unix()), nil
}
