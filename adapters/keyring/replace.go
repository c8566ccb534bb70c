package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A temporary is the file, in the same folder, that is going to replace a key ring file. While the temporary
// exists, no other edit can begin. Two simultaneous edits could lose a key that has encrypted something.
type temporary struct {
	*os.File
	placed bool
}

func lock(path string) (*temporary, error) {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("key ring %s is being changed; if nobody is at it, remove %s.new", path, path)
	}
	if err != nil {
		return nil, fault(path, err)
	}
	return &temporary{File: f}, nil
}

// replace replaces the file at path by one with the given text, and waits until the new file is on disk. The new
// file has the owner and mode of old. If old is nil, it has the owner of like.
func (t *temporary) replace(path string, old, like fs.FileInfo, text string) error {
	if err := t.write(old, like, text); err != nil {
		return err
	}
	if err := os.Rename(t.Name(), path); err != nil {
		return err
	}
	t.placed = true
	return syncFolder(filepath.Dir(path))
}

func (t *temporary) write(old, like fs.FileInfo, text string) error {
	var err error
	if old != nil {
		err = errors.Join(own(t.File, old), t.Chmod(old.Mode().Perm()))
	} else if like != nil {
		err = own(t.File, like)
	}
	if err != nil {
		return err
	}
	if _, err := t.WriteString(text); err != nil {
		return err
	}
	return errors.Join(t.Sync(), t.Close()) // Windows renames only closed files
}

// release removes the temporary file if it has not replaced the key ring file. If it has, a file with its old name
// belongs to another edit.
func (t *temporary) release() error {
	if t.placed {
		return nil
	}
	_ = t.Close() // it may be closed already
	return os.Remove(t.Name())
}
