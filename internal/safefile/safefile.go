// Package safefile reads and writes files that hold a secret or that a crash must not damage.
//
// [CheckOthers] accepts a file if no other user of the machine can read or write it. Other users are all users except
// the owner and the members of the group. [CheckPrivate] also refuses a file that the group can write.
//
//	mode for others      folders above it       what holds it            accepted
//	none                 any                    any                      yes
//	may write            any                    any                      no
//	may read             one is closed to them  any                      yes
//	may read             all are open           a read-only mount in     yes
//	                                            memory (a container's
//	                                            secrets)
//	may read             all are open           any other                no
package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

var (
	errReadable = errors.New("every user of this machine can read or write it: run chmod o-rw on it, or mount it with mode 0440")
	errGroup    = errors.New("every member of its group can write it: run chmod g-w on it")
)

// The permission bits of the group and of other users.
const (
	groupWrite  = 0o020
	othersRead  = 0o004
	othersWrite = 0o002
	othersEnter = 0o001
)

// CheckPrivate checks a file that holds a secret or grants a right. It returns an error if other users of the machine
// can read or write the file at path, or if its group can write it. The argument info is the state of the opened file.
func CheckPrivate(path string, info fs.FileInfo) error {
	err := CheckOthers(path, info)
	if err == nil && hasModes && info.Mode().Perm()&groupWrite != 0 {
		err = errGroup
	}
	return err
}

// CheckOthers returns an error if other users of the machine can read or write the file at path. The group of the file
// may read and write it. The argument info is the state of the file.
func CheckOthers(path string, info fs.FileInfo) error {
	switch mode := info.Mode().Perm(); {
	case !hasModes || mode&(othersRead|othersWrite) == 0:
		return nil
	case mode&othersWrite == 0 && (isClosed(path) && !hasOtherNames(info) || isSecretMount(path)):
		return nil
	}
	return errReadable
}

// isClosed reports whether others cannot enter a folder above the file. It resolves symbolic links first, because only
// the folders of the real path protect the file.
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

// Read returns the first limit bytes of a file, and its state. The bytes and the state belong to the same file, even if
// another file replaces it during the call.
func Read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // the file was only read
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, limit))
	return text, info, err
}

// Unchanged reports whether two states of a path describe the same file with the same mode, size and time. It returns
// false if before is nil.
func Unchanged(before, now fs.FileInfo) bool {
	return before != nil && os.SameFile(before, now) && before.Mode() == now.Mode() &&
		before.Size() == now.Size() && before.ModTime().Equal(now.ModTime())
}

// Write fills the new file temp, and renames it to path when its content is on disk. After a crash the path names
// either the complete new file or the old one. The file temp must be in the folder of path. Write closes it, and after
// an error removes it.
//
// The function fill writes the content, and sets the mode and the owner. The argument rename is [os.Rename] or a
// similar function. If an old file exists, that function may return an error, or keep the old file under another name.
func Write(temp *os.File, path string, fill func(*os.File) error, rename func(from, to string) error) error {
	err := fill(temp)
	if err == nil {
		err = temp.Sync()
	}
	err = errors.Join(err, temp.Close()) // Windows renames only closed files
	if err == nil {
		err = rename(temp.Name(), path)
	}
	if err == nil {
		return SyncFolder(filepath.Dir(path))
	}
	if removed := os.Remove(temp.Name()); !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

// Overwrite replaces the content of an open file with zeros, and writes them to disk. The content is then destroyed if
// the file system writes in place. On a file system that copies on write, the old blocks stay until they are used again.
func Overwrite(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	_, err = f.WriteAt(make([]byte, info.Size()), 0)
	return errors.Join(err, f.Sync())
}
