package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A temporary is the file beside a ring that is to replace it. While it is there nobody else can edit
// the ring: two edits at once would lose a key that something was sealed with.
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

// replace puts the text on disk in place of the file, with the owner and mode that this had. If there was no
// file the owner is that of like.
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
	return errors.Join(t.Sync(), t.Close()) // Windows renames closed files only
}

// release removes what was not put in place. What was is gone, and a file of that name another's.
func (t *temporary) release() error {
	if t.placed {
		return nil
	}
	_ = t.Close() // it is of no use any more, and may be closed already
	return os.Remove(t.Name())
}
