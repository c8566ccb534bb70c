//go:build !unix

package bunstore

import (
	"io/fs"
	"os"
	"time"
)

// chownLike does nothing where files have no owners of this kind.
func chownLike(*os.File, fs.FileInfo) error { return nil }

// linkCount cannot count names here.
func linkCount(fs.FileInfo) uint64 { return 1 }

// changedAt returns when a file was last written.
func changedAt(path string) (time.Time, error) {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// syncFolder does nothing where a folder cannot be synced.
func syncFolder(string) error { return nil }
