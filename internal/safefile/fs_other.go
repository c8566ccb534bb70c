//go:build !unix

package safefile

import (
	"io/fs"
	"os"
)

// hasModes is false, because Windows makes up the modes of files.
const hasModes = false

func hasOtherNames(fs.FileInfo) bool { return true }

// ChownLike does nothing, because files have no Unix owner here.
func ChownLike(*os.File, fs.FileInfo) error { return nil }

// SyncFolder does nothing, because folders cannot be synced here.
func SyncFolder(string) error { return nil }
