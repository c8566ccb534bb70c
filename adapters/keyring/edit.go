package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/internal/safefile"
)

// Create makes a file with one new key, readable by its owner only, and returns the key's id. If the file exists,
// the error is [fs.ErrExist] and the file stays as it is.
func Create(path string) (id string, err error) {
	err = edit{path: path}.do(func(old []line) (all []line, err error) {
		if old != nil {
			return nil, fs.ErrExist
		}
		id, all = insertKey(old, time.Now())
		return all, nil
	})
	return id, err
}

// Add inserts a new key as the first one of the file, and returns the key's id. If there is no file, Add creates
// it.
func Add(path string) (id string, err error) { return AddFor(path, nil) }

// AddFor is like [Add]. If root creates the file, the file gets the owner and group of like, so that a daemon of
// another user can read it.
func AddFor(path string, like fs.FileInfo) (id string, err error) {
	err = edit{path: path, like: like}.do(func(old []line) (all []line, err error) {
		id, all = insertKey(old, time.Now())
		return all, nil
	})
	return id, err
}

// insertKey inserts a new key as the first one.
func insertKey(old []line, now time.Time) (id string, all []line) {
	id, first := generateKey(now)
	at := max(0, slices.IndexFunc(old, func(l line) bool { return l.key != nil }))
	return id, slices.Insert(old, at, first)
}

// An edit rewrites a file. The comments in the file stay.
type edit struct {
	path    string
	like    fs.FileInfo // a new file gets its owner; nil: that of this process
	destroy bool        // overwrite the content of the old file
}

// errUnchanged is the result of a change that leaves the file as it is.
var errUnchanged = errors.New("nothing to change")

// lockWait is the time limit for waiting for another edit. An edit takes milliseconds.
const lockWait = 5 * time.Second

// do rewrites the file atomically: after a crash there is either the old file or the new one. If there is no file, old is
// nil.
//
// The temporary file is locked until it has the name of the file, so edits run one after the other. Two simultaneous edits
// could lose a key that has encrypted something.
func (e edit) do(change func(old []line) ([]line, error)) error {
	if target, err := filepath.EvalSymlinks(e.path); err == nil {
		e.path = target // replace the target of a link, not the link
	}
	temp, unlock, err := safefile.OpenTemp(e.path+".new", lockWait)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("key ring %s is being changed; if no other command runs, remove %s.new", e.path, e.path)
	}
	if err != nil {
		return wrapErr(e.path, err)
	}
	defer unlock()
	var replaced *os.File
	err = safefile.Write(temp, e.path, func(f *os.File) (err error) {
		if e.destroy {
			if replaced, err = safefile.OpenReplaced(e.path); err != nil {
				return err
			}
		}
		return e.fill(f, change)
	}, os.Rename)
	if replaced != nil {
		if err == nil {
			err = safefile.Overwrite(replaced)
		}
		err = errors.Join(err, replaced.Close())
	}
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return wrapErr(e.path, err)
}

// fill writes the changed lines to the new file f.
func (e edit) fill(f *os.File, change func(old []line) ([]line, error)) error {
	old, info, err := current(e.path)
	if err != nil {
		return err
	}
	lines, err := change(old)
	if err != nil {
		return err
	}
	if err := copyRights(f, info, e.like); err != nil {
		return err
	}
	_, err = f.WriteString(render(lines))
	return err
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
