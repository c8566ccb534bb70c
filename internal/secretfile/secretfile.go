// Package secretfile decides whether a file is fit to hold a secret.
//
//	mode for others      folders above it       what holds it            fit
//	none                 any                    any                      yes
//	may write            any                    any                      no
//	may read             one is closed to them  any                      yes
//	may read             all are open           a read-only mount in     yes
//	                                            memory (a container's
//	                                            secrets)
//	may read             all are open           any other                no
package secretfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

var errReadable = errors.New("every user of this machine can read or write it: run chmod o-rw on it, or mount it with mode 0440")

// The permission bits of users other than the owner and the group.
const (
	othersRead  = 0o004
	othersWrite = 0o002
	othersEnter = 0o001
)

// Check returns an error if other users of the machine can read or write the file at path. Other users are all but
// the owner and the group. info describes the file as it was opened.
func Check(path string, info fs.FileInfo) error {
	switch mode := info.Mode().Perm(); {
	case !hasModes || mode&(othersRead|othersWrite) == 0:
		return nil
	case mode&othersWrite == 0 && (isClosed(path) && !hasOtherNames(info) || isSecretMount(path)):
		return nil
	}
	return errReadable
}

// isClosed reports whether others cannot enter one of the folders above the file. Symbolic links do not count,
// because they protect nothing.
func isClosed(path string) bool {
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	for err == nil && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		var folder fs.FileInfo
		if folder, err = os.Stat(path); err == nil && folder.Mode().Perm()&othersEnter == 0 {
			return true
		}
	}
	return false
}
