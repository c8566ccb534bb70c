package daemon

import (
	"errors"
	"io/fs"
	"runtime"
)

var errOpenToAll = errors.New("everybody on this machine may read or write it: take that away (chmod o-rw)")

// CheckPrivate refuses a file of secrets that strangers on the machine can read or write.
func CheckPrivate(info fs.FileInfo) error {
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o006 != 0 { // Windows makes modes up
		return errOpenToAll
	}
	return nil
}
