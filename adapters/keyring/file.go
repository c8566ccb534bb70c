package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/keyseat/keyseat/internal/safefile"
)

// fileState is the state of a file when it was read last, and the error of that read.
type fileState struct {
	fs.FileInfo
	err error
}

func (s *fileState) unchanged(now fs.FileInfo) bool {
	return s != nil && safefile.Unchanged(s.FileInfo, now)
}

// refresh reads the file if it has changed since the last read. If it has not, refresh returns the error of the
// last read.
func (r *Ring) refresh() error {
	if r.path == "" {
		return nil
	}
	now, err := os.Stat(r.path)
	if err != nil {
		return wrapErr(r.path, err)
	}
	if last := r.lastRead.Load(); last.unchanged(now) {
		return last.err
	}
	return r.reload()
}

// reload reads the file, one goroutine at a time. A goroutine that waited for another one's read uses that read's
// result.
func (r *Ring) reload() error {
	r.readLock.Lock()
	defer r.readLock.Unlock()
	text, info, err := safefile.Read(r.path, maxFile+1)
	if err != nil {
		return wrapErr(r.path, err)
	}
	if last := r.lastRead.Load(); last.unchanged(info) {
		return last.err
	}
	lines, err := parseChecked(text, r.path, info)
	if err == nil {
		keys := keysOf(lines)
		r.keys.Store(&keys)
	}
	err = wrapErr(r.path, err)
	r.lastRead.Store(&fileState{info, err})
	return err
}

// parseChecked parses the text of a file, and returns an error if other users can read or write the file.
func parseChecked(text []byte, path string, info fs.FileInfo) ([]line, error) {
	if err := safefile.CheckPrivate(path, info); err != nil {
		return nil, err
	}
	return parse(text)
}

// wrapErr adds "key ring" and the path of the file to an error. It omits the path if an error of package os has it
// already.
func wrapErr(path string, err error) error {
	var known *fs.PathError
	switch {
	case err == nil:
		return nil
	case path == "" || errors.As(err, &known):
		return fmt.Errorf("key ring: %w", err)
	}
	return fmt.Errorf("key ring %s: %w", path, err)
}
