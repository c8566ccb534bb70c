//go:build !unix

package sqlitefile

import (
	"io/fs"
	"os"
	"time"
)

// linkCount returns 1, because this system does not report the number of hard links.
func linkCount(fs.FileInfo) uint64 { return 1 }

// changedAt returns the time of the last write to a file.
func changedAt(path string) (time.Time, error) {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}
