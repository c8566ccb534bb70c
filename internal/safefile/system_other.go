//go:build !unix

package safefile

import (
	"io/fs"
	"os"
	"time"
)

// hasModes is false, because Windows makes up the modes of files.
const hasModes = false

func hasOtherNames(fs.FileInfo) bool { return true }

// ChownLike does nothing, because files on this system have no Unix owner.
func ChownLike(*os.File, fs.FileInfo) error { return nil }

// SyncFolder does nothing, because folders cannot be synced on this system.
func SyncFolder(string) error { return nil }

// OpenTemp creates the new file path for [Write]. If another process uses it or has left it, the error is
// [fs.ErrExist].
func OpenTemp(path string, _ time.Duration) (temp *os.File, unlock func(), err error) {
	temp, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return temp, func() {}, err
}

// OpenReplaced returns nil, because an open file cannot be replaced on this system.
func OpenReplaced(string) (*os.File, error) { return nil, nil } //nolint:nilnil // see above
