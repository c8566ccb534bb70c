//go:build !unix

package safefile

import (
	"io/fs"
	"os"
	"time"
)

// hasModes is false, because the modes that Windows reports are not the permissions of the file.
const hasModes = false

func hasOtherNames(fs.FileInfo) bool { return true }

// ChownLike does nothing, because files on this system have no Unix owner.
func ChownLike(*os.File, fs.FileInfo) error { return nil }

// SyncFolder does nothing, because folders cannot be synced on this system.
func SyncFolder(string) error { return nil }

// OpenTemp creates a new file at path for [Write]. If a file exists there, which another process uses or has left, the
// error is [fs.ErrExist].
func OpenTemp(path string, _ time.Duration) (temp *os.File, unlock func(), err error) {
	temp, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return temp, func() {}, err
}

// OpenReplaced returns nil, because an open file cannot be replaced on this system.
func OpenReplaced(string) (*os.File, error) { return nil, nil } //nolint:nilnil // see above
