package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/internal/safefile"
)

// Create makes a file with one new key, readable by its owner only, and returns the key's id. If the file exists,
// the error is [fs.ErrExist] and the file stays as it is.
func Create(path string) (id string, err error) {
	err = edit(path, nil, func(old []line) ([]line, error) {
		if old != nil {
			return nil, fs.ErrExist
		}
		var first line
		id, first.text = generateKey()
		return []line{first}, nil
	})
	return id, err
}

// Add inserts a new key as the first one of the file, and returns the key's id. If there is no file, Add creates
// it.
func Add(path string) (id string, err error) { return AddFor(path, nil) }

// AddFor is like [Add]. If root creates the file, the file gets the owner and group of like, so that a daemon of
// another user can read it.
func AddFor(path string, like fs.FileInfo) (id string, err error) {
	err = edit(path, like, func(old []line) ([]line, error) {
		var first line
		id, first.text = generateKey()
		at := max(0, slices.IndexFunc(old, func(l line) bool { return l.key != nil }))
		return slices.Insert(old, at, first), nil
	})
	return id, err
}

// Prune removes the keys for which needed returns false, and returns their ids. It never removes the first key.
// A process may encrypt with the previous first key for a moment after [Add]: run Prune some minutes later.
func Prune(path string, needed func(id string) bool) (dropped []string, err error) {
	err = edit(path, nil, func(old []line) ([]line, error) {
		keys := keysOf(old)
		if len(keys) == 0 {
			return nil, fs.ErrNotExist
		}
		return slices.DeleteFunc(old, func(l line) bool {
			drop := l.key != nil && l.key.id != keys[0].id && !needed(l.key.hexID())
			if drop {
				dropped = append(dropped, l.key.hexID())
			}
			return drop
		}), nil
	})
	return dropped, err
}

// edit rewrites the file atomically: after a crash there is either the old file or the new one. The comments in
// the file stay. If there is no file, old is nil, and the new file gets the owner of like unless that is nil.
//
// While the temporary file exists, no other edit can begin. Two simultaneous edits could lose a key that has
// encrypted something.
func edit(path string, like fs.FileInfo, change func(old []line) ([]line, error)) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // replace the target of a link, not the link
	}
	temp, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("key ring %s is being changed; if no other command runs, remove %s.new", path, path)
	}
	if err != nil {
		return wrapErr(path, err)
	}
	return wrapErr(path, safefile.Write(temp, path, func(f *os.File) error {
		old, info, err := current(path)
		if err != nil {
			return err
		}
		lines, err := change(old)
		if err != nil {
			return err
		}
		if err := copyRights(f, info, like); err != nil {
			return err
		}
		_, err = f.WriteString(render(lines))
		return err
	}, os.Rename))
}

// copyRights gives f the owner and mode of the old file. If old is nil, f gets the owner of like, if like is not nil.
func copyRights(f *os.File, old, like fs.FileInfo) error {
	switch {
	case old != nil:
		return errors.Join(safefile.ChownLike(f, old), f.Chmod(old.Mode().Perm()))
	case like != nil:
		return safefile.ChownLike(f, like)
	}
	return nil
}

// current reads the file. Without a file, all its results are nil.
func current(path string) ([]line, fs.FileInfo, error) {
	text, info, err := safefile.Read(path, maxFile+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	lines, err := parseChecked(text, path, info)
	return lines, info, err
}

func render(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text + "\n")
	}
	return b.String()
}
