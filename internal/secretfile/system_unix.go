//go:build unix

package secretfile

import (
	"io/fs"
	"syscall"
)

// hasModes reports whether the modes of files are real permissions.
const hasModes = true

// hasOtherNames reports whether the file may have a hard link in another folder.
func hasOtherNames(info fs.FileInfo) bool {
	stat, known := info.Sys().(*syscall.Stat_t)
	return !known || stat.Nlink != 1
}
