//go:build !unix

package keyring

import (
	"io/fs"
	"os"
)

// own does nothing where files have no owners of this kind.
func own(*os.File, fs.FileInfo) error { return nil }

// syncFolder does nothing where a folder cannot be synced.
func syncFolder(string) error { return nil }
