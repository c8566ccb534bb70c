//go:build !unix

package keyring

import (
	"io/fs"
	"os"
)

// own does nothing, because files have no owner and group as on Unix.
func own(*os.File, fs.FileInfo) error { return nil }

// syncFolder does nothing, because a folder cannot be synced.
func syncFolder(string) error { return nil }
