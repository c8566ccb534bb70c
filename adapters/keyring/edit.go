package keyring

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// Create makes a file with one new key, readable by its owner only, and names the key. Where there is
// a file already the error is [fs.ErrExist], and nothing is changed.
func Create(path string) (id string, err error) {
	err = edit(path, nil, func(old []line) ([]line, error) {
		if old != nil {
			return nil, fs.ErrExist
		}
		var first line
		id, first.text = generate()
		return []line{first}, nil
	})
	return id, err
}

// Add makes a new key the first of the file, which is created where there is none, and names the key.
func Add(path string) (id string, err error) { return AddFor(path, nil) }

// AddFor is [Add] where a file that root creates gets the owner and group of like, so that a daemon of another
// user can read it.
func AddFor(path string, like fs.FileInfo) (id string, err error) {
	err = edit(path, like, func(old []line) ([]line, error) {
		var first line
		id, first.text = generate()
		at := max(0, slices.IndexFunc(old, func(l line) bool { return l.key != nil }))
		return slices.Insert(old, at, first), nil
	})
	return id, err
}

// Prune drops all keys but the first that are not needed, and names them. Whoever still seals with a
// key that was the first a moment ago needs it too: leave some minutes between [Add] and Prune.
func Prune(path string, needed func(id string) bool) (dropped []string, err error) {
	err = edit(path, nil, func(old []line) ([]line, error) {
		keys := keysOf(old)
		if len(keys) == 0 {
			return nil, fs.ErrNotExist
		}
		return slices.DeleteFunc(old, func(l line) bool {
			drop := l.key != nil && l.key.id != keys[0].id && !needed(l.key.name())
			if drop {
				dropped = append(dropped, l.key.name())
			}
			return drop
		}), nil
	})
	return dropped, err
}

// edit rewrites the file, whole or not at all: a crash leaves the old or the new one. Comments stay
// where they are. old is nil where there is no file; the new one then belongs to the owner of like, if given.
func edit(path string, like fs.FileInfo, change func(old []line) ([]line, error)) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // or the link itself would be replaced
	}
	temp, err := lock(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, temp.release()) }()
	old, info, err := current(path)
	if err != nil {
		return fault(path, err)
	}
	lines, err := change(old)
	if err != nil {
		return fault(path, err)
	}
	return fault(path, temp.replace(path, info, like, render(lines)))
}

// current reads the file as it is. All is nil where there is none.
func current(path string) ([]line, fs.FileInfo, error) {
	text, info, err := load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	lines, err := inspect(text, path, info)
	return lines, info, err
}

func render(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text + "\n")
	}
	return b.String()
}
